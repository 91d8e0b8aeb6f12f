"""The examples in the docstrings run, and what is exported is there."""

import doctest
import importlib
import pkgutil

import pytest

import spaniel.eval.statistics as package


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(package.__path__)])
def test_examples_and_exports(name: str) -> None:
    module = importlib.import_module(f"spaniel.eval.statistics.{name}")
    assert doctest.testmod(module).failed == 0
    assert all(hasattr(module, word) for word in module.__all__)


def test_the_package_exports_all_it_should() -> None:
    assert all(hasattr(package, word) for word in package.__all__)
