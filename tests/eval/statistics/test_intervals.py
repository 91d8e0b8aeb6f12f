"""Intervals of means equal scipy's and the obvious forms; edges are what the docstrings say."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from contracts.statistics_references import bca as slow_bca
from contracts.statistics_references import scores
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spaniel.eval.statistics import bootstrap, macro_mean, mean_interval
from spaniel.eval.statistics.bootstrap import resampled_means
from spaniel.retrieval.errors import InvalidInput

VALUES = st.lists(st.floats(-5, 5, width=32).map(lambda v: round(v, 2)), min_size=2, max_size=30)


@given(VALUES.filter(lambda v: len(set(v)) > 1), st.sampled_from([0.5, 0.9, 0.95]))
def test_t_is_scipys(values: list[float], confidence: float) -> None:
    found = mean_interval(values, confidence=confidence, method="t")
    expected = stats.t.interval(confidence, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert (found.mean, found.n, found.method) == (pytest.approx(np.mean(values)), len(values), "t")


@settings(max_examples=30)
@given(VALUES.filter(lambda v: len(set(v)) > 2), st.integers(0, 2**40))
def test_bca_is_scipys_on_the_same_resamples(values: list[float], seed: int) -> None:
    array = np.array(values)
    means = resampled_means([array], seed=seed, resamples=2000)
    found = mean_interval(values, method="bca", seed=seed, resamples=2000)
    # scipy compares the resampled means with the mean as they are rounded: so take away the rounding.
    given_means = SimpleNamespace(
        bootstrap_distribution=np.where(np.abs(means - array.mean()) < 1e-9, array.mean(), means)
    )
    expected = stats.bootstrap((array,), np.mean, n_resamples=0, method="BCa", bootstrap_result=given_means)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval), rel=1e-6, abs=1e-6)


def test_resampled_means_have_the_right_distribution() -> None:
    values = scores(seed=3, n=40)
    means = resampled_means([values], seed=1, resamples=200_000)
    assert means.mean() == pytest.approx(values.mean(), abs=5 * values.std() / math.sqrt(40 * 200_000))
    assert means.std() == pytest.approx(values.std() / math.sqrt(40), rel=0.01)


@settings(max_examples=30)
@given(st.lists(VALUES.filter(lambda v: len(set(v)) > 2), min_size=1, max_size=4), st.integers(0, 100))
def test_bca_over_collections_is_the_slow_one(collections: list[list[float]], seed: int) -> None:
    means = resampled_means([np.array(v) for v in collections], seed=seed, resamples=500)
    found = macro_mean(collections, method="bca", seed=seed, resamples=500)
    assert (found.low, found.high) == pytest.approx(slow_bca(collections, means.tolist(), 0.95), rel=1e-6, abs=1e-6)
    assert found.mean == pytest.approx(np.mean([np.mean(v) for v in collections]))
    assert found.n == sum(map(len, collections))


def test_resampled_macro_means_draw_within_each_collection() -> None:
    collections = [scores(1, 30), 10 + scores(2, 200)]
    means = resampled_means(collections, seed=5, resamples=100_000)
    spread = math.hypot(*(x.std() / math.sqrt(len(x)) for x in collections)) / 2
    assert means.mean() == pytest.approx(np.mean([x.mean() for x in collections]), abs=0.002)
    assert means.std() == pytest.approx(spread, rel=0.02)


def test_macro_t_is_welchs() -> None:
    """The difference of two means is twice a macro mean of one collection and the other's negative."""
    a, b = scores(1, 12), scores(2, 40)
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    found = macro_mean([a, -b], method="t", confidence=0.9)
    assert (2 * found.low, 2 * found.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(("n", "method"), [(2, "t"), (9, "t"), (10, "bca"), (2000, "bca"), (2001, "t")])
def test_auto_chooses_by_size(n: int, method: str) -> None:
    assert mean_interval(scores(1, n) / 2 + 0.1, resamples=50).method == method


def test_auto_takes_beta_for_zeros_and_ones() -> None:
    found = mean_interval([True] * 30)
    assert (found.method, found.mean, found.high) == ("beta", 1.0, 1.0)
    assert found.low == pytest.approx(stats.beta.ppf(0.025, 31, 1))
    assert macro_mean([[0.0, 1.0] * 10]).method == "beta"
    assert macro_mean([[0.0, 1.0] * 10, [0.5] * 10]).method == "bca"


def test_one_value_has_no_interval() -> None:
    found = mean_interval([0.3])
    assert (found.mean, found.n) == (0.3, 1)
    assert math.isnan(found.low) and math.isnan(found.high)
    assert math.isnan(macro_mean([[0.3], [0.1, 0.2]]).low)
    assert mean_interval([1.0]).low == pytest.approx(stats.beta.ppf(0.025, 2, 1))


@pytest.mark.parametrize("method", ["bca", "t", "auto"])
def test_equal_values_have_no_width(method: str) -> None:
    found = mean_interval([0.1] * 37, method=method)
    assert (found.low, found.high) == (found.mean, found.mean)
    assert found.mean == pytest.approx(0.1)


def test_the_same_seed_gives_the_same_ends() -> None:
    values = scores(1, 100)
    assert mean_interval(values, seed=3) == mean_interval(values.tolist(), seed=3)
    assert mean_interval(values, seed=3) != mean_interval(values, seed=4)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    collections = [scores(1, 100), scores(2, 30)]
    whole = resampled_means(collections, seed=1, resamples=1000)
    monkeypatch.setattr(bootstrap, "_DRAWS", 1)
    assert np.array_equal(resampled_means(collections, seed=1, resamples=1000), whole)


def test_one_value_among_zeros_keeps_the_mean_inside() -> None:
    found = mean_interval([0.0] * 49 + [100.0])
    assert found.low < found.mean < found.high


@pytest.mark.parametrize(
    ("values", "options", "says"),
    [
        ([], {}, "no values"),
        ([0.1, float("nan"), float("nan")], {}, r"value 1 is nan \(2 of 3 are not finite\)"),
        ([0.1, float("inf")], {}, "value 1 is inf"),
        ([[0.1], [0.2]], {}, r"shape \(2, 1\)"),
        (["x"], {}, "not a list of numbers"),
        ([0.1, 0.2], {"confidence": 95}, "confidence is 95"),
        ([0.1, 0.2], {"confidence": float("nan")}, "confidence is nan"),
        ([0.1, 0.2], {"method": "percentile"}, "unknown method 'percentile'"),
        ([0.1, 0.2], {"method": "beta"}, "value 0 is 0.1; this method is for outcomes that are 0 or 1"),
        ([0.1, 0.2], {"resamples": 0}, "resamples is 0"),
        ([0.1, 0.2], {"seed": -1}, "seed is -1"),
    ],
)
def test_what_cannot_be_used_is_named(values: list[float], options: dict[str, float], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        mean_interval(values, **options)  # type: ignore[arg-type]


def test_collections_are_named() -> None:
    with pytest.raises(InvalidInput, match="macro_mean, collection 1: no values"):
        macro_mean([[0.5], []])
    with pytest.raises(InvalidInput, match="no collections"):
        macro_mean([])
