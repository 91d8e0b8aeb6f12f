"""What `spaniel.eval` offers: loaded late, all of it there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import spaniel.eval


def test_every_name_is_there_and_type_checkers_see_it() -> None:
    source = Path(spaniel.eval.__file__).read_text(encoding="utf-8")
    for name, module in spaniel.eval._HOME.items():
        assert getattr(spaniel.eval, name) is not None
        assert name in dir(spaniel.eval)
        assert f"    from .{module} import {name} as {name}\n" in source
    with pytest.raises(AttributeError, match="no attribute 'scroe'"):
        spaniel.eval.scroe  # type: ignore[attr-defined]  # noqa: B018


def test_import_is_light() -> None:
    code = "import sys, json, spaniel.eval; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"numpy", "scipy", "ir_measures", "pytrec_eval", "msgspec"}
