"""Corrections equal the obvious forms."""

from itertools import combinations

import numpy as np
import pytest
from contracts.statistics_references import holm as slow_holm
from contracts.statistics_references import max_t as slow_max_t
from contracts.statistics_references import scores
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.eval.statistics import holm, max_t, multiple, paired_difference
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


TABLES = st.integers(2, 4).flatmap(
    lambda n: st.lists(
        st.lists(st.sampled_from([0.0, 0.2, 0.39, 0.5, 1.0]), min_size=n, max_size=n), min_size=1, max_size=7
    )
)


@settings(max_examples=60)
@given(TABLES)
def test_max_t_is_the_slow_one(queries: list[list[float]]) -> None:
    values = np.array(queries).T
    found = max_t(values)
    for (i, j), expected in slow_max_t(values.tolist()).items():
        assert found[i, j] == found[j, i] == pytest.approx(expected)


def test_max_t_samples_what_it_cannot_enumerate() -> None:
    values = [np.round(scores(i, 11), 1).tolist() for i in range(3)]
    found = max_t(values, resamples=2047)
    assert not np.array_equal(found, max_t(values, resamples=2047, seed=1))
    for (i, j), expected in slow_max_t(values).items():
        assert found[i, j] == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("n", [5, 100])
def test_max_t_of_two_systems_is_the_paired_test(n: int) -> None:
    a, b = scores(1, n), np.clip(scores(1, n) + scores(2, n) / 20 - 0.015, 0, 1)
    assert max_t([a, b], seed=3)[0, 1] == paired_difference(a, b, seed=3).p


def test_max_t_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.stack([scores(i, 50) for i in range(4)])
    whole = max_t(values, resamples=1000)
    monkeypatch.setattr(multiple, "_STATISTICS", 7)
    assert np.array_equal(max_t(values, resamples=1000), whole)


def test_max_t_is_no_sharper_than_one_comparison() -> None:
    base = scores(1, 80)
    values = np.stack([base, base * 0.9, base * 0.97, scores(2, 80)])
    found = max_t(values, resamples=2000)
    assert np.array_equal(np.diag(found), np.ones(4))
    for i, j in combinations(range(4), 2):
        assert found[i, j] >= paired_difference(values[i], values[j], resamples=2000).p


def test_max_t_of_identical_systems_is_one() -> None:
    assert np.array_equal(max_t([scores(1, 30)] * 3, resamples=100), np.ones((3, 3)))
    copy_and_better = max_t([scores(1, 30), scores(1, 30), scores(1, 30) + 1], resamples=100)
    assert copy_and_better.tolist() == [[1, 1, 1 / 101], [1, 1, 1 / 101], [1 / 101, 1 / 101, 1]]


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
