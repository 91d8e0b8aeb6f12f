"""What every function here asks of its input: one finite number a query, and sensible settings.

A NaN in a list of scores is a bug upstream, and a mean that leaves it out silently is a wrong mean; so it is an error
that says where it stands. Values may lie outside [0, 1] (p-MRR, milliseconds); only the methods for binary outcomes
want 0 and 1.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spaniel.retrieval.errors import InvalidInput

__all__ = [
    "ROUNDING",
    "as_binary",
    "as_differences",
    "as_values",
    "check_level",
    "check_resamples",
    "check_strata",
    "is_binary",
]

# Two scores that differ by less than this, relative to the larger, are one score that was rounded in two ways.
ROUNDING = 1e-12


def as_values(where: str, values: ArrayLike) -> NDArray[np.float64]:
    """The values as float64 (n,), n >= 1, all finite.

    Raises:
        InvalidInput: not numbers, not one axis, none at all, NaN or infinite; the first such place is named.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(where, f"not a list of numbers: {error}") from error
    if array.ndim != 1:
        raise InvalidInput(where, f"values of shape {array.shape}; one axis is needed, one value a query")
    if not array.size:
        raise InvalidInput(where, "no values; at least one query is needed")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise InvalidInput(
            where,
            f"value {int(bad[0])} is {array[bad[0]]} ({bad.size} of {array.size} are not finite)",
            hint="a query without a result scores 0; leave a query out of every system or of none",
        )
    return array


def is_binary(values: NDArray[np.float64]) -> bool:
    """Whether every value is 0 or 1."""
    return bool(np.all((values == 0) | (values == 1)))


def as_binary(where: str, values: ArrayLike) -> NDArray[np.float64]:
    """The values as float64 (n,), each 0 or 1.

    Raises:
        InvalidInput: as `as_values`, and for any other value, which is named: nDCG and the like are not binary.
    """
    array = as_values(where, values)
    odd = np.flatnonzero((array != 0) & (array != 1))
    if odd.size:
        raise InvalidInput(
            where,
            f"value {int(odd[0])} is {array[odd[0]]}; this method is for outcomes that are 0 or 1",
            hint="use mean_interval and paired_difference for graded values",
        )
    return array


def as_differences(where: str, system: ArrayLike, baseline: ArrayLike) -> NDArray[np.float64]:
    """system - baseline, float64 (n,); exactly 0 where the two differ by rounding alone.

    Raises:
        InvalidInput: as `as_values`, or lengths that differ.
    """
    a, b = as_values(f"{where}, system", system), as_values(f"{where}, baseline", baseline)
    if len(a) != len(b):
        raise InvalidInput(
            where,
            f"{len(a)} values of the system and {len(b)} of the baseline",
            hint="a paired comparison needs both scored on the same queries, in the same order",
        )
    difference = a - b
    difference[np.abs(difference) <= ROUNDING * np.maximum(np.abs(a), np.abs(b))] = 0.0
    return difference


def check_level(where: str, **levels: float) -> None:
    """Raise InvalidInput unless every level lies strictly between 0 and 1."""
    for name, level in levels.items():
        if not 0 < level < 1:
            raise InvalidInput(where, f"{name} is {level}; it must lie between 0 and 1 (0.95 means 95 %)")


def check_resamples(where: str, resamples: int, seed: int) -> None:
    """Raise InvalidInput unless there is at least one resample and the seed is not negative."""
    if resamples < 1:
        raise InvalidInput(where, f"resamples is {resamples}; it must be at least 1")
    if seed < 0:
        raise InvalidInput(where, f"seed is {seed}; it must be 0 or more")


def check_strata(where: str, collections: Sequence[object]) -> None:
    """Raise InvalidInput when there is no collection."""
    if not len(collections):
        raise InvalidInput(where, "no collections; at least one is needed")
