"""First stage and reranker together: a weighted sum of what both say of the passages that were reranked.

A reranker throws away what the first stage knew. Where it is not far better, or far better only for some queries, a sum
of both is better than either (Askari et al., Injecting the BM25 score as text, ECIR 2023, sec. 5 has a table; measured
for a bi-encoder over BM25 in docs/selection.md). Scores are made comparable per query as `fusion.convex` and
`fusion.minmax` do it, over the reranked passages only; the passages behind keep their place.

Weights are fitted by `fusion_weights.fit_weights` over rows of [first[:depth], reranked[:depth]] with the same scale:
the second weight is the one to give here.
"""

from collections.abc import Sequence
from typing import get_args

import numpy as np

from .composition import added_usage, name_of
from .errors import InvalidInput
from .fusion import Scale, table, weighted_sum
from .places import warn_of_places
from .protocols import PassageStore, Reranker
from .types import QueryLike, Ranking

__all__ = ["Interpolated", "check_weight", "interpolated"]


def interpolated(
    rankings: Sequence[Ranking], weight: float = 0.5, *, depth: int | None = None, scale: Scale = "convex"
) -> Ranking:
    """(1 - weight) * first stage + weight * reranker.

    Args:
        rankings: the first stage's, and the reranker's of the same passages; one that the latter lacks has its lowest
            score.
        weight: of the reranker, 0 to 1.
        depth: how many of the first stage were reranked; all by default. Those behind follow in their order.
        scale: "convex" for z-scores, "minmax" for scores stretched to 0..1, "weighted" for the scores as they are.

    Returns:
        Every passage of the first stage once, by descending score, ties by ascending ordinal; the passages behind
        `depth` have scores a step of 1 apart below those.

    Raises:
        InvalidInput: not two rankings, a weight out of range, a depth below 1, or another scale.

    Cost: O(n log n).

    Example:
        >>> bm25, again = Ranking.of([3, 7, 5], [9.0, 8.0, 7.0]), Ranking.of([7, 3], [4.0, 1.0])
        >>> interpolated([bm25, again], 0.75, depth=2).ids.tolist()
        [7, 3, 5]
    """
    if len(rankings) != 2:
        raise InvalidInput("interpolated", f"{len(rankings)} rankings; give the first stage's and the reranker's")
    _check(weight, depth, scale)
    first, again = rankings
    head, rest = first[:depth], first[len(first[:depth]) :]
    if len(head) == 0:
        return first
    kept = np.isin(again.ids, head.ids)
    both = [head, Ranking(again.ids[kept], again.scores[kept])]
    fused = weighted_sum(*table(both, scale=scale), [1.0 - weight, weight])
    last = float(fused.scores[-1])
    step = max(1.0, 4.0 * float(np.spacing(np.float32(abs(last) + len(rest)))))
    below = (last - step * np.arange(1, len(rest) + 1)).astype(np.float32)
    return Ranking(np.concatenate([fused.ids, rest.ids]), np.concatenate([fused.scores, below]))


class Interpolated:
    """A reranker whose scores are added to those of the ranking it gets; see `interpolated`. A stage like any.

    Args:
        reranker: gives scores, with its own depth. Places (see `places.py`) bring a warning: they say nothing of how
            far apart two passages are; `fusion.rrf` is for them.
        weight, depth, scale: see `interpolated`; the depth is the reranker's.
        name: how traces and reports call it.

    Raises:
        InvalidInput: not a reranker, a weight out of range, a depth below 1, or another scale.

    Example:
        `kb.bm25(k=100) >> Interpolated(CrossEncoder("models/ce", depth=50), weight=0.7, depth=50)`
    """

    def __init__(
        self,
        reranker: Reranker,
        weight: float = 0.5,
        *,
        depth: int | None = None,
        scale: Scale = "convex",
        name: str | None = None,
    ) -> None:
        if isinstance(reranker, type) or not isinstance(reranker, Reranker):
            raise InvalidInput("interpolated", f"{name_of(reranker)} is no reranker; it has no rerank()")
        _check(weight, depth, scale)
        self.reranker, self.weight, self.depth, self.scale = reranker, weight, depth, scale
        self.name = name or f"interpolated({name_of(reranker)}, {weight:g})"

    def rerank(
        self,
        queries: Sequence[QueryLike],
        rankings: Sequence[Ranking],
        passages: PassageStore,
        *,
        k: int | None = None,
    ) -> list[Ranking]:
        """See `protocols.Reranker.rerank`; nothing is dropped but by k."""
        if k is not None and k < 1:
            raise InvalidInput("rerank", f"k is {k}; it must be at least 1")
        again = self.reranker.rerank(queries, rankings, passages)
        if 0 < self.weight < 1:
            warn_of_places(self.name, again)
        pairs = zip(rankings, again, strict=True)
        return [interpolated(pair, self.weight, depth=self.depth, scale=self.scale)[:k] for pair in pairs]

    def usage(self) -> dict[str, int]:
        """What the reranker has counted; see `protocols.Metered`."""
        return added_usage([self.reranker])


def check_weight(where: str, weight: float) -> None:
    """Between 0 and 1.

    Raises:
        InvalidInput: it is not; `where` is who has it.
    """
    if not 0 <= weight <= 1:
        raise InvalidInput(where, f"weight is {weight}; it must lie between 0 and 1")


def _check(weight: float, depth: int | None, scale: Scale) -> None:
    check_weight("interpolated", weight)
    if depth is not None and depth < 1:
        raise InvalidInput("interpolated", f"depth is {depth}; it must be at least 1")
    if scale not in get_args(Scale):
        raise InvalidInput("interpolated", f"scale is {scale!r}; it must be one of {', '.join(get_args(Scale))}")
