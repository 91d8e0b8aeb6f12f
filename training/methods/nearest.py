"""The passages nearest to questions, of vectors that come piece by piece; no more is held than what is kept.

An index of millions of passages that is encoded anew would not fit into memory, and the scores of all of them for all
questions even less. So each piece of vectors is compared with the questions and thrown away.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.protocols import Exclude, PassageStore, Where
from spaniel.retrieval.types import QueryLike, Ranking, as_queries

if TYPE_CHECKING:
    from spaniel.training.examples import Example

__all__ = ["FoundBefore", "Nearest"]

_QUERIES, _ROWS = 64, 8192
"""Of which scores are held at a time: 2 MiB."""


class Nearest:
    """The k best passages of each question so far: highest dot product first, ties by ordinal.

    Args:
        queries: float32 (q, d).
        k: how many.

    Cost: q n d multiplications over all pieces; 8 k bytes a question.
    """

    def __init__(self, queries: NDArray[np.float32], k: int) -> None:
        self._queries, self.k = queries, k
        self._ids = np.zeros((len(queries), 0), np.int32)
        self._scores = np.zeros((len(queries), 0), np.float32)

    def add(self, ordinals: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Further passages.

        Args:
            ordinals: int64 (n,), ascending, above all that came before.
            vectors: float32 (n, d).
        """
        for start in range(0, len(ordinals), _ROWS):
            piece = slice(start, start + _ROWS)
            self._add(ordinals[piece].astype(np.int32), vectors[piece])

    def _add(self, ordinals: NDArray[np.int32], vectors: NDArray[np.float32]) -> None:
        kept = self._ids.shape[1]
        width = min(self.k, kept + len(ordinals))
        ids = np.empty((len(self._queries), width), np.int32)
        scores = np.empty(ids.shape, np.float32)
        for start in range(0, len(ids), _QUERIES):
            piece = slice(start, start + _QUERIES)
            both = np.concatenate([self._scores[piece], self._queries[piece] @ vectors.T], axis=1)
            for row, own in enumerate(both, start):
                best = _best(own, width)
                scores[row] = own[best]
                new = best >= kept
                ids[row, new] = ordinals[best[new] - kept]
                ids[row, ~new] = self._ids[row, best[~new]]
        self._ids, self._scores = ids, scores

    def ranking(self, row: int) -> Ranking:
        """Of one question, as far as it is known."""
        return Ranking(self._ids[row], self._scores[row])

    def rankings(self) -> list[Ranking]:
        """Of each."""
        return [self.ranking(row) for row in range(len(self._ids))]


def _best(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Places of the k highest, best first, ties by place: int64 (k,)."""
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    some = np.flatnonzero(scores >= least)
    order: NDArray[np.int64] = some[np.argsort(-scores[some], kind="stable")[:k]]
    return order


class FoundBefore:
    """A retriever that knows its answers already.

    Args:
        examples: the questions that it will be asked.
        found: of each.
        passages: where texts are.
    """

    def __init__(self, examples: "Sequence[Example]", found: Nearest, passages: PassageStore) -> None:
        self.name, self.depth = "as trained", found.k
        self.passages: PassageStore | None = passages
        self._found = found
        self._rows = {(example.id, example.text): row for row, example in enumerate(examples)}

    def search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
    ) -> list[Ranking]:
        """What was found, at most k each.

        Raises:
            ValueError: passages shall be left out; nobody did when it was found.
        """
        if exclude is not None or where is not None:
            raise ValueError("what was found before cannot be filtered")
        return [self._found.ranking(self._rows[query.id, query.text])[:k] for query in as_queries(queries)]
