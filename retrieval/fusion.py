"""Fuse several rankings of one query into one.

Two families, all pure functions over `Ranking`s. By rank alone:

- `rrf`: reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009).
- `interleave`: the first of each, then the second of each, and so on.

By score, which keeps how far apart the passages were:

- `convex`: a weighted sum of standardised scores (Bruch, Gai and Ingber, TOIS 2023, sec. 4).
- `minmax`: a weighted sum of scores stretched to 0..1 (Lee, SIGIR 1997, sec. 3).
- `weighted`: a weighted sum of the scores as they are, for scores that mean the same from query to query;
  `calibration.py` makes them so.

What a passage scores in a ranking that does not hold it: that ranking's lowest score, for it is at most as good as the
last one. `floors` makes this exact for retrievers that return nothing but matches: BM25 that found 3 passages where the
other found 200 has given every other passage 0, and those zeros belong into mean and deviation too. A ranking shorter
than the longest is therefore filled up with its floor, where it has one; so fuse sources of one depth.

Left out on purpose: learning the weights (`fusion_weights.py`), and fusing across queries.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidInput
from .types import Ranking

__all__ = ["Floors", "Scale", "convex", "interleave", "minmax", "rrf", "table", "weighted", "weighted_sum"]

Scale: TypeAlias = Literal["convex", "minmax", "weighted"]
"""What is added up: z-scores, scores stretched to 0..1, or the scores themselves."""

Floors: TypeAlias = Sequence[float | None]
"""For each ranking the score of what its retriever did not find though there was room; None where nobody knows."""


def rrf(rankings: Sequence[Ranking], *, k: int = 60, depth: int | None = None) -> Ranking:
    """Sum 1 / (k + rank) over the rankings, ranks counted from 1.

    Args:
        rankings: at least one; passages missing from a ranking add nothing for it.
        k: damping constant. 60 is the paper's; smaller trusts the top ranks more.
        depth: how many passages of each ranking take part; all by default.

    Returns:
        Every passage of any ranking, by descending score, ties by ascending ordinal.

    Raises:
        InvalidInput: no rankings, or `k` below 1.

    Cost: O(n log n) for n passages in all.

    Example:
        >>> a, b = Ranking.of([3, 7], [9.0, 8.0]), Ranking.of([7, 5], [0.4, 0.3])
        >>> rrf([a, b]).ids.tolist()
        [7, 3, 5]
    """
    if k < 1:
        raise InvalidInput("rrf", f"k is {k}; it must be at least 1")
    tops = [ranking[:depth] for ranking in rankings]
    return _sum_by_passage(tops, [1.0 / (k + 1 + np.arange(len(top))) for top in tops])


def convex(
    rankings: Sequence[Ranking], weights: Sequence[float] | None = None, *, floors: Floors | None = None
) -> Ranking:
    """Weighted sum of z-scores.

    Args:
        rankings: at least one.
        weights: one per ranking, finite and not negative; equal by default.
        floors: one per ranking; none by default.

    Returns:
        Every passage of any ranking, by descending score, ties by ascending ordinal.

    Raises:
        InvalidInput: no rankings, or weights or floors that do not fit.
    """
    weights = _weights("convex", rankings, weights)
    return weighted_sum(*table(rankings, floors, scale="convex"), weights)


def minmax(
    rankings: Sequence[Ranking], weights: Sequence[float] | None = None, *, floors: Floors | None = None
) -> Ranking:
    """Weighted sum of scores stretched so that each ranking's best is 1 and its last is 0.

    A passage missing from a ranking takes 0 there, as the last one does; when all scores of a ranking are equal they
    all take 1. Arguments, result and errors as in `convex`.

    Example:
        >>> a, b = Ranking.of([3, 7], [9.0, 8.0]), Ranking.of([7, 5, 3], [3.0, 2.0, 1.0])
        >>> list(minmax([a, b], [1.0, 1.0]))
        [(3, 1.0), (7, 1.0), (5, 0.5)]
    """
    weights = _weights("minmax", rankings, weights)
    return weighted_sum(*table(rankings, floors, scale="minmax"), weights)


def weighted(
    rankings: Sequence[Ranking], weights: Sequence[float] | None = None, *, floors: Floors | None = None
) -> Ranking:
    """Weighted sum of the scores themselves. Arguments, result and errors as in `convex`.

    Example:
        >>> a, b = Ranking.of([3], [2.0]), Ranking.of([7, 3], [1.0, 0.5])
        >>> list(weighted([a, b], [1.0, 1.0], floors=[0.0, None]))
        [(3, 2.5), (7, 1.0)]
    """
    weights = _weights("weighted", rankings, weights)
    return weighted_sum(*table(rankings, floors, scale="weighted"), weights)


def table(
    rankings: Sequence[Ranking], floors: Floors | None = None, *, scale: Scale = "weighted"
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """What `convex`, `minmax` and `weighted` add up: the passages of all rankings, and a column for each ranking.

    Returns:
        ids: int32 (n,), ascending. values: float64 (n, len(rankings)); a passage that a ranking does not hold has the
        lowest value of the column (0 under minmax).

    Raises:
        InvalidInput: no rankings, or floors that do not fit.
    """
    if not rankings:
        raise InvalidInput("fusion", "no rankings to fuse")
    ids: NDArray[np.int32] = np.unique(np.concatenate([ranking.ids for ranking in rankings]))
    values = np.empty((len(ids), len(rankings)))
    for column, (ranking, filled) in enumerate(zip(rankings, _filled(scale, rankings, floors), strict=True)):
        scaled = _SCALES[scale](filled)
        values[:, column] = 0.0 if scale == "minmax" else scaled.min(initial=np.inf if len(scaled) else 0.0)
        values[np.searchsorted(ids, ranking.ids), column] = scaled[: len(ranking)]
    return ids, values


def weighted_sum(ids: NDArray[np.int32], values: NDArray[np.float64], weights: Sequence[float]) -> Ranking:
    """A `table` under weights; columns are added in their order, so that equal rows stay equal."""
    total = np.zeros(len(ids))
    for column, weight in enumerate(weights):
        total += weight * values[:, column]
    return Ranking.sorted(ids, total)


def interleave(rankings: Sequence[Ranking], *, depth: int | None = None) -> Ranking:
    """The rankings' firsts in the order given, then their seconds, and so on, each passage where it first comes up.

    Args:
        rankings: at least one.
        depth: how many passages of each ranking take part; all by default.

    Returns:
        Every passage of any ranking; the score is how many passages stand at or below it (the last has 1).

    Raises:
        InvalidInput: no rankings.

    Cost: O(n log n) for n passages in all.
    """
    if not rankings:
        raise InvalidInput("interleave", "no rankings to fuse")
    tops = [ranking[:depth].ids for ranking in rankings]
    ids = np.concatenate(tops)
    # Turn of each passage: round first, then the ranking's place; lexsort's last key is the first to count.
    rounds = np.concatenate([np.arange(len(top)) for top in tops])
    sources = np.repeat(np.arange(len(tops)), [len(top) for top in tops])
    dealt = ids[np.lexsort((sources, rounds))]
    _, first = np.unique(dealt, return_index=True)
    once = dealt[np.sort(first)]
    return Ranking.of(once, np.arange(len(once), 0, -1))


def _weights(where: str, rankings: Sequence[Ranking], weights: Sequence[float] | None) -> list[float]:
    """The weights given, checked; equal ones that sum to 1 when none are."""
    chosen = [1.0 / max(len(rankings), 1)] * len(rankings) if weights is None else list(weights)
    if len(chosen) != len(rankings) or not all(np.isfinite(chosen)) or min(chosen, default=0) < 0:
        raise InvalidInput(where, f"{len(rankings)} rankings need as many weights >= 0, got {chosen}")
    return chosen


def _filled(where: str, rankings: Sequence[Ranking], floors: Floors | None) -> list[NDArray[np.float64]]:
    """Scores of each ranking, float64, filled up with its floor to the length of the longest where it has one."""
    chosen = [None] * len(rankings) if floors is None else list(floors)
    if len(chosen) != len(rankings) or not all(floor is None or np.isfinite(floor) for floor in chosen):
        raise InvalidInput(where, f"{len(rankings)} rankings need as many floors (numbers or None), got {chosen}")
    longest = max(map(len, rankings), default=0)
    wide = [ranking.scores.astype(np.float64) for ranking in rankings]
    return [
        scores if floor is None else np.append(scores, np.full(longest - len(scores), floor))
        for scores, floor in zip(wide, chosen, strict=True)
    ]


def _stretch(wide: NDArray[np.float64]) -> NDArray[np.float64]:
    """(scores - min) / (max - min), float64 (n,); all one when the scores are all equal."""
    if len(wide) == 0 or wide.min() == wide.max():
        return np.ones(len(wide))
    stretched: NDArray[np.float64] = (wide - wide.min()) / (wide.max() - wide.min())
    return stretched


def _standardise(wide: NDArray[np.float64]) -> NDArray[np.float64]:
    """(scores - mean) / deviation, float64 (n,); all zero when the scores are all equal or none."""
    if len(wide) == 0 or wide.min() == wide.max():
        return np.zeros(len(wide))
    standard: NDArray[np.float64] = (wide - wide.mean()) / wide.std()
    return standard


def _unscaled(wide: NDArray[np.float64]) -> NDArray[np.float64]:
    return wide


_SCALES = {"convex": _standardise, "minmax": _stretch, "weighted": _unscaled}


def _sum_by_passage(rankings: Sequence[Ranking], values: Sequence[NDArray[np.float64]]) -> Ranking:
    """Add up values of the same passage. values: float64 (len(ranking),) for each ranking."""
    if not rankings:
        raise InvalidInput("fusion", "no rankings to fuse")
    ids, place = np.unique(np.concatenate([r.ids for r in rankings]), return_inverse=True)
    total = np.zeros(len(ids))
    np.add.at(total, place, np.concatenate(values))
    return Ranking.sorted(ids, total)
