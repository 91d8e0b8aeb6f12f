"""The examples in the docs and docstrings of building and filtering run."""

import doctest
import importlib
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
MODULES = [
    "build",
    "bury",
    "duplicates",
    "edit",
    "index",
    "ingest",
    "ingest_values",
    "optimize",
    "partial",
    "passage_ids",
    "passage_rows",
    "passage_writer",
]
MODULES += ["passages", "progress", "segments", "settings", "stream", "vectors", "where", "where_sql", "write_segment"]
MODULES += [f"chunking.{name}" for name in ("blocks", "chunker", "cut", "rebuilt", "sentences", "settings")]


def test_filters_page() -> None:
    assert doctest.testfile(str(DOCS / "filters.md"), module_relative=False).failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_examples_and_exports(name: str) -> None:
    module = importlib.import_module(f"spaniel.index.{name}")
    assert doctest.testmod(module).failed == 0
    exported = module.__all__
    assert sorted(exported, key=lambda word: (not word.isupper(), not word[0].isupper(), word)) == list(exported)
    assert all(hasattr(module, word) for word in exported)
