"""Paired comparisons equal scipy's and full enumeration; the edges are what the docstrings say."""

import math

import numpy as np
import pytest
from contracts.statistics_references import randomisation_p, scores
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spaniel.eval.statistics import (
    macro_difference,
    mean_interval,
    minimum_detectable_effect,
    paired_binary,
    paired_difference,
)
from spaniel.eval.statistics.randomisation import sign_flip_p
from spaniel.retrieval.errors import InvalidInput

# Few distinct values, so that sums tie as those of real measures do.
DIFFERENCES = st.lists(st.sampled_from([-1.0, -0.37, -0.1, 0.0, 0.1, 0.2, 0.63, 1.0]), min_size=1, max_size=11)


@settings(max_examples=60)
@given(DIFFERENCES)
def test_few_queries_are_enumerated(differences: list[float]) -> None:
    found = paired_difference(differences, [0.0] * len(differences))
    assert found.p == pytest.approx(randomisation_p(differences))
    assert found.resamples == 2 ** (len(differences) - found.ties)


@settings(max_examples=20)
@given(st.lists(st.sampled_from([-0.5, 0.1, 0.2, 0.63]), min_size=12, max_size=12), st.integers(0, 1000))
def test_sampling_comes_near_enumeration(differences: list[float], seed: int) -> None:
    exact, every = sign_flip_p(np.array(differences), resamples=4096, seed=seed)
    p, patterns = sign_flip_p(np.array(differences), resamples=4095, seed=seed)
    assert (every, patterns) == (4096, 4095)
    assert p == pytest.approx(exact, abs=0.04)  # five standard errors


def test_exact_p_is_scipys() -> None:
    a, b = scores(1, 12), scores(2, 12)
    expected = stats.permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    )
    assert paired_difference(a, b).p == pytest.approx(expected.pvalue)


def test_p_is_near_that_of_t_for_many_queries() -> None:
    a = scores(1, 400)
    b = np.clip(a + np.random.default_rng(2).normal(0.012, 0.1, 400), 0, 1)
    assert paired_difference(b, a, resamples=100_000).p == pytest.approx(stats.ttest_rel(b, a).pvalue, abs=0.01)


def test_p_is_never_zero() -> None:
    found = paired_difference([0.9] * 100, [0.1] * 100, resamples=999)
    assert (found.p, found.resamples) == (1 / 1000, 999)


def test_the_interval_is_that_of_the_mean_difference() -> None:
    a, b = scores(1, 60), scores(2, 60)
    for method in ("t", "bca"):
        found, mean = paired_difference(a, b, method=method, seed=5), mean_interval(a - b, method=method, seed=5)
        assert (found.difference, found.low, found.high, found.method) == (mean.mean, mean.low, mean.high, method)
    expected = stats.ttest_rel(a, b).confidence_interval()
    found = paired_difference(a, b, method="t")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_turning_the_comparison_round_turns_the_signs() -> None:
    a, b = scores(1, 50), scores(2, 50)
    there, back = paired_difference(a, b), paired_difference(b, a)
    assert back.difference == -there.difference
    assert (back.p, back.wins, back.losses) == (there.p, there.losses, there.wins)
    assert back.mde == pytest.approx(there.mde)


def test_identical_systems() -> None:
    for n in (1, 2, 5, 323):
        found = paired_difference(scores(1, n), scores(1, n))
        assert (found.difference, found.p, found.wins, found.ties, found.losses) == (0.0, 1.0, 0, n, 0)
        assert (found.low, found.high) == (0.0, 0.0) if n > 1 else math.isnan(found.low)
        assert math.isnan(found.mde)


def test_binary_values_have_the_posteriors_interval() -> None:
    system, baseline = [1, 1, 0, 1] * 10, [1, 0, 0, 1] * 10
    posterior = paired_binary(system, baseline, seed=4, confidence=0.9)
    found = paired_difference(system, baseline, seed=4, confidence=0.9)
    assert (found.difference, found.method) == (0.25, "dirichlet")
    assert (found.low, found.high) == (posterior.low, posterior.high)
    assert found == paired_difference(system, baseline, seed=4, confidence=0.9, method="dirichlet")
    assert found.p == paired_difference(system, baseline, seed=4, method="t").p


