"""The wheel holds what the tree holds and works far from it: sdist, wheel, clean environment, build and search."""

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "retrieval": "retrieval", "models": "models", "index": "index", "rerank": "rerank", "rag": "rag", "eval": "eval",
    "training": "training", "": "_spaniel",
}  # fmt: skip

OF_AN_EXTRA = {
    "langchain": [
        f"spaniel.rag.langchain.{name}"
        for name in ("compressor", "documents", "embeddings", "retriever", "vectorstore")
    ],
    "serve": [
        f"spaniel.rerank.serve.{name}" for name in ("answers", "app", "body", "heads", "protocol", "run", "watching")
    ],
    "train": [
        "spaniel.training.blend",
        "spaniel.training.checkpoint",
        "spaniel.training.computing",
        "spaniel.training.definition",
        "spaniel.training.loop",
        "spaniel.training.losses.bpr",
        "spaniel.training.losses.codes",
        "spaniel.training.losses.in_batch",
        "spaniel.training.losses.lambda_rank",
        "spaniel.training.losses.pairs",
        "spaniel.training.losses.relevance",
        "spaniel.training.losses.sentence_transformers",
        "spaniel.training.losses.star",
        "spaniel.training.methods.adore",
        "spaniel.training.output",
        "spaniel.training.progress",
        "spaniel.training.methods.bpr",
        "spaniel.training.methods.cached",
        "spaniel.training.methods.in_batch",
        "spaniel.training.methods.pair_training",
        "spaniel.training.methods.star",
        "spaniel.training.schedule",
        "spaniel.training.snapshots",
        "spaniel.training.step",
        "spaniel.training.tensor_file",
        "spaniel.training.tower",
        "spaniel.training.train_state",
    ],
}
"""Modules that are of no use without an extra, and import it."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def tree_modules() -> set[str]:
    """Dotted names of every Python module of the tree."""
    found = set()
    for package, folder in FOLDERS.items():
        for path in (ROOT / folder).rglob("*.py"):
            parts = ["spaniel", package, *path.relative_to(ROOT / folder).with_suffix("").parts]
            found.add(".".join(part for part in parts if part and part != "__init__"))
    return found


def wheel_modules(wheel: Path) -> set[str]:
    """Dotted names of every Python module of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        paths = [Path(name) for name in archive.namelist() if name.endswith(".py")]
    return {".".join(part for part in path.with_suffix("").parts if part != "__init__") for path in paths}


def run(*command: str | Path, cwd: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run a command outside the repository, with nothing of this environment's paths."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [str(word) for word in command], cwd=cwd, env=clean, capture_output=True, text=True, timeout=600
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the sdist, with the build tools of this environment."""
    out = tmp_path_factory.mktemp("dist")
    done = run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a clean environment with the wheel in it."""
    home = tmp_path_factory.mktemp("clean")
    venv.create(home, with_pip=True)
    done = run(home / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check", wheel, cwd=home)
    if done.returncode != 0 and ("Could not find a version" in done.stderr or "ConnectionError" in done.stderr):
        pytest.skip(f"pip reaches no package index: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr[-3000:]
    return home / "bin"


def test_wheel_holds_the_trees_modules(wheel: Path) -> None:
    assert wheel_modules(wheel) == tree_modules()


def test_wheel_holds_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert not [name for name in names if name.endswith((".cpp", ".hpp", "CMakeLists.txt"))]
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"spaniel"}
    data = {"spaniel/py.typed", "spaniel/eval/collections/registry.toml", "spaniel/eval/collections/published.toml"}
    data |= {"spaniel/models/known.toml", "spaniel/models/sample.txt"}
    assert data <= set(names)
    assert any(name.startswith("spaniel/index/kernels/_native") and name.endswith(".so") for name in names)


def test_sdist_holds_sources_and_no_builds(wheel: Path) -> None:
    (sdist,) = wheel.parent.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"CMakeLists.txt", "LICENSE", "README.md", "index/kernels/module.cpp", "_spaniel/__init__.py"} <= names
    assert not [name for name in names if name.startswith((".venv", ".typing", "build/")) or name.endswith(".so")]


def test_every_module_imports(installed: Path, tmp_path: Path) -> None:
    # `python -m spaniel` is a module too; importing it runs nothing.
    extra = sorted(name for names in OF_AN_EXTRA.values() for name in names)
    assert set(extra) <= tree_modules()
    code = f"import importlib\nfor name in {sorted(tree_modules() - set(extra))}: importlib.import_module(name)"
    done = run(installed / "python", "-W", "error", "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    code = f"import importlib\nfor name in {extra}: importlib.import_module(name)"
    here = run(sys.executable, "-c", code, cwd=tmp_path)
    assert here.returncode == 0, here.stderr


def test_a_command_of_an_extra_says_which(installed: Path, tmp_path: Path) -> None:
    done = run(installed / "spaniel", "rerank", "serve", "--model", "none", "--json", cwd=tmp_path)
    assert done.returncode == 2
    assert "spaniel[serve]" in json.loads(done.stderr)["error"]["hint"]


def test_build_and_search_far_from_the_repository(installed: Path, tmp_path: Path) -> None:
    assert "Usage: spaniel" in run(installed / "spaniel", "--help", cwd=tmp_path).stdout
    records = [{"id": "a", "text": "Keys are rotated every day."}, {"id": "b", "text": "Dogs fetch sticks."}]
    (tmp_path / "docs.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    built = run(installed / "spaniel", "index", "build", "docs.jsonl", "kb", "--json", cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    assert json.loads(built.stdout)["passages"] == 2
    found = run(installed / "spaniel", "search", "kb", "rotating keys", "--json", cwd=tmp_path)
    assert [hit["id"] for hit in json.loads(found.stdout)["hits"]] == ["a"]
    code = "import spaniel; print([hit.id for hit in spaniel.open('kb').search('dog')])"
    assert run(installed / "python", "-c", code, cwd=tmp_path).stdout == "['b']\n"
