"""The Bayesian models equal their closed forms where there are some, and importance sampling where there are none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import integrate, stats

from spaniel.eval.statistics import beta_interval, clustered_interval, independent_difference, paired_binary
from spaniel.retrieval.errors import InvalidInput

ANSWERS = st.lists(st.booleans(), min_size=1, max_size=60)


@settings(max_examples=20)
@given(ANSWERS, ANSWERS)
def test_independent_difference_is_the_integral(system: list[bool], baseline: list[bool]) -> None:
    found = independent_difference(system, baseline)
    a = stats.beta(1 + sum(system), 1 + len(system) - sum(system))
    b = stats.beta(1 + sum(baseline), 1 + len(baseline) - sum(baseline))
    better, _ = integrate.quad(lambda x: a.pdf(x) * b.cdf(x), 0, 1)
    assert found.p_better == pytest.approx(better, abs=0.01)
    for end, share in [(found.low, 0.025), (found.high, 0.975)]:
        below, _ = integrate.quad(lambda x, end=end: b.pdf(x) * a.cdf(x + end), 0, 1)
        assert below == pytest.approx(share, abs=0.003)
    assert found.difference == pytest.approx(np.mean(system) - np.mean(baseline))
    assert found.n == (len(system), len(baseline))


@settings(max_examples=20)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_paired_binary_is_the_dirichlet(pairs: list[tuple[bool, bool]]) -> None:
    system, baseline = [a for a, _ in pairs], [b for _, b in pairs]
    table = [0.5 + sum(pair == outcome for pair in pairs) for outcome in [(1, 0), (0, 1), (1, 1), (0, 0)]]
    draws = stats.dirichlet(table).rvs(200_000, random_state=7)
    difference = draws[:, 0] - draws[:, 1]
    found = paired_binary(system, baseline)
    assert found.p_better == pytest.approx(np.mean(difference > 0), abs=0.006)
    assert found.low <= found.difference <= found.high
    assert np.mean(difference < found.low) == pytest.approx(0.025 if found.difference > -1 else 0, abs=0.003)
    assert np.mean(difference > found.high) == pytest.approx(0.025 if found.difference < 1 else 0, abs=0.003)


def test_pairing_sharpens() -> None:
    system, baseline = [1] * 80 + [0] * 20, [1] * 70 + [0] * 30
    paired, apart = paired_binary(system, baseline), independent_difference(system, baseline)
    assert paired.high - paired.low < 0.7 * (apart.high - apart.low)
    assert paired.p_better > 0.999 > apart.p_better


def test_seeds() -> None:
    system, baseline = [1, 1, 0, 1] * 5, [1, 0, 0, 1] * 5
    for method in (paired_binary, independent_difference):
        assert method(system, baseline, seed=1) == method(system, baseline, seed=1)
        assert method(system, baseline, seed=1) != method(system, baseline, seed=2)


@settings(max_examples=25)
@given(ANSWERS, st.sampled_from([0.8, 0.95]))
def test_clusters_of_one_question_are_no_clusters(answers: list[bool], level: float) -> None:
    found = clustered_interval(answers, range(len(answers)), confidence=level)
    n, successes = len(answers), sum(answers)
    assert (found.low, found.high) == pytest.approx(
        stats.beta.interval(level, 1 + successes, 1 + n - successes), abs=5e-4
    )
    assert found.mean == pytest.approx((1 + successes) / (2 + n), abs=1e-4)
    assert found.n == n


def sampled_rates(
    sizes: list[int], successes: list[int], draws: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(rates, weights) by importance sampling from the prior, as in the paper."""
    rng = np.random.default_rng(3)
    rates, d = rng.random(draws), rng.gamma(1, 1, draws)
    log_weights = sum(
        stats.betabinom.logpmf(k, n, d * rates, d * (1 - rates)) for n, k in zip(sizes, successes, strict=True)
    )
    weights = np.exp(log_weights - np.max(log_weights))
    return rates, weights / weights.sum()


@pytest.mark.parametrize(
    ("sizes", "successes"),
    [([5, 5, 5, 5], [5, 0, 3, 4]), ([1, 10, 3], [1, 2, 3]), ([8] * 10, [8, 8, 7, 8, 8, 6, 8, 8, 8, 8]), ([20], [20])],
)
def test_clustered_interval_is_what_sampling_finds(sizes: list[int], successes: list[int]) -> None:
    rates, weights = sampled_rates(sizes, successes, 400_000)
    values = np.concatenate([np.arange(n) < k for n, k in zip(sizes, successes, strict=True)])
    labels = np.repeat([f"document {i}" for i in range(len(sizes))], sizes)
    found = clustered_interval(values, labels.tolist())
    assert weights[rates < found.low].sum() == pytest.approx(0.025, abs=0.004)
    assert weights[rates > found.high].sum() == pytest.approx(0.025, abs=0.004)
    assert found.mean == pytest.approx(weights @ rates, abs=0.003)


def test_clusters_say_less_than_as_many_questions() -> None:
    answers = [1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0] * 3
    clustered = clustered_interval(answers, [i // 4 for i in range(len(answers))])
    plain = beta_interval(answers)
    assert clustered.high - clustered.low > 1.5 * (plain.high - plain.low)


def test_many_questions_are_resolved() -> None:
    """The grid is finer than the posterior, in the middle and at the edge."""
    for n, successes in [(10_000, 5_000), (10_000, 9_990), (10_000, 0), (300_000, 200_000)]:
        found = clustered_interval([1] * successes + [0] * (n - successes), range(n))
        low, high = stats.beta.interval(0.95, 1 + successes, 1 + n - successes)
        assert (found.low, found.high) == pytest.approx((low, high), abs=(high - low) / 200)


def test_what_does_not_fit_is_named() -> None:
    for method in (independent_difference, paired_binary):
        with pytest.raises(InvalidInput, match=r"baseline: value 1 is 0\.5; this method is for outcomes"):
            method([1, 0], [1, 0.5])
        with pytest.raises(InvalidInput, match="confidence is 95"):
            method([1, 0], [1, 0], confidence=95)
        with pytest.raises(InvalidInput, match="seed is -1"):
            method([1, 0], [1, 0], seed=-1)
        with pytest.raises(InvalidInput, match="no values"):
            method([], [])
    with pytest.raises(InvalidInput, match="2 values of the system and 3 of the baseline"):
        paired_binary([1, 0], [1, 0, 1])
    with pytest.raises(InvalidInput, match="2 values and 1 cluster labels"):
        clustered_interval([1, 0], ["a"])
    with pytest.raises(InvalidInput, match=r"value 1 is 0\.5"):
        clustered_interval([1, 0.5], ["a", "b"])