def test_graded_values_have_students_interval() -> None:
    assert paired_difference(scores(1, 40), scores(2, 40)).method == "t"
    assert paired_difference([1.0, 0.5, 0.0], [1.0, 1.0, 0.0]).method == "t"
    assert paired_difference([1, 0, 1], [1, 0, 1]).method == "t"  # identical: [0, 0]
    assert paired_difference([True, False, True], [True, True, False]).method == "dirichlet"
    with pytest.raises(InvalidInput, match=r"value 1 is 0\.5"):
        paired_difference([1.0, 0.5], [1.0, 1.0], method="dirichlet")


def test_rounding_is_a_tie() -> None:
    found = paired_difference([0.1 + 0.2, 1e9, 0.5], [0.3, 1e9 + 1e-6, 0.25])
    assert (found.wins, found.ties, found.losses) == (1, 2, 0)


def test_one_and_two_queries() -> None:
    one, two = paired_difference([0.5], [0.25]), paired_difference([0.5, 0.75], [0.25, 0.25])
    assert (one.difference, one.p, one.n) == (0.25, 1.0, 1)
    assert math.isnan(one.low) and math.isnan(one.high) and math.isnan(one.mde)
    assert (two.difference, two.p, two.method) == (0.375, 0.5, "t")
    assert two.low < 0.25 < 0.5 < two.high


def test_minimum_detectable_effect_has_the_power() -> None:
    a, b = scores(1, 30), scores(2, 30)
    for power, alpha in [(0.8, 0.05), (0.9, 0.01)]:
        effect = minimum_detectable_effect(a, b, power=power, alpha=alpha)
        shift, critical = effect / stats.sem(a - b), stats.t.ppf(1 - alpha / 2, 29)
        assert stats.nct.sf(critical, 29, shift) == pytest.approx(power, abs=0.012)
    assert paired_difference(a, b).mde == minimum_detectable_effect(a, b)
    assert paired_difference(a, b, alpha=0.01).mde == minimum_detectable_effect(a, b, alpha=0.01)


def test_macro_difference_of_one_collection_is_the_paired_one() -> None:
    a, b = scores(1, 70), scores(2, 70)
    macro, paired = macro_difference([a], [b]), paired_difference(a, b)
    assert (macro.low, macro.high, macro.n, macro.ties) == (paired.low, paired.high, paired.n, paired.ties)
    assert (macro.difference, macro.p, macro.mde) == pytest.approx((paired.difference, paired.p, paired.mde))


@settings(max_examples=30)
@given(st.lists(DIFFERENCES, min_size=2, max_size=3).filter(lambda c: sum(map(len, c)) <= 12))
def test_macro_p_enumerates_the_weighted_sum(collections: list[list[float]]) -> None:
    found = macro_difference(collections, [[0.0] * len(c) for c in collections])
    assert found.p == pytest.approx(randomisation_p([d / len(c) for c in collections for d in c]))
    assert found.difference == pytest.approx(np.mean([np.mean(c) for c in collections]))


def test_large_collections_do_not_drown_small_ones() -> None:
    better, worse = [0.6] * 10, [0.5] * 2000
    found = macro_difference([better, worse], [[0.4] * 10, [0.5] * 2000])
    assert found.difference == pytest.approx(0.1)
    assert (found.wins, found.ties, found.n) == (10, 2000, 2010)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(InvalidInput, match="paired_difference: 2 values of the system and 3 of the baseline"):
        paired_difference([1, 2], [1, 2, 3])
    with pytest.raises(InvalidInput, match="paired_difference, baseline: value 1 is nan"):
        paired_difference([1, 2], [1, math.nan])
    with pytest.raises(InvalidInput, match="no values"):
        paired_difference([], [])
    with pytest.raises(InvalidInput, match="macro_difference, collection 1: 1 values"):
        macro_difference([[1], [1]], [[1], [1, 2]])
    with pytest.raises(InvalidInput, match="2 collections of the systems and 1 of the baselines"):
        macro_difference([[1], [1]], [[1]])
    with pytest.raises(InvalidInput, match="alpha is 5"):
        paired_difference([1, 2], [1, 2], alpha=5)
    with pytest.raises(InvalidInput, match="power is 80"):
        minimum_detectable_effect([1, 2], [1, 2], power=80)
