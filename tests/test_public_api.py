"""What `import spaniel` offers and what it costs."""

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

import spaniel

HEAVY = {"faiss", "onnxruntime", "torch", "transformers", "langchain", "langchain_core", "pandas", "jnius"}


def run_python(code: str) -> str:
    """stdout of a fresh interpreter."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def modules_after(code: str) -> set[str]:
    """Top-level names of what is loaded after running some code."""
    loaded = json.loads(run_python(f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))"))
    return set(loaded)


def home_of(name: str) -> tuple[str, str]:
    """(module, name there) of a public name."""
    module, _, attribute = spaniel._HOME[name].partition(":")
    return f"spaniel.{module}", attribute or name


def test_all_is_sorted_complete_and_there() -> None:
    assert spaniel.__all__ == sorted(spaniel.__all__)
    assert set(spaniel.__all__) == set(spaniel._HOME)
    for name in spaniel.__all__:
        module, attribute = home_of(name)
        assert getattr(spaniel, name) is getattr(importlib.import_module(module), attribute)
        assert name in dir(spaniel)


def test_type_checkers_see_the_same_names() -> None:
    source = Path(spaniel.__file__).read_text(encoding="utf-8")
    for name in spaniel.__all__:
        module, attribute = home_of(name)
        assert f"    from {module} import {attribute} as {name}\n" in source


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'biuld'"):
        spaniel.biuld  # type: ignore[attr-defined]  # noqa: B018


def test_version_is_the_distributions() -> None:
    assert spaniel.__version__.count(".") == 2


def test_import_loads_next_to_nothing() -> None:
    before = modules_after("")
    start = time.perf_counter()
    extra = modules_after("import spaniel") - before
    print(f"fresh interpreter and import: {time.perf_counter() - start:.3f} s; {sorted(extra)}")  # noqa: T201
    assert {name for name in extra if name.startswith("spaniel")} == {"spaniel"}
    # The editable install's import hook brings a few modules of the standard library; nothing else may come.
    assert not {name.partition(".")[0] for name in extra} - sys.stdlib_module_names - {"spaniel"}


def test_help_loads_click_and_no_numpy() -> None:
    code = "import contextlib, io\nfrom spaniel.cli import main\n"
    code += "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): main(['--help'])"
    loaded = {name.partition(".")[0] for name in modules_after(code)}
    assert "click" in loaded
    assert not loaded & {"numpy", "rich", "msgspec", "sqlite3", "Stemmer", *HEAVY}


def test_everything_public_loads_no_optional_package() -> None:
    loaded = modules_after("import spaniel\nfor name in spaniel.__all__: getattr(spaniel, name)")
    assert not {name.partition(".")[0] for name in loaded} & HEAVY
