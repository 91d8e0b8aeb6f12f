"""Pseudo-relevance feedback on vectors: the query is moved towards the best passages and searched again.

Rocchio's rule as Li et al. (Pseudo Relevance Feedback with Deep Language Models and Dense Retrievers, TOIS 2023, sec.
3.3) use it on dense retrievers: `0.8 query + 0.2 mean of the top 3`, brought back to length 1; or their average (sec.
3.2), in which the query counts as much as each passage. Passages' vectors are the best reconstructions that the store
has, so binary stores feed back too. It finds more of what is like the best passages, which helps where many passages
answer a question and harms where one does. So there is a gate:

- fed by its own ranking, a query is moved only when its first passage stands clear of the third, by at least `gate`
  spreads of similarity (see spread.py): then the top is not a toss-up, and moving towards it does not lose it;
- fed by another ranking (`first`, such as hybrid search), the second opinion is gate enough.

Figures for both in docs/hybrid.md.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import Around
from spaniel.retrieval.protocols import Exclude, Retriever, Where
from spaniel.retrieval.types import Query, QueryLike, Ranking, as_queries

from .retriever import DenseRetriever, for_those_that_ask, says_something
from .spread import similarities

__all__ = ["Feedback", "rocchio"]


def rocchio(
    queries: NDArray[np.float32], fed: NDArray[np.float32], *, weight: float = 0.2, unit: bool = True
) -> NDArray[np.float32]:
    """Each query moved towards the mean of what it is fed with: float32 (n, d).

    Args:
        queries: float32 (n, d). fed: float32 (n, k, d).
        weight: of the mean; the query keeps the rest.
        unit: bring the result to length 1, as models with normalised vectors need.
    """
    moved = (1.0 - weight) * queries.astype(np.float64) + weight * fed.astype(np.float64).mean(axis=1)
    if unit:
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        moved = moved / np.where(lengths > 0, lengths, 1.0)
    result: NDArray[np.float32] = moved.astype(np.float32)
    return result


class Feedback(Around):
    """A dense retriever whose queries are moved towards what a first search finds.

    Args:
        dense: searches with the moved queries.
        first: finds what queries are moved towards; `dense` itself by default.
        k: how many passages of it.
        weight: of their mean, 0 to 1; None for the average of query and passages, k / (k + 1).
        gate: spreads by which the first must stand clear of the k-th; 0 for none. Only where `first` is not given.

    Raises:
        InvalidInput: an option out of range, or a `first` over another index.

    Example:
        `calibrated(kb.bm25(200), Feedback(kb.dense(k=200), kb.hybrid()))`: hybrid search that is fed by itself
    """

    def __init__(
        self,
        dense: DenseRetriever,
        first: Retriever | None = None,
        *,
        k: int = 3,
        weight: float | None = 0.2,
        gate: float = 0.8,
    ) -> None:
        weight = k / (k + 1) if weight is None else weight
        if k < 1 or not 0 <= weight <= 1 or not gate >= 0:
            raise InvalidInput("feedback", f"k {k}, weight {weight}, gate {gate}; they must be >= 1, 0 to 1, and >= 0")
        if first is not None and first.passages is not dense.passages:
            raise InvalidInput("feedback", f"{first.name} searches another index than {dense.name}")
        super().__init__(dense)
        self.dense, self.first, self.k, self.weight = dense, first, k, weight
        self.gate = gate if first is None else 0.0
        self._clear: float | None = None

    @property
    def name(self) -> str:
        """`dense+feedback`."""
        return f"{self.dense.name}+feedback"

    def search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
    ) -> list[Ranking]:
        """See `protocols.Retriever.search`.

        A query whose first search finds fewer than `k` passages is not moved. Passages in `exclude` may move it: they
        are hidden from the results, and what a query gets beside them must not change.
        """
        asked = as_queries(queries)
        if not all(map(says_something, asked)):
            return for_those_that_ask(
                asked, exclude, lambda some, hide: self.search(some, k=k, exclude=hide, where=where)
            )
        if not asked:
            return []
        vectors = self.dense.query_vectors(asked)
        known = [Query(q.id, q.text, vector=v, weights=q.weights) for q, v in zip(asked, vectors, strict=True)]
        tops = (self.first or self.dense).search(known, k=self.k, where=where)
        moved = np.array([self._is_open(top) for top in tops], dtype=bool)
        places = np.flatnonzero(moved)
        if len(places):
            ids = np.stack([tops[place].ids for place in places])
            fed = self.dense.vectors(ids.reshape(-1)).reshape(len(places), self.k, -1)
            vectors = vectors.copy()
            vectors[places] = rocchio(vectors[places], fed, weight=self.weight, unit=self.dense.card.normalised)
        again = [Query(q.id, q.text, vector=v) for q, v in zip(asked, vectors, strict=True)]
        return self.dense.search(again, k=k, exclude=exclude, where=where)

    def units(self, queries: Sequence[Query]) -> NDArray[np.float64]:
        """Those of the dense retriever; see `retrieval/calibration.py`."""
        return self.dense.units(queries)

    def usage(self) -> dict[str, int]:
        """That of the dense retriever; see `protocols.Metered`."""
        return self.dense.usage()

    def _is_open(self, top: Ranking) -> bool:
        if len(top) < self.k:
            return False
        if self.gate == 0:
            return True
        if self._clear is None:
            self._clear = self.gate * similarities(self.dense.segments).spread
        return float(top.scores[0] - top.scores[-1]) >= self._clear
