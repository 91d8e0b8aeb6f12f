"""Reranking a TREC run: rankings by id in, rankings by id and traces out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.rerank.reranker import Rerank
from spaniel.rerank.trace import Trace
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.interpolation import check_weight, interpolated
from spaniel.retrieval.places import holds_places
from spaniel.retrieval.trec import ScoredId, strictly_falling
from spaniel.retrieval.types import JSON, Passage, Query, Ranking

from .corpora import Texts, texts_of

__all__ = ["RerankedQuery", "rerank_run", "totals"]


@dataclass(frozen=True, slots=True)
class RerankedQuery:
    """One query of the run.

    Attributes:
        ids: of all its passages, best first; those behind the reranker's depth keep their order.
        added_places: the run's scores were added to places, which are no scores (`retrieval/places.py`).
    """

    query: Query
    ids: Sequence[str]
    ranking: Ranking
    trace: Trace
    added_places: bool = False


def rerank_run(
    run: Mapping[str, Sequence[ScoredId]],
    queries: Sequence[Query],
    corpus: str,
    reranker: Rerank,
    *,
    weight: float = 1.0,
    keep_log: bool = False,
    offline: bool = False,
    on_read: Callable[[int], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> list[RerankedQuery]:
    """Every query of the run, in the run's order.

    Args:
        run: query id -> passages, best first, as `read_run` gives it.
        queries: with the run's ids; others are passed over.
        corpus: an index, or a collection by name or path, that has the run's passages.
        offline: do not download a collection.
        weight: of the reranker's scores against the run's, which are left out by default (`interpolated`).
        on_read, on_progress: told how many documents of a collection were read, and how many queries are done.

    Raises:
        InvalidInput: a query or passage of the run that is not there, by name, or a weight out of range.
        ModelError: the judge fails.
    """
    check_weight("rerank_run", weight)
    asked = _asked(run, queries)
    wanted = (passage.id for row in run.values() for passage in row[: reranker.depth])
    with texts_of(corpus, wanted, offline=offline, on_read=on_read) as texts:
        store = _Numbered(run, texts)
        rankings = [store.ranking(row) for row in run.values()]
        again, traces = reranker.traced(asked, rankings, store, keep_log=keep_log, on_progress=on_progress)
    places = [weight < 1 and holds_places(ranking) for ranking in again]
    if weight < 1:
        pairs = zip(rankings, again, strict=True)
        again = [interpolated(pair, weight, depth=reranker.depth) for pair in pairs]
    rows = zip(asked, again, traces, places, strict=True)
    return [RerankedQuery(query, store.ids(ranking), ranking, trace, odd) for query, ranking, trace, odd in rows]


def totals(reranked: Sequence[RerankedQuery]) -> dict[str, JSON]:
    """What all queries cost together: counts added up, the depth of the deepest, how many a budget ended."""
    traces = [each.trace for each in reranked]
    added = ("calls", "docs_read", "tokens", "cached", "retried", "failed", "repaired", "truncated")
    counts: dict[str, JSON] = {name: sum(getattr(trace, name) for trace in traces) for name in added}
    stopped = sum(1 for trace in traces if trace.stopped)
    return counts | {"depth": max((trace.depth for trace in traces), default=0), "stopped": stopped}


def _asked(run: Mapping[str, Sequence[ScoredId]], queries: Sequence[Query]) -> list[Query]:
    known = {query.id: query for query in queries}
    missing = [id_ for id_ in run if id_ not in known]
    if missing:
        shown = ", ".join(map(repr, missing[:3])) + (f" and {len(missing) - 3:,} more" if len(missing) > 3 else "")
        hint = "rerank with the queries that the run was made from"
        raise InvalidInput("--queries", f"has no query {shown}, of {len(run):,} in the run", hint=hint)
    return [known[id_] for id_ in run]


class _Numbered:
    """The passages of a run under numbers of their own; plays `PassageStore`."""

    def __init__(self, run: Mapping[str, Sequence[ScoredId]], texts: Texts) -> None:
        self._names = list(dict.fromkeys(passage.id for row in run.values() for passage in row))
        self._number = {name: number for number, name in enumerate(self._names)}
        self._texts = texts

    def get(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> list[Passage]:
        return self._texts([self._names[int(ordinal)] for ordinal in ordinals])

    def ids(self, ranking: Ranking) -> list[str]:
        return [self._names[ordinal] for ordinal in ranking.ids.tolist()]

    def ranking(self, row: Sequence[ScoredId]) -> Ranking:
        """The row as it stands; scores that are equal, or become so as float32, are made to fall."""
        scores = strictly_falling(np.array([passage.score for passage in row], np.float32))
        return Ranking(np.array([self._number[passage.id] for passage in row], np.int32), scores)
