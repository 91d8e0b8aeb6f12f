"""The examples in docstrings of models run; what a module exports is there."""

import doctest
import importlib
import pkgutil

import pytest

import spaniel.models
import spaniel.models.encoders

MODULES = [
    module.name
    for package in (spaniel.models, spaniel.models.encoders)
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + ".")
    if not module.ispkg
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_and_exports(name: str) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0
    exported = module.__all__
    assert sorted(exported, key=lambda word: (not word.isupper(), not word[0].isupper(), word)) == list(exported)
    assert all(hasattr(module, word) for word in exported)
