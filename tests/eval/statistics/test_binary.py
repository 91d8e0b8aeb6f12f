"""Intervals of success rates equal scipy's; anything but 0 and 1 is refused."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from spaniel.eval.statistics import Interval, beta_interval, clopper_pearson, wilson_interval
from spaniel.eval.statistics.special import beta_cdf, beta_quantile, t_quantile
from spaniel.retrieval.errors import InvalidInput

COUNTS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
LEVELS = st.sampled_from([0.5, 0.9, 0.95, 0.999])
METHODS = pytest.mark.parametrize("method", [beta_interval, wilson_interval, clopper_pearson])


@given(COUNTS, LEVELS)
def test_wilson_and_clopper_pearson_are_scipys(counts: tuple[int, int], level: float) -> None:
    n, successes = counts
    values = [1.0] * successes + [0.0] * (n - successes)
    test = stats.binomtest(successes, n)
    for method, name in [(wilson_interval, "wilson"), (clopper_pearson, "exact")]:
        found, expected = method(values, confidence=level), test.proportion_ci(level, name)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-12)


@given(COUNTS, LEVELS)
def test_beta_is_the_posteriors_quantiles(counts: tuple[int, int], level: float) -> None:
    n, successes = counts
    found = beta_interval([1] * successes + [0] * (n - successes), confidence=level)
    low, high = stats.beta.interval(level, 1 + successes, 1 + n - successes)
    assert found.low == pytest.approx(low if successes else 0.0, rel=1e-9)
    assert found.high == pytest.approx(high if successes < n else 1.0, rel=1e-9)


@METHODS
@given(COUNTS, LEVELS)
def test_the_mean_lies_inside(method: Callable[..., Interval], counts: tuple[int, int], level: float) -> None:
    n, successes = counts
    found = method([1] * successes + [0] * (n - successes), confidence=level)
    assert 0 <= found.low <= found.mean <= found.high <= 1
    assert (found.mean, found.n) == (successes / n, n)


@METHODS
@pytest.mark.parametrize("values", [[0.0, 0.5, 1.0], [2.0], [-1.0], [float("nan")], []])
def test_only_zeros_and_ones(method: Callable[..., Interval], values: list[float]) -> None:
    with pytest.raises(InvalidInput):
        method(values)


def test_graded_values_are_named() -> None:
    with pytest.raises(InvalidInput, match=r"value 1 is 0\.63; this method is for outcomes that are 0 or 1"):
        beta_interval([1.0, 0.63])


PARAMETERS = st.floats(0.5, 20_000)


@given(st.floats(0, 1), PARAMETERS, PARAMETERS)
def test_beta_cdf_is_scipys(x: float, a: float, b: float) -> None:
    assert beta_cdf(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), rel=1e-8, abs=1e-12)


@given(st.floats(1e-6, 1 - 1e-6), PARAMETERS, PARAMETERS)
def test_beta_quantile_is_scipys(p: float, a: float, b: float) -> None:
    assert beta_quantile(p, a, b) == pytest.approx(stats.beta.ppf(p, a, b), rel=1e-8)


@given(st.floats(1e-4, 1 - 1e-4), st.floats(1, 1e6))
def test_t_quantile_is_scipys(p: float, df: float) -> None:
    assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-7, abs=1e-7)


def test_quantiles_at_the_ends() -> None:
    assert (beta_quantile(0.0, 2, 3), beta_quantile(1.0, 2, 3), t_quantile(0.5, 7)) == (0.0, 1.0, 0.0)
