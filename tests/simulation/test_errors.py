"""How often the tests make a false claim at 5 %, and how often they see what is there."""

from itertools import combinations

import numpy as np
import pytest
from contracts.statistics_references import tukey_hsd
from scipy import stats
from simulation.trials import at_least, near, row, trials
from simulation.worlds import DIFFERENCES, MEANS, rng_of

from spaniel.eval.statistics import holm, max_t, minimum_detectable_effect
from spaniel.eval.statistics.randomisation import sign_flip_p


def swapped(rng: np.random.Generator, n: int) -> np.ndarray:
    """Two systems that are one: graded scores, moved a little on half of the queries, and dealt at random."""
    base = MEANS["graded"][0](rng, n)
    other = np.where(rng.random(n) < 0.5, base, np.clip(base + rng.normal(0.05, 0.2, n), 0, 1))
    return (base - other) * rng.choice([-1.0, 1.0], n)


def balanced(rng: np.random.Generator, n: int) -> np.ndarray:
    """Equal means: +0.02 on half of the queries, noise around -0.02 on the others."""
    return np.where(rng.random(n) < 0.5, 0.02, rng.normal(-0.02, 0.15, n))


def raised(rng: np.random.Generator, n: int) -> np.ndarray:
    """Mean 0.02: +0.02 on every query of `balanced`'s second half."""
    return balanced(rng, n) + 0.02


NULLS = {
    "swapped": swapped,
    "half tied": DIFFERENCES["half tied"][0],
    "reciprocal ranks": DIFFERENCES["reciprocal ranks"][0],
    "lopsided": DIFFERENCES["lopsided"][0],
    "balanced": balanced,
}


def rejections(draw, n: int, n_trials: int) -> dict[str, float]:  # type: ignore[no-untyped-def]
    """Share of trials that each test calls significant at 5 %."""
    count = dict.fromkeys(["randomisation", "t", "Wilcoxon"], 0)
    for trial in range(n_trials):
        d = draw(rng_of(trial, n), n)
        count["randomisation"] += sign_flip_p(d, resamples=1999, seed=trial)[0] <= 0.05
        if not d.any():  # scipy has no p-value for no difference at all
            continue
        count["t"] += stats.ttest_1samp(d, 0).pvalue <= 0.05
        count["Wilcoxon"] += stats.wilcoxon(d, method="asymptotic").pvalue <= 0.05
    return {test: found / n_trials for test, found in count.items()}


@trials(small=200)
@pytest.mark.parametrize("n", [20, 50, 300])
@pytest.mark.parametrize("world", NULLS)
def test_false_claims(world: str, n: int, n_trials: int) -> None:
    shares = rejections(NULLS[world], n, n_trials)
    row(n_trials, [world, n, *shares.values()])
    assert near(shares["randomisation"], 0.05, n_trials, slack=0.1 if world == "lopsided" else 0.01)
    if world == "balanced" and n == 300:
        assert shares["Wilcoxon"] > 0.3  # why it is left out


@trials(small=200)
@pytest.mark.parametrize("n", [50, 300])
def test_power(n: int, n_trials: int) -> None:
    shares = rejections(raised, n, n_trials)
    row(n_trials, ["raised", n, *shares.values()])
    assert near(shares["randomisation"], shares["t"], n_trials, slack=0.01)


@trials(small=200)
@pytest.mark.parametrize("n", [10, 50, 300])
def test_the_minimum_detectable_effect_is_detected(n: int, n_trials: int) -> None:
    """Estimated on one sample, it is found in four of five fresh ones."""
    found = 0
    for trial in range(n_trials):
        rng = rng_of(trial, n)
        effect = minimum_detectable_effect(swapped(rng, n), np.zeros(n))
        found += sign_flip_p(swapped(rng, n) + effect, resamples=1999, seed=trial)[0] <= 0.05
    row(n_trials, ["power at the MDE", n, found / n_trials])
    # With ten queries the spread itself is a guess.
    assert near(found / n_trials, 0.8, n_trials, slack=0.1 if n == 10 else 0.02)


# World -> (mean, noise) of each of five systems beside the query's own difficulty.
FAMILIES = {
    "all equal": ((0.0,) * 5, (0.2,) * 5),
    "all equal, two noisy, three near copies": ((0.0,) * 5, (0.3, 0.3, 0.02, 0.02, 0.02)),
    "two equal, three apart": ((0.0, 0.0, -0.1, -0.2, -0.3), (0.2,) * 5),
    "steps of 0.05": ((0.0, -0.05, -0.1, -0.15, -0.2), (0.2,) * 5),
    "two near copies, three noisy": ((0.0, -0.004, -0.2, -0.2, -0.2), (0.02, 0.02, 0.3, 0.3, 0.3)),
}
PAIRS = list(combinations(range(5), 2))


def adjusted(values: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Adjusted p-values of the ten pairs by each procedure."""
    i, j = np.triu_indices(5, 1)
    alone = [sign_flip_p(values[a] - values[b], resamples=999, seed=100 * seed + a * 10 + b)[0] for a, b in PAIRS]
    return {
        "max_t": max_t(values, resamples=999, seed=seed)[i, j],
        "Holm": holm(alone),
        "Tukey HSD": tukey_hsd(values, resamples=999, seed=seed)[i, j],
        "none": np.array(alone),
    }


@trials(small=60, full=2000)
@pytest.mark.parametrize("world", FAMILIES)
def test_families(world: str, n_trials: int) -> None:
    means, noise = (np.array(x) for x in FAMILIES[world])
    null = np.array([means[a] == means[b] for a, b in PAIRS])
    false, seen = dict.fromkeys(["max_t", "Holm", "Tukey HSD", "none"], 0.0), {}
    for trial in range(n_trials):
        rng = rng_of(trial)
        values = rng.beta(2, 2, 60) + means[:, None] + noise[:, None] * rng.standard_normal((5, 60))
        for name, p in adjusted(values, trial).items():
            false[name] += bool(np.any(p[null] <= 0.05)) / n_trials
            seen[name] = seen.get(name, 0.0) + (float(np.mean(p[~null] <= 0.05)) if (~null).any() else 0.0) / n_trials
    row(n_trials, [world, *(f"{false[name]:.3f} / {seen[name]:.3f}" for name in false)])
    assert at_least(1 - false["max_t"], 0.95, n_trials)
    assert at_least(1 - false["Holm"], 0.95, n_trials)
    assert seen["max_t"] >= seen["Holm"] - 0.03
