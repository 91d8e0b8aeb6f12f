"""The examples in docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

import spaniel.retrieval


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(spaniel.retrieval.__path__)])
def test_examples(name: str) -> None:
    module = importlib.import_module(f"spaniel.retrieval.{name}")
    assert doctest.testmod(module).failed == 0
    exported = getattr(module, "__all__", [])
    assert exported
    assert all(hasattr(module, word) for word in exported)
