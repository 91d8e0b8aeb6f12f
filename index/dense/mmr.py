"""Maximal marginal relevance over what was found: a stage for `>>`.

kb.hybrid() >> Mmr(kb.dense(), depth=50, weight=0.7)
"""

from collections.abc import Sequence

import numpy as np

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.mmr import checked_weight, mmr
from spaniel.retrieval.protocols import PassageStore
from spaniel.retrieval.types import QueryLike, Ranking

from .duplicates import HasVectors

__all__ = ["Mmr"]


class Mmr:
    """Orders the best `depth` passages anew so that each is unlike those before it; what stands below stays.

    Relevance is the score that they came with, stretched to 0..1 over those `depth`; similarity is the cosine of their
    vectors. Scores that come out count down, for the order is all that they say.

    Args:
        source: whose vectors to compare: `kb.dense()`, whatever found the passages.
        weight: of relevance, 0 to 1.
        depth: how many take part.
    """

    name = "mmr"

    def __init__(self, source: HasVectors, *, weight: float = 0.7, depth: int = 50) -> None:
        if depth < 1:
            raise InvalidInput("mmr", f"depth is {depth}; it must be at least 1")
        self.source, self.weight, self.depth = source, checked_weight(weight), depth

    def rerank(
        self,
        queries: Sequence[QueryLike],
        rankings: Sequence[Ranking],
        passages: PassageStore,
        *,
        k: int | None = None,
    ) -> list[Ranking]:
        """See `protocols.Reranker.rerank`."""
        return [self._ordered(ranking)[:k] for ranking in rankings]

    def _ordered(self, ranking: Ranking) -> Ranking:
        top = ranking[: self.depth]
        if not len(top):
            return ranking
        vectors = self.source.vectors(top.ids.astype(np.int64))
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        unit = (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
        scores = top.scores.astype(np.float64)
        span = scores[0] - scores[-1]
        relevance = (scores - scores[-1]) / span if span > 0 else np.ones(len(scores))
        order = mmr(relevance, unit, weight=self.weight)
        ids = np.concatenate([top.ids[order], ranking.ids[len(top) :]])
        return Ranking.of(ids, np.arange(len(ids), 0, -1))
