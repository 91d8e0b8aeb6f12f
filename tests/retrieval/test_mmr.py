"""Maximal marginal relevance equals its definition, one passage at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.mmr import mmr


def unit(n: int, d: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def by_definition(relevance: np.ndarray, vectors: np.ndarray, weight: float) -> list[int]:
    taken: list[int] = []
    while len(taken) < len(relevance):
        left = [i for i in range(len(relevance)) if i not in taken]
        similar = {
            i: max([0.0, *(float(vectors[i].astype(float) @ vectors[j].astype(float)) for j in taken)]) for i in left
        }
        taken.append(max(left, key=lambda i: (weight * relevance[i] - (1 - weight) * similar[i], -i)))
    return taken


@given(st.integers(0, 12), st.integers(0, 10**6), st.sampled_from([0.3, 0.5, 0.9]))
def test_it_is_the_definition(n: int, seed: int, weight: float) -> None:
    relevance = np.random.default_rng(seed).random(n)
    vectors = unit(n, 5, seed)
    expected = by_definition(relevance, vectors, weight)
    assert mmr(relevance, vectors, weight=weight).tolist() == expected
    assert mmr(relevance, vectors, weight=weight, k=4).tolist() == expected[:4]


def test_the_ends_of_the_weight() -> None:
    relevance, vectors = np.array([0.1, 0.9, 0.9, 0.3]), unit(4, 3, 0)
    assert mmr(relevance, vectors, weight=1.0).tolist() == [1, 2, 3, 0]
    assert mmr(relevance, vectors, weight=0.0)[0] == 0
    for bad in (-0.1, 1.1, float("nan")):
        with pytest.raises(InvalidInput, match="weight"):
            mmr(relevance, vectors, weight=bad)
    with pytest.raises(InvalidInput, match="vectors"):
        mmr(relevance, vectors[:3])
