"""The examples in docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

import spaniel.retrieval
import spaniel.retrieval.policies
import spaniel.retrieval.policies.bandits
import spaniel.retrieval.policies.evaluation

MODULES = [
    module.name
    for package in (
        spaniel.retrieval,
        spaniel.retrieval.policies,
        spaniel.retrieval.policies.bandits,
        spaniel.retrieval.policies.evaluation,
    )
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + ".")
    if not module.ispkg
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0
    exported = getattr(module, "__all__", [])
    assert exported
    assert all(hasattr(module, word) for word in exported)
