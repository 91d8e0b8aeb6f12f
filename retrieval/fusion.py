"""Fuse several rankings of one query into one.

Two families, both pure functions over `Ranking`s:

- `rrf`: reciprocal rank fusion, which looks only at ranks (Cormack, Clarke and Buettcher, SIGIR 2009).
- `convex`: a weighted sum of standardised scores, which keeps how far apart the passages were
  (Bruch, Gai and Ingber, TOIS 2023, sec. 4).

Left out on purpose: learning the weights (see `fit.py`) and fusing across queries.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Ranking

__all__ = ["convex", "rrf"]


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


def convex(rankings: Sequence[Ranking], weights: Sequence[float] | None = None) -> Ranking:
    """Weighted sum of z-scores, a passage missing from a ranking taking that ranking's lowest.

    Args:
        rankings: at least one.
        weights: one per ranking, finite and not negative; equal by default.

    Returns:
        Every passage of any ranking, by descending score, ties by ascending ordinal.

    Raises:
        InvalidInput: no rankings, or weights that do not fit.
    """
    weights = [1.0 / max(len(rankings), 1)] * len(rankings) if weights is None else list(weights)
    if len(weights) != len(rankings) or not all(np.isfinite(weights)) or min(weights, default=0) < 0:
        raise InvalidInput("convex", f"{len(rankings)} rankings need as many weights >= 0, got {weights}")
    standard = [_standardise(ranking.scores) for ranking in rankings]
    # What a ranking did not return is at most as good as its last: giving it zero would reward absence,
    # because z-scores of returned passages are often negative.
    floor = sum(w * z.min(initial=0.0) for w, z in zip(weights, standard, strict=True))
    lifted = [w * (z - z.min(initial=0.0)) for w, z in zip(weights, standard, strict=True)]
    return _sum_by_passage(rankings, lifted, base=floor)


def _standardise(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """(scores - mean) / deviation, float64 (n,); all zero when the scores are all equal or none."""
    if len(scores) == 0 or scores.min() == scores.max():
        return np.zeros(len(scores))
    standard: NDArray[np.float64] = (scores - scores.mean(dtype=np.float64)) / scores.std(dtype=np.float64)
    return standard


def _sum_by_passage(
    rankings: Sequence[Ranking], values: Sequence[NDArray[np.float64]], *, base: float = 0.0
) -> Ranking:
    """Add up values of the same passage. values: float64 (len(ranking),) for each ranking."""
    if not rankings:
        raise InvalidInput("fusion", "no rankings to fuse")
    ids, place = np.unique(np.concatenate([r.ids for r in rankings]), return_inverse=True)
    total = np.full(len(ids), base)
    np.add.at(total, place, np.concatenate(values))
    return Ranking.sorted(ids, total)
