"""Scoring straight from strings: lists in memory or a TREC file, without making a `Run` of them.

Numbering a million document ids costs more than scoring them, and most of them nobody has judged. Here each query's
results are looked up in the small dict of its own judgements, and forgotten; the memory is that of one query.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress, groupby, pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.qrels import Qrels
from spaniel.eval.run_making import finite_scores
from spaniel.eval.trec_columns import trec_rows
from spaniel.retrieval.errors import InvalidInput

from .judging import Judgements, Judging
from .oddities import TOP, Facts

__all__ = ["Found", "from_columns", "from_file", "judge_found"]

Found: TypeAlias = tuple[str, Sequence[str], NDArray[np.float32]]
"""One query, its documents and their scores, float32 (n,), finite, in any order; equal scores in the order meant."""

_BLOCK = 1 << 16  # scores turned into numbers at a time, so that what is in between stays small


def from_columns(
    queries: Sequence[str], documents: Sequence[str], scores: Sequence[float] | NDArray[Any]
) -> Iterator[Found]:
    """Queries of parallel columns.

    Raises:
        OutOfOrder: the rows of a query do not stand together.
    """
    if not len(queries) == len(documents) == len(scores):
        raise InvalidInput(
            "score_lists", f"{len(queries)} queries, {len(documents)} documents and {len(scores)} scores"
        )
    values = np.empty(len(scores), np.float32)
    for start in range(0, len(scores), _BLOCK):
        part = slice(start, start + _BLOCK)
        values[part] = finite_scores(scores[part], documents[part])
    start = 0
    while start < len(queries):
        end = _end_of_query(queries, start)
        yield queries[start], documents[start:end], values[start:end]
        start = end


def _end_of_query(queries: Sequence[str], start: int) -> int:
    """One past the last row of the query that begins at `start`: by doubling steps, ten times as fast as row by row.

    Raises:
        OutOfOrder: the steps have passed over another query.
    """
    query_id, last, step = queries[start], start, 1
    while last + step < len(queries) and queries[last + step] == query_id:
        last, step = last + step, 2 * step
    while step := step // 2:
        if last + step < len(queries) and queries[last + step] == query_id:
            last += step
    if queries[start : last + 1].count(query_id) != last + 1 - start:
        raise OutOfOrder(query_id)
    return last + 1


def from_file(path: str | Path) -> Iterator[Found]:
    """Queries of a TREC run whose lines stand together.

    Raises:
        OutOfOrder: equal scores whose ranks do not rise from line to line.
    """
    query_id = ""
    pieces: list[tuple[Sequence[str], Sequence[str], NDArray[np.float32]]] = []
    for rows in trec_rows(path):
        start = 0
        for next_id, group in groupby(rows.queries):
            end = start + len(list(group))
            if next_id != query_id and pieces:
                yield _joined(query_id, pieces)
                pieces = []
            query_id = next_id
            pieces.append((rows.documents[start:end], rows.ranks[start:end], rows.scores[start:end]))
            start = end
    if pieces:
        yield _joined(query_id, pieces)


def _joined(query_id: str, pieces: list[tuple[Sequence[str], Sequence[str], NDArray[np.float32]]]) -> Found:
    """One query out of the pieces that chunks have cut it into."""
    scores = np.concatenate([scores for _, _, scores in pieces])
    falls = (scores[1:] < scores[:-1]).all()
    if not falls and len(np.unique(scores)) < len(scores):
        ranks = [int(rank) for _, part, _ in pieces for rank in part]
        if any(after < before for before, after in pairwise(ranks)):
            raise OutOfOrder(query_id)
    return query_id, list(chain.from_iterable(documents for documents, _, _ in pieces)), scores


class OutOfOrder(Exception):
    """Rows of a query that do not stand together, or not in the order of their ranks: they have to be sorted first."""


def judge_found(
    found: Iterable[Found], judgements: Judgements, qrels: Qrels, *, trusted: bool = False
) -> tuple[Judging, Facts]:
    """Look up results query by query.

    Raises:
        OutOfOrder: a query comes twice.
        InvalidInput: a document twice under one query, unless `trusted`, which spares the look.

    Cost: two hash look-ups a result.
    """
    judged = {query_id: place for place, query_id in enumerate(judgements.query_ids)}
    asked: dict[str, None] = {}
    # Flat: objects that collect here would set off the garbage collector, which walks through the caller's lists.
    queries, counts, ranks, grades = array("q"), array("q"), array("q"), array("q")
    retrieved = np.zeros(len(judged), np.int64)
    n_own = n_own_first = n_tied = 0
    all_ranks: list[int] = []
    for query_id, documents, scores in found:
        if query_id in asked:
            raise OutOfOrder(query_id)
        asked[query_id] = None
        documents, scores = _sorted(documents, scores)
        distinct = documents if trusted else set(documents)
        if len(distinct) != len(documents):
            twice = next(id_ for place, id_ in enumerate(documents) if id_ in documents[:place])
            raise InvalidInput("run", f"document {twice!r} stands twice under query {query_id!r}")
        n_own += query_id in distinct
        n_own_first += query_id in documents[:1]
        n_tied += len(scores) > TOP and bool(scores[TOP - 1] == scores[TOP])
        if (query := judged.get(query_id)) is not None:
            retrieved[query] = len(documents)
            entries = qrels[query_id]
            if len(all_ranks) < len(documents):
                all_ranks = list(range(1, len(documents) + 1))
            found_at = list(compress(all_ranks, map(entries.__contains__, documents)))
            queries.append(query)
            counts.append(len(found_at))
            ranks.extend(found_at)
            grades.extend([entries[documents[rank - 1]] for rank in found_at])
    query_of, n_hits, rank_of, grade_of = (np.array(column, np.int64) for column in (queries, counts, ranks, grades))
    judging = Judging(judgements, np.repeat(query_of, n_hits), rank_of, grade_of, retrieved)
    return judging, Facts(tuple(asked), n_own, n_own_first, n_tied)


def _sorted(documents: Sequence[str], scores: NDArray[np.float32]) -> tuple[Sequence[str], NDArray[np.float32]]:
    """By descending score; equal scores stay as they are."""
    if not (scores[1:] > scores[:-1]).any():
        return documents, scores
    order = np.argsort(-scores, kind="stable")
    return [documents[place] for place in order.tolist()], scores[order]
