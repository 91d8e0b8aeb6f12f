"""Corrections equal the obvious forms."""

from itertools import permutations, product

import numpy as np
import pytest
from contracts.statistics_references import holm as slow_holm
from contracts.statistics_references import scores
from hypothesis import given
from hypothesis import strategies as st

from spaniel.eval.statistics import holm, max_t, paired_difference
from spaniel.retrieval.errors import InvalidInput

P_VALUES = st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.02, 0.03, 0.05, 0.5, 1.0]), min_size=1, max_size=8)


@given(P_VALUES)
def test_holm_is_the_slow_one(p_values: list[float]) -> None:
    assert holm(p_values).tolist() == pytest.approx(slow_holm(p_values))


@given(P_VALUES, st.sampled_from([0.01, 0.05, 0.1]))
def test_holm_rejects_what_the_procedure_rejects(p_values: list[float], alpha: float) -> None:
    rejected = set()
    for step, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[i] * (len(p_values) - step) > alpha:
            break
        rejected.add(i)
    assert {i for i, p in enumerate(holm(p_values)) if p <= alpha} == rejected


@pytest.mark.parametrize(
    ("p_values", "says"), [([], "no values"), ([0.1, 1.5], "value 1 is 1.5"), ([0.1, float("nan")], "value 1 is nan")]
)
def test_holm_refuses_what_is_no_p_value(p_values: list[float], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        holm(p_values)


def every_range(values: list[list[float]]) -> list[float]:
    """Largest minus smallest sum over systems, for every way to deal each query's scores to the systems."""
    columns = list(zip(*values, strict=True))
    deals = product(*(list(permutations(column)) for column in columns))
    sums = [[sum(row) for row in zip(*deal, strict=True)] for deal in deals]
    return [max(s) - min(s) for s in sums]


@pytest.mark.parametrize("n_systems", [2, 3])
def test_max_t_comes_near_enumeration(n_systems: int) -> None:
    values = [np.round(scores(i, 4), 1).tolist() for i in range(n_systems)]
    ranges = np.array(every_range(values))
    found = max_t(values, resamples=100_000, seed=1)
    for i, j in product(range(n_systems), repeat=2):
        expected = np.mean(ranges >= abs(sum(values[i]) - sum(values[j])) - 1e-9) if i != j else 1.0
        assert found[i, j] == pytest.approx(expected, abs=0.01)


def test_max_t_of_two_systems_is_the_paired_test() -> None:
    a, b = scores(1, 100), np.clip(scores(1, 100) + scores(2, 100) / 20 - 0.015, 0, 1)
    found = max_t([a, b], resamples=50_000)
    assert found[0, 1] == pytest.approx(paired_difference(a, b, resamples=50_000).p, abs=0.015)


def test_max_t_is_symmetric_and_no_sharper_than_one_comparison() -> None:
    base = scores(1, 80)
    values = np.stack([base, base * 0.9, base * 0.97, scores(2, 80)])
    found = max_t(values, resamples=2000)
    assert np.array_equal(found, found.T)
    assert np.array_equal(np.diag(found), np.ones(4))
    assert found[0, 1] >= paired_difference(values[0], values[1], resamples=2000).p
    assert np.array_equal(found, max_t(values, resamples=2000))
    assert not np.array_equal(found, max_t(values, resamples=2000, seed=1))


def test_max_t_of_identical_systems_is_one() -> None:
    assert np.array_equal(max_t([scores(1, 30)] * 3, resamples=100), np.ones((3, 3)))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([[0.1, 0.2]], "at least two systems"),
        ([0.1, 0.2], r"shape \(2,\)"),
        ([[], []], r"shape \(2, 0\)"),
        ([[0.1, 0.2], [0.1, float("nan")]], "max_t, system 1: value 1 is nan"),
        ([[0.1, 0.2], [0.1]], "max_t"),
    ],
)
def test_max_t_names_what_it_cannot_use(values: list[list[float]], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        max_t(values)
