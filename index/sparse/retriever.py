"""BM25 and its kin over the segments of an index: the `Retriever` that pipelines use.

Exact: ids and scores are those of the formula in float64 over every posting, rounded once to float32, ties by ascending
ordinal, whatever the segments, threads, batch or k. See index/kernels/search.hpp for why that costs so little.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.index.analysis import Analyzer
from spaniel.index.kernels import _native
from spaniel.retrieval.composition import require_sets_each
from spaniel.retrieval.errors import InvalidInput, InvalidQuery, LimitExceeded
from spaniel.retrieval.pipeline import Stage
from spaniel.retrieval.protocols import Exclude, PassageStore, Where
from spaniel.retrieval.types import Query, QueryLike, Ranking, as_queries
from spaniel.retrieval.work import count_work

from .damage import named_damage
from .knobs import Knobs
from .scorers import IDF_CODES, Scorer
from .segment import SparseSegment
from .settings import SparseSettings

__all__ = ["Bm25Retriever", "Matching", "checked_k"]

Matching = Callable[[Where], NDArray[np.int64]]
MAX_K = 1 << 24
MAX_QUERY_CHARS = 1_000_000
MAX_WEIGHT = 1e12


class Bm25Retriever(Stage):
    """Searches sparse segments under corpus-wide statistics.

    Args:
        segments: of one index, all with the same fields.
        analyzer: of the index; None for learned sparse vectors, whose queries are weighted terms.
        settings: fields and the scorer to use; the segments may have been written with another.
        depth: results when `k` is None.
        passages: the store the ordinals point into.
        matching: gives the ordinals that a `where` filter lets through.
        threads: for batches; one query uses one. None: one for each core.
        schedule, alpha, beta, gamma, mu, eta, block_size, superblock: see `Knobs`; exact by default.
    """

    floor = 0.0
    """The score of every passage that a search had room for and did not find."""

    def __init__(
        self,
        segments: Sequence[SparseSegment],
        analyzer: Analyzer | None,
        settings: SparseSettings,
        *,
        depth: int = 1000,
        passages: PassageStore | None = None,
        matching: Matching | None = None,
        threads: int | None = 1,
        name: str = "bm25",
        schedule: str = "auto",
        alpha: float = 1.0,
        beta: float = 1.0,
        gamma: int = 0,
        mu: float = 1.0,
        eta: float = 1.0,
        block_size: int = 32,
        superblock: int | None = None,
    ) -> None:
        self.name, self.depth, self.passages = name, checked_k(depth), passages
        self.settings, self.segments, self.analyzer = settings, list(segments), analyzer
        self.threads = threads if threads is not None else os.cpu_count() or 1
        self._matching = matching
        if self.threads < 1:
            raise InvalidInput("threads", f"{self.threads} must be at least 1")
        self.knobs = Knobs(schedule, alpha, beta, gamma, mu, eta, block_size, superblock)
        self._native_knobs = self.knobs.native()
        self._plain = self.knobs.default
        tokens, filled = self._statistics()
        self.n_passages = [max(n, 1) for n in filled]
        """Passages with at least one token, for each field: the N of idf."""
        self.averages = [t / max(n, 1) or 1.0 for t, n in zip(tokens, filled, strict=True)]
        """Mean length in tokens, for each field."""
        self._engine = _native.Engine(
            analyzer.native if analyzer else None,
            IDF_CODES[settings.scorer.method],
            list(settings.fields.values()),
            self.n_passages,
        )
        try:
            for segment in self.segments:
                self._add(segment, settings.scorer)
        except IndexError as error:
            raise named_damage(self.segments, error) from error

    def search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
    ) -> list[Ranking]:
        """The k best passages for each query; fewer only if fewer match.

        A term whose weight comes to 0 (under `atire` one that every passage holds, under `robertson` one that half of
        them hold) matches nothing.

        A query's `weights` (term -> weight), when given, are used in place of its text.

        Raises:
            InvalidInput: k below 1, or `exclude` of another length than `queries`.
            InvalidQuery: a text for an index of learned sparse vectors, a weight that is no positive number, or a
            filter
                where none can be applied.
            LimitExceeded: a text of more than a million characters.
            IndexCorrupt: the search met damage; not every damage is met, `verify` finds it.
        """
        k = self.depth if k is None else checked_k(k)
        count_work("searches", len(queries))
        alone = queries[0] if type(queries) is list and len(queries) == 1 else None
        if isinstance(alone, str) and exclude is None and where is None and self._plain:
            return [self.one(alone, k)]
        asked = [self._terms(query) for query in as_queries(queries)]
        if exclude is None:
            return self._rankings(asked, k, where)
        require_sets_each(exclude, len(asked))
        most = max((len(set(ids)) for ids in exclude), default=0)
        found = self._rankings(asked, min(k + most, MAX_K), where)
        return [_without(ranking, ids, k) for ranking, ids in zip(found, exclude, strict=True)]

    def units(self, queries: Sequence[Query]) -> NDArray[np.float64]:
        """The highest score that each query could give, float64 (n_queries,); see `ceiling.py`.

        Raises:
            InvalidInput: scores grow without end under `tfidf` and in learned sparse vectors.
        """
        from .ceiling import ceilings  # which reads queries as `explain` does, and that reads this module

        return ceilings(self, queries)

    @property
    def native(self) -> "_native.Engine":
        """The kernels' engine, for `explain.py` and benchmarks."""
        return self._engine

    def one(self, text: str, k: int) -> Ranking:
        """One query with the least overhead: no filter, no exclusions.

        Raises:
            InvalidQuery, LimitExceeded, IndexCorrupt: as `search`.
        """
        try:
            return Ranking(*self._engine.search_one(self._text(text), k))
        except IndexError as error:
            raise named_damage(self.segments, error) from error

    def _rankings(self, asked: list[Any], k: int, where: Where | None) -> list[Ranking]:
        try:
            return self._found(asked, k, where)
        except IndexError as error:
            raise named_damage(self.segments, error) from error

    def _found(self, asked: list[Any], k: int, where: Where | None) -> list[Ranking]:
        if len(asked) == 1 and where is None and self._plain:
            return [Ranking(*self._engine.search_one(asked[0], k))]
        filters: dict[str, Any] = {}
        if where is not None:
            if self._matching is None:
                raise InvalidQuery(f"this retriever has no passages to filter by {dict(where)}")
            ordinals = self._matching(where)
            bitmaps = [segment.bitmap(ordinals) for segment in self.segments]
            filters = {"allowed": [words for words, _ in bitmaps], "n_excluded": [n for _, n in bitmaps]}
        found = self._engine.search(asked, k, self.threads, **self._native_knobs, **filters)
        return [Ranking(ids, scores) for ids, scores in found]

    def _terms(self, query: Any) -> Any:
        if query.weights is not None:
            fields = range(len(self.settings.fields))
            return [(f, term, _weight(term, value)) for term, value in query.weights.items() for f in fields]
        return self._text(query.text)

    def _text(self, text: str) -> str:
        if self.analyzer is None:
            raise InvalidQuery("this index holds learned sparse vectors: pass Query(weights={term: weight})")
        if len(text) > MAX_QUERY_CHARS:
            raise LimitExceeded("characters in a query", len(text), MAX_QUERY_CHARS)
        return text

    def _statistics(self) -> tuple[list[int], list[int]]:
        sums = [segment.live_tokens() for segment in self.segments]
        fields = range(len(self.settings.fields))
        return [sum(t[f] for t, _ in sums) for f in fields], [sum(n[f] for _, n in sums) for f in fields]

    def _add(self, segment: SparseSegment, scorer: Scorer) -> None:
        tables = segment.value_tables(scorer, self.averages)
        dead = segment.tombstones
        self._engine.add_segment(
            segment.native,
            [(t.value, t.step, t.error_low, t.error_high) for t in tables],
            [t.exception_value for t in tables],
            dead.live if dead else None,
            dead.n_dead if dead else 0,
            dead.term if dead else None,
            dead.df if dead else None,
        )


def checked_k(k: int) -> int:
    """k itself.

    Raises:
        InvalidInput: no whole number, or out of range.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer):
        raise InvalidInput("k", f"{k!r} is no whole number")
    if not 1 <= k <= MAX_K:
        raise InvalidInput("k", f"{k} must be between 1 and {MAX_K}")
    return k


def _weight(term: str, value: float) -> float:
    if not 0 < value <= MAX_WEIGHT:  # NaN too
        raise InvalidQuery(f"the weight of {term!r} is {value}; it must lie above 0 and be at most {MAX_WEIGHT:g}")
    return float(value)


def _without(ranking: Ranking, ids: Any, k: int) -> Ranking:
    keep = ~np.isin(ranking.ids, np.fromiter(ids, dtype=np.int64, count=len(ids)))
    return Ranking(ranking.ids[keep][:k], ranking.scores[keep][:k])
