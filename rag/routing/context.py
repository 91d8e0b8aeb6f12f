"""The context of a question over an index: `query_features` bound to frequencies and searches."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spaniel.index.sparse.ceiling import ceilings, has_ceiling
from spaniel.index.sparse.frequencies import TermFrequencies
from spaniel.index.sparse.retriever import Bm25Retriever
from spaniel.retrieval.policies.features.context import feature_names, query_features
from spaniel.retrieval.policies.features.rarity import Frequencies
from spaniel.retrieval.protocols import Retriever
from spaniel.retrieval.types import Query, Ranking
from spaniel.retrieval.work import counted_at_least

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["QuestionContext", "context_of"]


class QuestionContext:
    """Turns questions into context vectors for a routing policy. Safe to call from several threads.

    Args:
        frequencies: of words in the index; None leaves the rarity of words out.
        searches: name -> retriever whose scores are looked at; each costs a search of `depth` passages a question.
        depth: how many passages are looked at.

    Attributes:
        names: of the values, in their order.
        dimension: how many there are.
    """

    def __init__(
        self,
        frequencies: Frequencies | None = None,
        searches: Mapping[str, Retriever] | None = None,
        *,
        depth: int = 10,
    ) -> None:
        self.frequencies, self.searches, self.depth = frequencies, dict(searches or {}), depth
        self.names = feature_names(frequencies=frequencies is not None, searches=tuple(self.searches))

    @property
    def dimension(self) -> int:
        """How many values there are."""
        return len(self.names)

    def __call__(self, question: str) -> NDArray[np.float64]:
        """The context of a question: float64 (dimension,)."""
        query = Query("", question)
        found = {name: self._found(each, query) for name, each in self.searches.items()}
        units = {name: float(_unit(each, query)) for name, each in self.searches.items()}
        return query_features(question, self.frequencies, found, units=units, depth=self.depth)[1]

    def _found(self, retriever: Retriever, query: Query) -> Ranking:
        [ranking] = counted_at_least("searches", 1, partial(retriever.search, [query], k=self.depth))
        return ranking


def context_of(index: "Index", *, search: bool = True, dense: bool | None = None, depth: int = 10) -> QuestionContext:
    """The context that an index can give: its word frequencies, its BM25 scores, and those of its vectors.

    Args:
        search: look at what BM25 finds, under a millisecond on a million passages.
        dense: look at what vectors find too, which costs encoding the question; None: not.

    Raises:
        InvalidInput: the index has no vectors, or has been closed.
    """
    words = index.bm25(depth)
    searches: dict[str, Retriever] = {}
    if search:
        searches["bm25"] = words
    if dense:
        searches["dense"] = index.dense(k=depth)
    return QuestionContext(TermFrequencies(words), searches, depth=depth)


def _unit(retriever: Retriever, query: Query) -> float:
    """A perfect score for this question: BM25's ceiling, 1 for similarities; 0 where it is not known."""
    if isinstance(retriever, Bm25Retriever):
        return float(ceilings(retriever, [query])[0]) if has_ceiling(retriever) else 0.0
    card = getattr(retriever, "card", None)
    return 1.0 if card is not None and card.normalised else 0.0
