"""Quantiles of the Beta and Student t distributions, so that the default intervals need numpy alone.

The regularised incomplete beta function by its continued fraction (DLMF 8.17.22), evaluated with Lentz's method;
quantiles by bisection down to neighbouring floats. Tests hold them to scipy. Scalars only: an interval needs two of
them.
"""

import math
from functools import lru_cache

__all__ = ["beta_cdf", "beta_quantile", "t_quantile"]

_TINY = 1e-300


def beta_cdf(x: float, a: float, b: float) -> float:
    """P(X <= x) for X ~ Beta(a, b), a and b > 0; relative error below 1e-10 for a, b up to 1e5.

    Cost: O(sqrt(max(a, b))) multiplications.
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    # The fraction converges fast below the mean; above it the mirrored one does.
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_cdf(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / (a * _fraction(x, a, b))


def _fraction(x: float, a: float, b: float) -> float:
    """1 + d1/(1 + d2/(1 + ...)) of DLMF 8.17.22."""
    value = c = 1.0
    d = 0.0
    for step in range(1, 10_000):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / ((1 + term * d) or _TINY)
        c = (1 + term / c) or _TINY
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


@lru_cache(maxsize=4096)
def beta_quantile(p: float, a: float, b: float) -> float:
    """The x with P(X <= x) = p for X ~ Beta(a, b); 0 <= p <= 1."""
    if p <= 0 or p >= 1:
        return float(p >= 1)
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        if beta_cdf(middle, a, b) < p:
            low = middle
        else:
            high = middle
    return high


def t_quantile(p: float, df: float) -> float:
    """The t with P(T <= t) = p for Student's T with `df` >= 1 degrees of freedom (a fraction is fine); 0 < p < 1.

    T^2 / (df + T^2) ~ Beta(1/2, df/2).
    """
    share = beta_quantile(abs(2 * p - 1), 0.5, df / 2)
    size = math.sqrt(df * share / (1 - share)) if share < 1 else math.inf
    return math.copysign(size, p - 0.5)
