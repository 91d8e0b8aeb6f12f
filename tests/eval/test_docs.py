"""Examples in docstrings of the evaluation run."""

import doctest
import importlib

import pytest

MODULES = ["evaluation", "results_format", "run", "measures.score"]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(f"spaniel.eval.{name}")
    found = doctest.testmod(module)
    assert found.failed == 0 and found.attempted > 0
