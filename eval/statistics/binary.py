"""Intervals of a success rate: exact match, success@k, abstentions, anything that is 0 or 1 for a query.

mean +- 1.96 standard errors is wrong here, and worst where systems are good: at a true rate of 0.97 its 95 % interval
holds the truth 26 times in 100 with 10 queries and 80 with 100, because with no failure seen it has no width. Beta and
Wilson hold what they promise on average; Clopper and Pearson's never falls short and is wide. Figures:
docs/statistics.md.
"""

import math
from statistics import NormalDist

from numpy.typing import ArrayLike

from .checks import as_binary, check_level
from .special import beta_quantile
from .values import Interval

__all__ = ["beta_interval", "clopper_pearson", "wilson_interval"]


def beta_interval(values: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Equal-tailed posterior interval of the rate under a uniform prior: Beta(1 + successes, 1 + failures).

    The method that Bowyer, Aitchison and Ivanova (ICML 2025, sec. 3.1) advise for small sets. With no success the lower
    end is 0, with no failure the upper is 1, so that the interval holds the mean (as Brown, Cai and DasGupta,
    Statistical Science 2001, do for another prior).

    Args:
        values: 0 or 1 (or bool), one a query.

    Raises:
        InvalidInput: a value that is neither, none at all, or a confidence outside (0, 1).

    Example:
        >>> interval = beta_interval([1] * 29 + [0])
        >>> round(interval.mean, 3), round(interval.low, 3), round(interval.high, 3)
        (0.967, 0.833, 0.992)
    """
    n, successes = _counts("beta_interval", values, confidence)
    tail = (1 - confidence) / 2
    low = beta_quantile(tail, 1 + successes, 1 + n - successes) if successes else 0.0
    high = beta_quantile(1 - tail, 1 + successes, 1 + n - successes) if successes < n else 1.0
    return Interval(successes / n, low, high, n, "beta")


def wilson_interval(values: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """The rates that a score test would not reject (Wilson, JASA 1927); arguments and errors as in `beta_interval`."""
    n, successes = _counts("wilson_interval", values, confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate = successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = centre - half if successes else 0.0  # what rounding would leave beside 0 and 1
    high = centre + half if successes < n else 1.0
    return Interval(rate, low, high, n, "wilson")


def clopper_pearson(values: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """The rates that neither one-sided binomial test would reject (Clopper and Pearson, Biometrika 1934).

    Holds the true rate at least as often as promised, whatever it is, at the price of width. Arguments and errors as
    in `beta_interval`.
    """
    n, successes = _counts("clopper_pearson", values, confidence)
    tail = (1 - confidence) / 2
    low = beta_quantile(tail, successes, n - successes + 1) if successes else 0.0
    high = beta_quantile(1 - tail, successes + 1, n - successes) if successes < n else 1.0
    return Interval(successes / n, low, high, n, "clopper_pearson")


def _counts(where: str, values: ArrayLike, confidence: float) -> tuple[int, int]:
    """(queries, successes)."""
    check_level(where, confidence=confidence)
    array = as_binary(where, values)
    return len(array), int(array.sum())
