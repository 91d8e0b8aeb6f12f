"""The interval of a mean over queries, and of a macro mean over collections.

A mean over 50 or 300 queries is an estimate of the mean over all such queries; two systems whose means differ in the
third digit on 50 topics have not been told apart. Which method when, with the coverage that simulation found:
docs/statistics.md.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from spaniel.retrieval.errors import InvalidInput

from .bayes import macro_rate_ends
from .binary import beta_interval
from .bootstrap import Strata, bca
from .checks import as_binary, as_values, check_level, check_resamples, check_strata, is_binary
from .special import t_quantile
from .values import Interval

__all__ = ["macro_mean", "mean_interval"]

# BCa below and up to these sizes: fewer values hold too little of the distribution to resample, and with more the mean
# is so nearly normal that Student's t gives the same ends without the draws.
BCA_FROM, BCA_UP_TO = 10, 2000


def mean_interval(
    values: ArrayLike, *, confidence: float = 0.95, seed: int = 0, method: str = "auto", resamples: int = 10_000
) -> Interval:
    """The mean of one measure over queries, with its interval.

    Args:
        values: one a query, finite; any range.
        confidence: share of such intervals that hold the true mean.
        seed: of the bootstrap.
        method: "auto", or one of those it chooses from: "beta" where every value is 0 or 1; "bca" for 10 to 2,000
            values; "t" for the rest.
        resamples: of the bootstrap.

    Returns:
        The same for the same values and seed, on any number of threads. With one value that is not binary the ends are
        NaN; when all values are equal they are that value ("bca", "t").

    Raises:
        InvalidInput: no values, a value that is not finite, an unknown method, "beta" for values other than 0 and 1.

    Cost: bca `resamples` * n draws (25 ms for 323 values); the others next to nothing.

    Example:
        >>> interval = mean_interval([0.0, 0.5, 1.0, 0.63, 1.0, 0.0, 0.39, 0.5, 1.0, 0.0])
        >>> print(f"{interval.mean:.3f} [{interval.low:.2f}, {interval.high:.2f}] {interval.method}")
        0.502 [0.26, 0.75] bca
    """
    array = as_values("mean_interval", values)
    if method == "beta" or (method == "auto" and is_binary(array)):
        return beta_interval(array, confidence=confidence)
    return _interval("mean_interval", [array], confidence=confidence, seed=seed, method=method, resamples=resamples)


def macro_mean(
    collections: Sequence[ArrayLike],
    *,
    confidence: float = 0.95,
    seed: int = 0,
    method: str = "auto",
    resamples: int = 10_000,
) -> Interval:
    """The mean of the collections' means, each collection counting the same, with its interval.

    The collections are what they are; the queries of each are a sample of those it could hold. So queries are resampled
    within each collection, and never pooled: pooling would let the collection with most queries speak for all.

    Args:
        collections: the values of each, one a query; at least one collection.
        method: "bca", "t" (with Welch and Satterthwaite's degrees of freedom), "beta" (a posterior, for values that are
            0 or 1, see `macro_rate_ends`), or "auto": beta where every value is 0 or 1, else bca unless a collection
            has fewer than 10 or more than 2,000 queries.

    Returns:
        `n` is the number of queries in all; the ends of "bca" and "t" are NaN when a collection has a single one.

    Raises:
        InvalidInput: as `mean_interval`; no collections.

    Cost: bca `resamples` draws a query.
    """
    check_strata("macro_mean", collections)
    strata = [as_values(f"macro_mean, collection {i}", values) for i, values in enumerate(collections)]
    if method == "beta" or (method == "auto" and all(map(is_binary, strata))):
        strata = [as_binary(f"macro_mean, collection {i}", values) for i, values in enumerate(strata)]
        check_level("macro_mean", confidence=confidence)
        check_resamples("macro_mean", resamples, seed)
        low, high = macro_rate_ends(strata, confidence=confidence, seed=seed)
        return Interval(float(np.mean([x.mean() for x in strata])), low, high, sum(map(len, strata)), "beta")
    return _interval("macro_mean", strata, confidence=confidence, seed=seed, method=method, resamples=resamples)


def _interval(where: str, strata: Strata, *, confidence: float, seed: int, method: str, resamples: int) -> Interval:
    """The mean of the strata's means, with its interval."""
    check_level(where, confidence=confidence)
    check_resamples(where, resamples, seed)
    name = choose_method(where, strata, method)
    low, high = interval_ends(strata, name, confidence=confidence, seed=seed, resamples=resamples)
    return Interval(float(np.mean([x.mean() for x in strata])), low, high, sum(map(len, strata)), name)


def choose_method(where: str, strata: Strata, method: str) -> str:
    """ "bca" or "t".

    Raises:
        InvalidInput: neither, nor "auto".
    """
    if method not in ("auto", "bca", "t"):
        raise InvalidInput(
            where, f"unknown method {method!r}", hint="one of: auto, bca, t; for 0 and 1 beta or dirichlet"
        )
    if method != "auto":
        return method
    return "bca" if all(BCA_FROM <= len(x) <= BCA_UP_TO for x in strata) else "t"


def interval_ends(strata: Strata, method: str, *, confidence: float, seed: int, resamples: int) -> tuple[float, float]:
    """(low, high) of the mean of the strata's means; NaN when a stratum has one value."""
    if min(map(len, strata)) == 1:
        return math.nan, math.nan
    if method == "bca":
        return bca(strata, confidence=confidence, seed=seed, resamples=resamples)
    mean = float(np.mean([x.mean() for x in strata]))
    error, df = standard_error(strata)
    half = t_quantile((1 + confidence) / 2, df) * error if error else 0.0
    return mean - half, mean + half


def standard_error(strata: Strata) -> tuple[float, float]:
    """Standard error of the mean of the strata's means, and its degrees of freedom.

    Welch, Biometrika 1947, and Satterthwaite, Biometrics 1946; n - 1 for one stratum. Every stratum has two values or
    more. (0, nan) when none has any spread: a rounded sum must not look like one.
    """
    parts = [(0.0 if np.ptp(x) == 0 else float(x.var(ddof=1)) / len(x), len(x) - 1) for x in strata]
    variance = math.fsum(part for part, _ in parts)
    if variance == 0:
        return 0.0, math.nan
    df = variance**2 / math.fsum(part**2 / free for part, free in parts)
    return math.sqrt(variance) / len(strata), df
