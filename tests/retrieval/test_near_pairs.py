"""Pairs and groups are those of comparing everything with everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.near_pairs import groups_of, near_pairs


def clustered(n: int, d: int, seed: int) -> NDArray[np.float32]:
    """A few directions with noise of several sizes, lengths of all sorts, some of them 0."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(n // 4, 1), d))
    noise = rng.normal(size=(n, d)) * rng.choice([0.0, 0.05, 0.3, 2.0], size=(n, 1))
    vectors = (centres[rng.integers(0, len(centres), n)] + noise) * rng.choice([0.0, 0.5, 1.0, 3.0], size=(n, 1))
    return vectors.astype(np.float32)


def found(vectors: NDArray[np.float32], threshold: float, block: int) -> dict[tuple[int, int], float]:
    pieces = near_pairs(lambda start, end: vectors[start:end], len(vectors), threshold, block=block)
    return {(a, b): c for i, j, cos in pieces for a, b, c in zip(i.tolist(), j.tolist(), cos.tolist(), strict=True)}


@settings(max_examples=60)
@given(st.integers(0, 70), st.sampled_from([2, 8, 80]), st.integers(0, 10**6), st.sampled_from([0.3, 0.9, 0.99]))
def test_all_pairs_and_no_others(n: int, d: int, seed: int, threshold: float) -> None:
    vectors = clustered(n, d, seed)
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    cosines = (wide @ wide.T) / np.where(lengths * lengths.T > 0, lengths * lengths.T, np.inf)
    pairs = found(vectors, threshold, block=16)
    for a in range(n):
        for b in range(a + 1, n):
            if abs(cosines[a, b] - threshold) > 1e-5:
                assert ((a, b) in pairs) == (cosines[a, b] > threshold)
            if (a, b) in pairs:
                assert pairs[a, b] == pytest.approx(cosines[a, b], abs=1e-5)
    assert found(vectors, threshold, block=1000).keys() == pairs.keys()


@given(st.integers(0, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40))
def test_groups_are_what_is_connected(n: int, edges: list[tuple[int, int]]) -> None:
    edges = [(min(e), max(e)) for e in edges if max(e) < n]
    groups = {one: {one} for one in range(n)}
    for a, b in edges:
        joined = groups[a] | groups[b]
        for one in joined:
            groups[one] = joined
    expected = sorted({tuple(sorted(group)) for group in groups.values() if len(group) > 1})
    pieces = iter([(np.array([a]), np.array([b]), np.array([1.0])) for a, b in edges])
    assert groups_of(n, pieces) == [list(group) for group in expected]


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.1, float("nan")])
def test_thresholds_that_mean_nothing(threshold: float) -> None:
    with pytest.raises(InvalidInput, match="threshold"):
        found(np.eye(3, dtype=np.float32), threshold, 2)
