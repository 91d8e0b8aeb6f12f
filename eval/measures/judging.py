"""Which results of a run are judged, where they stand, and with which grade: all that most measures look at.

Few of the results of a run are judged, so they are looked up once and every measure works on what is left: a `Judging`
of some thousand rows instead of millions of results. The look-up: the judged documents get numbers; the run's
vocabulary is mapped to them by one dict; a row is judged if (query, document) is among the judged pairs, sorted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.columns import StageColumns
from spaniel.eval.qrels import Qrels, judged_queries
from spaniel.eval.run import Run

__all__ = ["Judgements", "Judging", "judge", "ranks_within"]

_CHUNK = 1 << 20  # rows looked up at a time, so that what is in between stays small


@dataclass(frozen=True, slots=True, eq=False)
class Judgements:
    """Qrels in columns.

    Attributes:
        query_ids: the judged queries, in the order of the qrels.
        queries: int64 (n_judgements,), places in `query_ids`, ascending; inside a query highest grade first.
        grades: int64 (n_judgements,).
    """

    query_ids: tuple[str, ...]
    queries: NDArray[np.int64]
    grades: NDArray[np.int64]

    @classmethod
    def of(cls, qrels: Qrels) -> "Judgements":
        """From checked qrels."""
        query_ids = judged_queries(qrels)
        queries, grades = _columns(qrels, query_ids)
        return cls(query_ids, queries, grades[np.lexsort((-grades, queries))])

    def count(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """int64 (n_queries,): judgements of each query where `chosen`, bool (n_judgements,), is true."""
        return np.bincount(self.queries[chosen], minlength=len(self.query_ids))

    def relevant(self, rel: int) -> NDArray[np.int64]:
        """int64 (n_queries,): documents of each query with a grade of at least `rel`."""
        return self.count(self.grades >= rel)

    def ranks(self) -> NDArray[np.int64]:
        """int64 (n_judgements,): ranks of the ideal ranking, from 1."""
        return ranks_within(self.queries)


class _Pairs(NamedTuple):
    """The judged pairs, to look results up in.

    `documents`: document id -> number; `keys`: int64 (n_judgements,), query * len(documents) + document, ascending;
    `grades`: int64 (n_judgements,), in the same order.
    """

    documents: dict[str, int]
    keys: NDArray[np.int64]
    grades: NDArray[np.int64]

    @classmethod
    def of(cls, qrels: Qrels, query_ids: Sequence[str]) -> "_Pairs":
        ids = list(chain.from_iterable(qrels[query_id] for query_id in query_ids))
        documents = {id_: place for place, id_ in enumerate(dict.fromkeys(ids))}
        queries, grades = _columns(qrels, query_ids)
        keys = queries * len(documents) + np.fromiter(map(documents.__getitem__, ids), np.int64, len(ids))
        order = np.argsort(keys)
        return cls(documents, keys[order], grades[order])


def _columns(qrels: Qrels, query_ids: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Query's place and grade of each judgement, both int64 (n_judgements,)."""
    judged = [qrels[query_id] for query_id in query_ids]
    queries = np.repeat(np.arange(len(judged)), [len(entries) for entries in judged])
    grades = np.fromiter(chain.from_iterable(entries.values() for entries in judged), np.int64, len(queries))
    return queries, grades


@dataclass(frozen=True, slots=True, eq=False)
class Judging:
    """The judged results of a run.

    Attributes:
        judgements: what they were judged by.
        queries: int64 (n_hits,), places in `judgements.query_ids`; those of one query stand together.
        ranks: int64 (n_hits,), from 1, ascending inside a query.
        grades: int64 (n_hits,).
        retrieved: int64 (n_queries,), results of each judged query; 0 also for one that was never asked.
    """

    judgements: Judgements
    queries: NDArray[np.int64]
    ranks: NDArray[np.int64]
    grades: NDArray[np.int64]
    retrieved: NDArray[np.int64]

    @property
    def n_queries(self) -> int:
        """Judged queries."""
        return len(self.judgements.query_ids)

    def condensed(self) -> "Judging":
        """As if results without a judgement had not been retrieved (Sakai, SIGIR 2007)."""
        found = np.bincount(self.queries, minlength=self.n_queries)
        return Judging(self.judgements, self.queries, ranks_within(self.queries), self.grades, found)

    def add_up(self, chosen: NDArray[np.bool_], values: NDArray[Any] | None = None) -> NDArray[np.float64]:
        """float64 (n_queries,): the sum of `values`, (n_chosen,), over the hits chosen; without values their number."""
        return np.bincount(self.queries[chosen], values, self.n_queries).astype(np.float64)


def ranks_within(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 (n,): the place of each row among those of its group, from 1; groups stand together."""
    starts = np.ones(len(groups), np.bool_)
    starts[1:] = groups[1:] != groups[:-1]
    first = np.flatnonzero(starts)
    return np.arange(1, len(groups) + 1) - np.repeat(first, np.diff(np.append(first, len(groups))))


def judge(run: Run, judgements: Judgements, qrels: Qrels) -> Judging:
    """Look up the results of the run's last stage.

    Cost: one dict look-up a document of the vocabulary, one gather a result, one binary search a result whose document
    is judged for any query.
    """
    columns = run.final
    judged = {query_id: place for place, query_id in enumerate(judgements.query_ids)}
    query_of = np.fromiter((judged.get(query_id, -1) for query_id in run.query_ids), np.int64, len(run.query_ids))
    pairs = _Pairs.of(qrels, judgements.query_ids)
    document_of = _numbers(run.document_ids, pairs.documents)
    parts = [_look_up(columns, span, query_of, document_of, pairs) for span in _spans(columns)]
    queries, ranks, grades = (np.concatenate([np.zeros(0, np.int64), *(p[n] for p in parts)]) for n in range(3))
    retrieved = np.zeros(len(judgements.query_ids), np.int64)
    retrieved[query_of[query_of >= 0]] = columns.lengths()[query_of >= 0]
    return Judging(judgements, queries, ranks, grades, retrieved)


def _numbers(document_ids: Sequence[str], documents: dict[str, int]) -> NDArray[np.int32]:
    """int32 (len(document_ids),): the number of each judged document, -1 for the others."""
    return np.fromiter(map(documents.get, document_ids, repeat(-1)), np.int32, len(document_ids))


def _spans(columns: StageColumns) -> list[tuple[int, int]]:
    """Ranges of queries with about `_CHUNK` rows each."""
    bounds = np.searchsorted(columns.offsets, np.arange(0, len(columns), _CHUNK), side="right") - 1
    edges = np.unique(np.append(bounds, columns.n_queries))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _look_up(
    columns: StageColumns,
    span: tuple[int, int],
    query_of: NDArray[np.int64],
    document_of: NDArray[np.int32],
    pairs: _Pairs,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Query, rank and grade of the judged results of the queries from span[0] up to span[1]."""
    first, last = span
    offsets = columns.offsets[first : last + 1]
    documents = document_of[columns.ids[offsets[0] : offsets[-1]]]
    rows = np.flatnonzero(documents >= 0)
    places = np.searchsorted(offsets, rows + offsets[0], side="right") - 1
    queries = query_of[first + places]
    rows, places, queries = rows[queries >= 0], places[queries >= 0], queries[queries >= 0]
    keys = queries * len(pairs.documents) + documents[rows]
    found = np.minimum(np.searchsorted(pairs.keys, keys), len(pairs.keys) - 1)
    right = pairs.keys[found] == keys
    ranks = rows + offsets[0] - offsets[places] + 1
    return queries[right], ranks[right], pairs.grades[found[right]]
