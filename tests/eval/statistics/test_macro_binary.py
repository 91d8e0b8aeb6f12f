"""Macro means and differences of values that are 0 or 1: they keep a width, and hold the truth as often as they say."""

import numpy as np
import pytest
from scipy import stats

from spaniel.eval.statistics import bayes, beta_interval, macro_difference, macro_mean, paired_binary
from spaniel.retrieval.errors import InvalidInput


def test_all_right_everywhere_is_not_certain() -> None:
    found = macro_mean([[1.0] * 20] * 4)
    assert (found.mean, found.high, found.n, found.method) == (1.0, 1.0, 80, "beta")
    assert found.low == pytest.approx(stats.beta.ppf(0.025, 81, 1), abs=0.01), "as 80 questions of one collection"
    assert macro_mean([[0.0] * 20] * 4).high == pytest.approx(1 - found.low, abs=0.005)


def test_one_collection_is_that_of_a_single_one() -> None:
    values, other = [1.0] * 17 + [0.0] * 3, [1.0] * 12 + [0.0] * 8
    macro, single = macro_mean([values]), beta_interval(values)
    assert (macro.low, macro.high) == pytest.approx((single.low, single.high), abs=0.003)
    difference, paired = macro_difference([values], [other]), paired_binary(values, other)
    assert (difference.low, difference.high, difference.method) == (paired.low, paired.high, "dirichlet")


def test_a_difference_that_is_the_same_everywhere_has_a_width() -> None:
    found = macro_difference([[1.0] * 10, [1.0] * 15], [[0.0] * 10, [0.0] * 15])
    assert found.difference == found.high == 1.0
    assert 0.7 < found.low < 0.95
    same = macro_difference([[1.0] * 10] * 2, [[1.0] * 10] * 2)
    assert (same.low, same.high) == (0.0, 0.0)


def test_seeds_and_errors() -> None:
    collections = [[1.0, 0.0, 1.0], [1.0] * 4]
    assert macro_mean(collections, seed=1) == macro_mean(collections, seed=1) != macro_mean(collections, seed=2)
    with pytest.raises(InvalidInput, match=r"macro_mean, collection 1: value 0 is 0\.5"):
        macro_mean([[1.0], [0.5]], method="beta")
    with pytest.raises(InvalidInput, match=r"macro_difference, collection 1: value 0 is 0\.5"):
        macro_difference([[1.0], [0.5]], [[1.0], [1.0]], method="dirichlet")
    with pytest.raises(InvalidInput, match="confidence is 2"):
        macro_mean(collections, confidence=2)


@pytest.mark.parametrize(("n_collections", "n"), [(1, 50), (3, 10), (12, 10), (12, 50)])
@pytest.mark.parametrize("rate", [0.6, 0.97])
def test_macro_rates_are_held(n_collections: int, n: int, rate: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 400 intervals at 95 %; with a uniform prior in each collection it would be 2 % for 12 of 10 and 0.97."""
    monkeypatch.setattr(bayes, "_DRAWS", 2000)
    rng = np.random.default_rng(n_collections * n)
    rates = np.clip(rate + rng.uniform(-0.02, 0.02, n_collections), 0, 1)
    held = 0
    for seed in range(400):
        found = macro_mean([(rng.random(n) < each).astype(float) for each in rates], seed=seed)
        held += found.low <= rates.mean() <= found.high
    assert held / 400 >= 0.88


@pytest.mark.parametrize(("n_collections", "n"), [(1, 50), (3, 10), (12, 10), (12, 50)])
@pytest.mark.parametrize(("wins", "losses"), [(0.3, 0.1), (0.05, 0.02)])
def test_macro_differences_are_held(
    n_collections: int, n: int, wins: float, losses: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ends alone, since the test of each would take most of the time."""
    monkeypatch.setattr(bayes, "_DRAWS", 2000)
    rng = np.random.default_rng(n_collections * n)
    held = 0
    for seed in range(400):
        strata = [rng.choice([1.0, -1.0, 0.0], n, p=[wins, losses, 1 - wins - losses]) for _ in range(n_collections)]
        low, high = bayes.macro_difference_ends(strata, confidence=0.95, seed=seed)
        held += low <= wins - losses <= high
    assert held / 400 >= 0.88
