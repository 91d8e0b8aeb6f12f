"""Slow, obvious forms of what spaniel.eval.statistics computes."""

from collections.abc import Sequence
from itertools import combinations, product
from statistics import NormalDist, fmean

import numpy as np
from numpy.typing import NDArray

NORMAL = NormalDist()


def scores(seed: int, n: int) -> NDArray[np.float64]:
    """Values shaped like nDCG@10: a quarter zeros, a fifth ones, the rest between."""
    rng = np.random.default_rng(seed)
    kind = rng.random(n)
    return np.where(kind < 0.25, 0.0, np.where(kind < 0.45, 1.0, rng.beta(2, 2, n)))


def randomisation_p(differences: Sequence[float]) -> float:
    """Share of all 2^n sign patterns whose sum is at least as far from 0 as the observed one."""
    observed = abs(sum(differences))
    slack = 1e-9 * sum(map(abs, differences))
    sums = [
        sum(s * d for s, d in zip(signs, differences, strict=True))
        for signs in product([1, -1], repeat=len(differences))
    ]
    return fmean(abs(total) >= observed - slack for total in sums)


def jackknife_acceleration(strata: Sequence[Sequence[float]]) -> float:
    """a by leaving out one value at a time, the empirical influence scaled by its stratum's size."""
    influence = []
    for values in strata:
        for i in range(len(values)):
            rest = fmean([*values[:i], *values[i + 1 :]])
            influence.append((len(values) - 1) * (fmean(values) - rest) / len(values))
    return sum(u**3 for u in influence) / (6 * sum(u**2 for u in influence) ** 1.5)


def bca(strata: Sequence[Sequence[float]], means: Sequence[float], confidence: float) -> tuple[float, float]:
    """Efron's interval from given resampled means."""
    mean = fmean(map(fmean, strata))
    below = fmean(1.0 if m < mean - 1e-9 else 0.5 if m < mean + 1e-9 else 0.0 for m in means)
    z0, a = NORMAL.inv_cdf(below), jackknife_acceleration(strata)
    ends = []
    for tail in ((1 - confidence) / 2, (1 + confidence) / 2):
        shifted = z0 + NORMAL.inv_cdf(tail)
        ends.append(float(np.quantile(means, NORMAL.cdf(z0 + shifted / (1 - a * shifted)))))
    return ends[0], ends[1]


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p-value's smallest alpha at which the step-down procedure rejects it."""
    adjusted = []
    for p in p_values:
        not_larger = [q for q in p_values if q <= p]
        adjusted.append(min(1.0, max((len(p_values) - sum(r < q for r in p_values)) * q for q in not_larger)))
    return adjusted


def max_t(values: Sequence[Sequence[float]]) -> dict[tuple[int, int], float]:
    """Step-down adjusted p-values of every pair, over all sign patterns of the queries."""
    pairs = list(combinations(range(len(values)), 2))
    differences = {(i, j): [a - b for a, b in zip(values[i], values[j], strict=True)] for i, j in pairs}

    def statistic(pair: tuple[int, int], signs: Sequence[int]) -> float:
        d = differences[pair]
        size = sum(x * x for x in d) ** 0.5
        return abs(sum(s * x for s, x in zip(signs, d, strict=True))) / size if size > 1e-9 else 0.0

    patterns = list(product([1, -1], repeat=len(values[0])))
    observed = {pair: statistic(pair, patterns[0]) for pair in pairs}
    adjusted: dict[tuple[int, int], float] = {}
    remaining = sorted(pairs, key=lambda pair: -observed[pair])
    floor = 0.0
    while remaining:
        pair = remaining[0]
        reached = [max(statistic(other, signs) for other in remaining) >= observed[pair] - 1e-9 for signs in patterns]
        floor = adjusted[pair] = max(floor, fmean(reached))
        remaining = remaining[1:]
    return adjusted


def tukey_hsd(values: NDArray[np.float64], *, resamples: int, seed: int) -> NDArray[np.float64]:
    """Carterette's randomised HSD: what max_t is compared with; float64 (n_systems, n_systems)."""
    rng = np.random.default_rng(seed)
    sums = np.zeros((resamples, len(values)))
    for scores_of_query in values.T:
        sums += rng.permuted(np.broadcast_to(scores_of_query, sums.shape), axis=1)
    ranges = np.ptp(sums, axis=1)
    totals = values.sum(axis=1)
    observed = np.abs(totals[:, None] - totals)
    hits: NDArray[np.float64] = (1 + np.sum(ranges >= observed[..., None] - 1e-9, axis=-1)) / (1 + resamples)
    return hits
