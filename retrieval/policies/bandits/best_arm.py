"""How likely each of some independent normal variables is to be the greatest: what Thompson sampling plays.

A policy that draws its arm from these probabilities plays Thompson sampling, and knows the probability it played
with, which drawing from the posteriors themselves does not tell.

    P(i is greatest) = integral over u in (0, 1) of product over j != i of F_j(Q_i(u)),

Q_i being the quantile function of i. The integrand never falls, so the mean over the midpoints of `_NODES` equal parts
is off by at most 1 / (2 `_NODES`) = 0.004. Two arms have a closed form.
"""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ["probability_greatest"]

_NODES = 128
_QUANTILES = np.array([NormalDist().inv_cdf((i + 0.5) / _NODES) for i in range(_NODES)])
_LEAST_DEVIATION = 1e-12


def probability_greatest(means: NDArray[np.float64], deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 (n,), adding up to 1: of each of n independent normal variables, within 0.004.

    Args:
        means: float64 (n,), n at least 1. deviations: float64 (n,), not negative.

    Cost: 128 n**2 normal distribution functions; 25 us for 4 arms.

    Example:
        >>> probability_greatest(np.array([0.0, 0.0, -9.0]), np.array([1.0, 2.0, 1.0])).round(2).tolist()
        [0.5, 0.5, 0.0]
    """
    spread = np.maximum(deviations, _LEAST_DEVIATION)
    if len(means) == 1:
        return np.ones(1)
    if len(means) == 2:
        first = 0.5 * math.erfc((means[1] - means[0]) / math.hypot(*spread) / math.sqrt(2))
        return np.array([first, 1 - first])
    # axis 0: whose quantiles; axis 1: whose distribution function; axis 2: nodes
    points = means[:, None] + spread[:, None] * _QUANTILES
    below = _normal_cdf((points[:, None, :] - means[:, None]) / spread[:, None])
    every = np.arange(len(means))
    below[every, every] = 1.0
    greatest: NDArray[np.float64] = below.prod(axis=1).mean(axis=1)
    greatest /= greatest.sum()
    return greatest


def _normal_cdf(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Within 1.5e-7: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26. Any shape."""
    x = np.abs(z) * math.sqrt(0.5)
    t = 1.0 / (1.0 + 0.3275911 * x)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    tail = 0.5 * series * np.exp(-x * x)
    told: NDArray[np.float64] = np.where(z >= 0, 1.0 - tail, tail)
    return told
