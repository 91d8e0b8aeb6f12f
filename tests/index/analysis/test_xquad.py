"""What the analysers are for: finding the right paragraph, in languages that `\\w+` fails."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from spaniel.index.analysis import Analyzer


def benchmark() -> ModuleType:
    path = Path(__file__).parents[3] / "benchmarks" / "xquad_analysis.py"
    spec = importlib.util.spec_from_file_location("xquad_analysis", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("language", "name", "at_least"),
    [("zh", "cjk", 0.85), ("hi", "hindi", 0.80), ("th", "southeast_asian", 0.90), ("en", "english", 0.95)],
)
def test_ndcg_of_bm25_on_xquad(shared_data: Path, language: str, name: str, at_least: float) -> None:
    folder = shared_data / "xquad" / language
    if not folder.exists():
        pytest.skip(f"{folder} does not exist")
    assert benchmark().ndcg(folder, Analyzer(name).tokens).mean() >= at_least
