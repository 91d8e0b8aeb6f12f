"""The paired randomisation test: flip the signs of the differences at random, count how often the sum gets as large.

Fisher's test (The Design of Experiments, 1935, sec. 21) in the form of Smucker, Allan and Carterette (CIKM 2007): under
the null hypothesis the two systems are one, so which of them a score belongs to is a coin toss for every query. It
tests the mean difference that we report. Wilcoxon's and the sign test do not, and are left out for that: a small shift
of the same sign on many queries makes them reject even where the means are equal (docs/statistics.md).

The observed signs count as one of the patterns, p = (1 + hits) / (1 + resamples), without which p could be 0 and the
test would reject too often (Phipson and Smyth, SAGMB 2010). When there are no more patterns than resamples, all are
counted.
"""

import numpy as np
from numpy.typing import NDArray

from .checks import ROUNDING

__all__ = ["sign_flip_p", "signed_sums"]


def sign_flip_p(differences: NDArray[np.float64], *, resamples: int, seed: int) -> tuple[float, int]:
    """Two-sided p-value of sum(differences) == 0, and how many sign patterns were tried.

    Args:
        differences: float64 (n,), finite; each may carry a weight (1 / queries of its collection).

    Returns:
        (p, patterns), 0 < p <= 1. Zeros cannot change the sum, so 2^m patterns of the m others are all there are.

    Cost: resamples * n / 8 table look-ups (1 ms for 323 differences), O(resamples) memory.
    """
    moving = differences[differences != 0]
    sums = np.abs(signed_sums(moving, resamples=resamples, seed=seed))
    # Sums that are equal on paper differ in their last bits with the order of adding.
    slack = ROUNDING * np.abs(moving).sum()
    return float(np.mean(sums >= sums[0] - slack)), min(len(sums), resamples)


def signed_sums(values: NDArray[np.float64], *, resamples: int, seed: int) -> NDArray[np.float64]:
    """The sum over queries under sign patterns, the observed one (no sign flipped) first.

    Args:
        values: float64 (n, ...); a query's sign is the same for all that is behind the first axis.

    Returns:
        float64 (2^n, ...), every pattern once, if those are at most `resamples`; else (1 + resamples, ...), random ones
        after the first.
    """
    if len(values) < 63 and 2 ** len(values) <= resamples:
        sums = np.zeros((1, *values.shape[1:]))
        for value in values:
            sums = np.concatenate([sums + value, sums - value])
        return sums
    return np.concatenate([values.sum(axis=0)[None], _random_sums(values, resamples, np.random.default_rng(seed))])


def _random_sums(values: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The sums under `count` random sign patterns, float64 (count, ...).

    Eight queries have 256 signed sums: they are tabled, and a random byte picks one. That is an eighth of the random
    bits and a fraction of the additions that a matrix of signs takes; and no BLAS, whose rounding depends on threads.
    """
    signs = 1.0 - 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    sums = np.zeros((count, *values.shape[1:]))
    for start in range(0, len(values), 8):
        eight = values[start : start + 8]
        table = np.einsum("pq,q...->p...", signs[:, : len(eight)], eight)
        sums += table[np.frombuffer(rng.bytes(count), dtype=np.uint8)]
    return sums
