"""Slow, obvious forms of what spaniel.eval.statistics computes."""

from collections.abc import Sequence
from itertools import product
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
