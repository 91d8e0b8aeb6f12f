"""A system against a baseline on the same queries: the difference, its interval, its p-value, and what the set can
show.

Queries differ far more than systems do, so the two are compared query by query. Comparing the two means' own intervals
throws that away: on a few hundred queries it says nothing about differences that the paired comparison sees clearly.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from spaniel.retrieval.errors import InvalidInput

from .bayes import macro_difference_ends, paired_binary
from .bootstrap import Strata
from .checks import as_binary, as_differences, check_level, check_resamples, check_strata, is_binary
from .intervals import choose_method, interval_ends, standard_error
from .randomisation import sign_flip_p
from .special import t_quantile
from .values import Paired

__all__ = ["macro_difference", "minimum_detectable_effect", "paired_difference"]


def paired_difference(
    system: ArrayLike,
    baseline: ArrayLike,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = 10_000,
    alpha: float = 0.05,
    method: str = "auto",
) -> Paired:
    """Mean of system - baseline over queries, with interval, randomisation p-value and minimum detectable effect.

    Args:
        system: one value a query, finite.
        baseline: the same queries in the same order.
        seed, resamples: of the test, and of the bootstrap if one is asked for.
        alpha: level of the test that the minimum detectable effect is about.
        method: of the interval: "t"; "dirichlet" (`paired_binary`) where all values are 0 or 1; "bca"; or "auto": the
            second where it fits, else the first. Differences are nearly symmetric and mostly 0, and on such values BCa
            is shorter than it may be below 100 queries.

    Returns:
        Differences that are rounding alone count as ties. Identical values give difference 0, interval [0, 0], p 1 and
        no (NaN) minimum detectable effect. The same for the same values and seed, on any number of threads.

    Raises:
        InvalidInput: lengths that differ, no values, a value that is not finite (its place is named), a level outside
            (0, 1), "dirichlet" for values other than 0 and 1.

    Cost: resamples * n / 8 look-ups; 2 ms for 323 queries, 15 ms where all values are 0 or 1.

    Example:
        >>> found = paired_difference([0.8, 0.5, 1.0, 0.7, 0.6, 0.9], [0.6, 0.5, 0.7, 0.6, 0.4, 0.8])
        >>> round(found.difference, 3), found.p, (found.wins, found.ties, found.losses)
        (0.15, 0.0625, (5, 1, 0))
    """
    where = "paired_difference"
    difference = as_differences(where, system, baseline)
    found = _compare(
        where,
        [difference],
        confidence=confidence,
        seed=seed,
        resamples=resamples,
        alpha=alpha,
        method="t" if method == "dirichlet" else method,
    )
    fits = method == "auto" and difference.any() and is_binary(np.concatenate([system, baseline]))
    if not fits and method != "dirichlet":
        return found
    posterior = paired_binary(system, baseline, confidence=confidence, seed=seed)
    return replace(found, low=posterior.low, high=posterior.high, method=posterior.method)


def macro_difference(
    systems: Sequence[ArrayLike],
    baselines: Sequence[ArrayLike],
    *,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = 10_000,
    alpha: float = 0.05,
    method: str = "auto",
) -> Paired:
    """As `paired_difference` for the mean of the collections' mean differences, each collection counting the same.

    Args:
        systems: the system's values on each collection; at least one collection.
        baselines: the baseline's, in the same order.
        method: "t" (Welch and Satterthwaite's degrees of freedom), "bca", "dirichlet" where all values are 0 or 1 (see
            `macro_difference_ends`), or "auto": the last where it fits, else the first.

    Returns:
        Queries are resampled, and signs flipped, within each collection. `n`, `wins`, `ties` and `losses` count queries
        of all.

    Raises:
        InvalidInput: as `paired_difference`, or numbers of collections that differ.
    """
    where = "macro_difference"
    check_strata(where, systems)
    if len(systems) != len(baselines):
        raise InvalidInput(where, f"{len(systems)} collections of the systems and {len(baselines)} of the baselines")
    strata = [
        as_differences(f"{where}, collection {i}", a, b)
        for i, (a, b) in enumerate(zip(systems, baselines, strict=True))
    ]
    found = _compare(
        where,
        strata,
        confidence=confidence,
        seed=seed,
        resamples=resamples,
        alpha=alpha,
        method="t" if method == "dirichlet" else method,
    )
    if method == "dirichlet":
        for i, values in enumerate([*systems, *baselines]):
            as_binary(f"{where}, collection {i % len(strata)}", values)
    elif method != "auto" or not _fits_binary(strata, [*systems, *baselines]):
        return found
    low, high = macro_difference_ends(strata, confidence=confidence, seed=seed)
    return replace(found, low=low, high=high, method="dirichlet")


def _fits_binary(strata: Strata, values: Sequence[ArrayLike]) -> bool:
    """Whether all values are 0 or 1 and some differ."""
    return any(x.any() for x in strata) and all(is_binary(np.asarray(each, np.float64)) for each in values)


def minimum_detectable_effect(
    system: ArrayLike, baseline: ArrayLike, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """The smallest true mean difference that a two-sided paired test at `alpha` finds with probability `power`.

    What the set can see, given how far these two systems' differences spread: (t(1 - alpha/2) + t(power)) standard
    errors, n - 1 degrees of freedom. It is about the set, not about the difference found: "not significant" under a
    large value says little.

    Returns:
        NaN with one query, or when the differences have no spread: nothing is known then.

    Raises:
        InvalidInput: as `paired_difference`.
    """
    where = "minimum_detectable_effect"
    check_level(where, power=power, alpha=alpha)
    return _detectable([as_differences(where, system, baseline)], power=power, alpha=alpha)


def _compare(
    where: str, strata: Strata, *, confidence: float, seed: int, resamples: int, alpha: float, method: str
) -> Paired:
    """The comparison, of differences within each collection."""
    check_level(where, confidence=confidence, alpha=alpha)
    check_resamples(where, resamples, seed)
    name = "t" if method == "auto" else choose_method(where, strata, method)
    low, high = interval_ends(strata, name, confidence=confidence, seed=seed, resamples=resamples)
    # The macro mean is a sum in which a query weighs 1 / (collections * queries of its collection).
    p, patterns = sign_flip_p(np.concatenate([x / len(x) for x in strata]), resamples=resamples, seed=seed)
    pooled = np.concatenate(strata)
    return Paired(
        difference=float(np.mean([x.mean() for x in strata])),
        low=low,
        high=high,
        p=p,
        wins=int(np.count_nonzero(pooled > 0)),
        ties=int(np.count_nonzero(pooled == 0)),
        losses=int(np.count_nonzero(pooled < 0)),
        mde=_detectable(strata, power=0.8, alpha=alpha),
        n=len(pooled),
        method=name,
        resamples=patterns,
        seed=seed,
    )


def _detectable(strata: Strata, *, power: float, alpha: float) -> float:
    """The minimum detectable effect for differences within each collection."""
    if min(map(len, strata)) == 1:
        return math.nan
    error, df = standard_error(strata)
    return (t_quantile(1 - alpha / 2, df) + t_quantile(power, df)) * error if error else math.nan
