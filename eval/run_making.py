"""Runs from lists, rankings and columns: ids become numbers, rows are put in order.

The interning is one pass at the speed of C: a defaultdict that numbers what it has not seen, driven by `map`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, Ranking

from .columns import StageColumns
from .run import Run

__all__ = ["Vocabulary", "from_lists", "from_ordinals", "from_rankings", "in_order"]


class Vocabulary:
    """Gives each distinct id the next number."""

    def __init__(self) -> None:
        self._codes: defaultdict[str, int] = defaultdict(count().__next__)

    def codes(self, ids: Sequence[str]) -> NDArray[np.int32]:
        """int32 (len(ids),): the number of each id, new ones numbered in the order they come."""
        return np.fromiter(map(self._codes.__getitem__, ids), np.int32, len(ids))

    def ids(self, what: str) -> tuple[str, ...]:
        """Every id in the order of its number; `what` names them in errors.

        Raises:
            InvalidInput: one that is not text.
        """
        if not set(map(type, self._codes)) <= {str}:
            wrong = next(id_ for id_ in self._codes if type(id_) is not str)
            raise InvalidInput(
                "Run", f"{what} id {wrong!r} is {type(wrong).__name__}; ids must be str", hint="convert them: str(id)"
            )
        return tuple(self._codes)


def from_rankings(
    rankings: Mapping[str, Iterable[tuple[str, float]]],
    *,
    name: str,
    stage: str,
    ms: Mapping[str, float] | None,
    card: Mapping[str, JSON] | None,
) -> Run:
    """See `Run.from_rankings`."""
    queries, vocabulary = Vocabulary(), Vocabulary()
    queries.codes(list(rankings))
    pairs = [list(ranking) for ranking in rankings.values()]
    lengths = [len(ranking) for ranking in pairs]
    documents = [id_ for ranking in pairs for id_, _ in ranking]
    ids = vocabulary.codes(documents)
    scores = finite_scores([score for ranking in pairs for _, score in ranking], documents)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
    latencies = None if ms is None else np.array([ms.get(query_id, np.nan) for query_id in rankings], np.float64)
    return Run(
        name,
        queries.ids("query"),
        vocabulary.ids("document"),
        {stage: in_order(offsets, ids, scores)},
        ms=latencies,
        card=card or {},
    )


def from_lists(
    queries: Sequence[str],
    documents: Sequence[str],
    scores: Sequence[float] | Sequence[str] | NDArray[Any],
    *,
    name: str,
    stage: str,
    card: Mapping[str, JSON] | None,
) -> Run:
    """See `Run.from_lists`."""
    if not len(queries) == len(documents) == len(scores):
        raise InvalidInput(
            "Run.from_lists", f"{len(queries)} queries, {len(documents)} documents and {len(scores)} scores"
        )
    query_vocabulary, vocabulary = Vocabulary(), Vocabulary()
    query_codes, ids = query_vocabulary.codes(queries), vocabulary.codes(documents)
    values = finite_scores(scores, documents)
    query_ids = query_vocabulary.ids("query")
    offsets, grouped = grouped_rows(query_codes, len(query_ids))
    if grouped is not None:
        ids, values = ids[grouped], values[grouped]
    stages = {stage: in_order(offsets, ids, values)}
    return Run(name, query_ids, vocabulary.ids("document"), stages, card=card or {})


def from_ordinals(
    query_ids: Sequence[str],
    stages: Mapping[str, Sequence[Ranking]],
    ids_of: Callable[[NDArray[np.int32]], Sequence[str]],
    *,
    name: str,
    ms: NDArray[np.float64] | None,
    card: Mapping[str, JSON] | None,
) -> Run:
    """See `Run.from_ordinals`."""
    joined = {
        stage: StageColumns.joined([r.ids for r in rankings], [r.scores for r in rankings])
        for stage, rankings in stages.items()
    }
    used = np.unique(np.concatenate([np.zeros(0, np.int32), *(columns.ids for columns in joined.values())]))
    document_ids = tuple(ids_of(used))
    if len(document_ids) != len(used):
        raise InvalidInput("Run.from_ordinals", f"ids_of gave {len(document_ids)} ids for {len(used)} ordinals")
    local = {
        stage: StageColumns(columns.offsets, np.searchsorted(used, columns.ids).astype(np.int32), columns.scores)
        for stage, columns in joined.items()
    }
    return Run(name, tuple(query_ids), document_ids, local, ms=ms, card=card or {})


def finite_scores(
    scores: Sequence[float] | Sequence[str] | NDArray[Any], documents: Sequence[str]
) -> NDArray[np.float32]:
    """float32 (n,); text is read as numbers.

    Raises:
        InvalidInput: one that is no number, or not finite as float32; its document is named.
    """
    try:
        with np.errstate(over="ignore"):
            values = _as_float64(scores).astype(np.float32)
    except (TypeError, ValueError):
        place, score = next((p, s) for p, s in enumerate(scores) if not _is_number(s))
        raise InvalidInput("Run", f"document {documents[place]!r}: the score is {score!r}, not a number") from None
    if not np.isfinite(values).all():
        place = int(np.flatnonzero(~np.isfinite(values))[0])
        raise InvalidInput(
            "Run", f"document {documents[place]!r}: the score is {scores[place]}; it must be finite as float32"
        )
    return values


def _as_float64(scores: Sequence[float] | Sequence[str] | NDArray[Any]) -> NDArray[np.float64]:
    """Numbers or text, as float64."""
    if isinstance(scores, np.ndarray):
        return scores.astype(np.float64)
    return np.fromiter(scores, np.float64, len(scores))


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def grouped_rows(query_codes: NDArray[np.int32], n_queries: int) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Offsets of each query's rows, and the order that brings them together; None when they are together already."""
    offsets = np.zeros(n_queries + 1, np.int64)
    np.cumsum(np.bincount(query_codes, minlength=n_queries), out=offsets[1:])
    if (query_codes[1:] >= query_codes[:-1]).all():
        return offsets, None
    return offsets, np.argsort(query_codes, kind="stable")


def in_order(offsets: NDArray[np.int64], ids: NDArray[np.int32], scores: NDArray[np.float32]) -> StageColumns:
    """Rows of each query by descending score; equal scores stay as they are."""
    for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        part = scores[start:end]
        if (part[1:] > part[:-1]).any():
            order = np.argsort(-part, kind="stable")
            scores[start:end], ids[start:end] = part[order], ids[start:end][order]
    return StageColumns(offsets, ids, scores)
