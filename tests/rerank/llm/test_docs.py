"""The examples in docstrings run; what a module exports is there."""

import doctest
import importlib
import pkgutil

import pytest

import spaniel.rerank.llm


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(spaniel.rerank.llm.__path__)])
def test_examples_and_exports(name: str) -> None:
    module = importlib.import_module(f"spaniel.rerank.llm.{name}")
    assert doctest.testmod(module).failed == 0
    assert module.__all__
    assert all(hasattr(module, word) for word in module.__all__)
