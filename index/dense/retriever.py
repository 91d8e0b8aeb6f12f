"""Dense search over the segments of an index: the `Retriever` that pipelines use.

A query becomes a vector, every segment gives its best rows by its store's own score, and the best `candidates` over
all segments are scored again against the vectors on disk (see rescoring.py). Stores that score exactly need no second
look. Each query is encoded by itself, so that its vector does not depend on its neighbours in a batch.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.index.sparse.retriever import Matching, checked_k
from spaniel.models.card import ModelCard, check_same
from spaniel.models.encoders.base import LARGEST, Encoder
from spaniel.retrieval.calibration import SPREADS
from spaniel.retrieval.composition import require_sets_each
from spaniel.retrieval.errors import IndexCorrupt, InvalidInput, InvalidQuery
from spaniel.retrieval.pipeline import Stage
from spaniel.retrieval.protocols import Exclude, PassageStore, Where
from spaniel.retrieval.types import Query, QueryLike, Ranking, as_queries
from spaniel.retrieval.work import count_work

from .part import DensePart, Found
from .rescoring import merged, rescored
from .rows import Rows
from .spread import Similarities, similarities

__all__ = ["DenseRetriever", "DenseSegment", "OpenEncoder"]

OpenEncoder = Callable[[ModelCard], Encoder]
_Sought = tuple[NDArray[np.float32], NDArray[np.int64]]
"""The vector of a query, float32 (d,), and the ordinals that it must not find, int64 (m,)."""
_AT_ONCE = 64
"""Queries given to a store in one call: enough to share a pass over its rows, few enough to share out over threads."""


@dataclass(frozen=True, slots=True)
class DenseSegment:
    """A dense part and whose vectors stand in it.

    Attributes:
        part: rows.
        first_ordinal: row r is passage first_ordinal + r, unless `ordinals` says otherwise.
        ordinals: int64 (n,), ascending: the ordinal of each row.
        live: bool (n,), which rows' passages are alive; None when all are.
        path: the file, for errors.
    """

    part: DensePart
    first_ordinal: int = 0
    ordinals: NDArray[np.int64] | None = None
    live: NDArray[np.bool_] | None = None
    path: Path = Path()

    @property
    def rows(self) -> Rows:
        """Whose vectors the part's rows are."""
        return Rows(self.part.n_passages, self.first_ordinal, self.ordinals, self.live)

    def allowed(self, ordinals: NDArray[np.int64] | None) -> NDArray[np.bool_] | None:
        """Rows that are alive and, when ordinals are given, among them: bool (n,); None when these are all rows."""
        if ordinals is None:
            return self.live
        mask = np.zeros(self.part.n_passages, dtype=bool)
        mask[self.rows.rows_of(ordinals)[1]] = True
        if self.live is not None:
            mask &= self.live
        return None if mask.all() else mask


class DenseRetriever(Stage):
    """Searches the dense parts of one name.

    Args:
        segments: in any order; their parts have one dimension and scores that can be compared.
        card: the model that made the vectors.
        encoder: for queries without a vector; None to open one when first needed. It may have a tower of its own for
            queries, as long as its passages are those of the card.
        open_encoder: how to open one: given the card, or what is to ask in its place.
        where: names the index in errors.
        depth: results when `k` is None.
        candidates: how many are scored again against the vectors on disk; of no use to stores that score exactly.
        passages: the store the ordinals point into.
        matching: gives the ordinals that a `where` filter lets through.
        threads: for batches; one query uses one. None: one for each core.
        doubt: how much larger its unit is than the similarities say; 1 for a model that reads the passages' language.

    Attributes:
        asked_by: card of the encoder that was given.

    Raises:
        ModelError: the encoder makes other vectors of passages than the card's.
        InvalidInput: an option out of range.
    """

    def __init__(
        self,
        segments: Sequence[DenseSegment],
        card: ModelCard,
        *,
        encoder: Encoder | None = None,
        open_encoder: OpenEncoder | None = None,
        where: str = "dense",
        depth: int = 1000,
        candidates: int = 100,
        passages: PassageStore | None = None,
        matching: Matching | None = None,
        threads: int | None = 1,
        doubt: float = 1.0,
        name: str = "dense",
    ) -> None:
        self.doubt = doubt
        self.name, self.depth, self.passages = name, checked_k(depth), passages
        if candidates < 1:
            raise InvalidInput("candidates", f"{candidates} must be at least 1")
        self.segments, self.card, self.candidates = list(segments), card, candidates
        self.threads = threads if threads is not None else os.cpu_count() or 1
        if self.threads < 1:
            raise InvalidInput("threads", f"{self.threads} must be at least 1")
        self._where, self._matching = where, matching
        self._open_encoder, self._opening = open_encoder, Lock()
        self._encoder: Encoder | None = None
        self.asked_by = encoder.card if encoder is not None else None
        self._usage: Counter[str] = Counter()
        self._counting = Lock()
        self._similarities: Similarities | None = None
        if encoder is not None:
            self._take(encoder)

    def search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
    ) -> list[Ranking]:
        """The k passages with the highest dot products, for each query; fewer only if there are fewer.

        Excluded passages are left out before any is scored again, so that they take nobody's place: the best
        `candidates` of the others are scored again, however many are excluded.

        Stores that estimate may miss some; see docs/dense-stores.md for how many. A query's `vector`, when given, is
        used in place of its text. A query without either, or of blanks alone, finds nothing.

        Raises:
            InvalidInput: k below 1, or `exclude` of another length than `queries`.
            InvalidQuery: a vector of another dimension, with NaN or above 1e16, a text where nobody can encode it, or a
                filter where none can be applied.
            ModelError: the model cannot be opened, is another one by now, or fails.
            IndexCorrupt: the search met damage; not every damage is met, `verify` finds it.
        """
        k = self.depth if k is None else checked_k(k)
        asked = as_queries(queries)
        require_sets_each(exclude, len(asked))
        ordinals = None if where is None or where == {} else self._ordinals(where)
        if not all(map(says_something, asked)):
            return for_those_that_ask(
                asked, exclude, lambda some, hide: self.search(some, k=k, exclude=hide, where=where)
            )
        if not asked:
            return []
        count_work("searches", len(asked))
        hidden = [_distinct(ids) for ids in exclude] if exclude is not None else [_distinct(())] * len(asked)
        sought = list(zip(self.query_vectors(asked), hidden, strict=True))
        return self._found(sought, k, [each.allowed(ordinals) for each in self.segments])

    def query_vectors(self, queries: Sequence[QueryLike]) -> NDArray[np.float32]:
        """What the queries are searched with: float32 (n, d).

        Raises:
            InvalidQuery, ModelError: as `search`.
        """
        asked = as_queries(queries)
        vectors = np.empty((len(asked), self.card.dimension), np.float32)
        texts: dict[str, list[int]] = {}
        for place, query in enumerate(asked):
            if query.vector is not None:
                vectors[place] = self._checked(query)
            else:
                texts.setdefault(query.text, []).append(place)
        for text, made in zip(texts, self._encoded(list(texts)), strict=True):
            vectors[texts[text]] = made
        return vectors

    def vectors(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """The best reconstructions of these passages' vectors: float32 (n, d), in their order.

        Raises:
            InvalidInput: an ordinal that no segment holds.
        """
        wanted = np.asarray(ordinals, dtype=np.int64).reshape(-1)
        made = np.empty((len(wanted), self.card.dimension), np.float32)
        missing = np.ones(len(wanted), dtype=bool)
        for segment in self.segments:
            places, rows = segment.rows.rows_of(wanted)
            if len(rows):
                made[places] = segment.part.vectors(rows)
                missing[places] = False
        if missing.any():
            raise InvalidInput("ordinals", f"{wanted[missing][:5].tolist()} are not of this index")
        return made

    def units(self, queries: Sequence[Query]) -> NDArray[np.float64]:
        """What similarities amount to, float64 (n_queries,): see `retrieval/calibration.py` and `spread.py`."""
        if self._similarities is None:
            self._similarities = similarities(self.segments)
        return np.full(len(queries), SPREADS * self._similarities.unit * self.doubt)

    def usage(self) -> dict[str, int]:
        """What encoding queries has cost: {"model_calls", "tokens", "truncated"}; see `protocols.Metered`."""
        with self._counting:
            return {name: self._usage[name] for name in ("model_calls", "tokens", "truncated")}

    def _ordinals(self, where: Where) -> NDArray[np.int64]:
        if self._matching is None:
            raise InvalidQuery(f"this retriever has no passages to filter by {dict(where)}")
        return self._matching(where)

    def _checked(self, query: Query) -> NDArray[np.float32]:
        vector = np.asarray(query.vector)
        wanted = (self.card.dimension,)
        if vector.dtype.kind != "f" or vector.shape != wanted:
            raise InvalidQuery(
                f"the vector of query {query.id or query.text!r} is {vector.dtype} {vector.shape}; "
                f"{self._where} holds vectors of {self.card.name!r}, float {wanted}"
            )
        with np.errstate(over="ignore"):
            narrow = vector.astype(np.float32)
        if not (np.abs(narrow) <= LARGEST).all():
            raise InvalidQuery(
                f"the vector of query {query.id or query.text!r} holds NaN, infinity or values above {LARGEST:g}"
            )
        return narrow

    def _encoded(self, texts: list[str]) -> list[NDArray[np.float32]]:
        """float32 (d,) for each text."""
        if not texts:
            return []
        encoder = self._opened()
        if encoder.card.runtime == "endpoint":  # a request each would cost a round trip each
            return list(self._counted(encoder, texts))
        return self._each(lambda text: self._counted(encoder, [text])[0], texts)

    def _counted(self, encoder: Encoder, texts: list[str]) -> NDArray[np.float32]:
        made = encoder.counted(texts, kind="query")
        with self._counting:
            self._usage.update(model_calls=made.model_calls, tokens=made.tokens, truncated=made.truncated)
        return made.vectors

    @property
    def encoder(self) -> Encoder:
        """What encodes the queries, opened if it was not yet.

        Raises:
            InvalidQuery: the vectors are of a model that nobody here can open.
            ModelError, MissingExtra: it cannot be opened.
        """
        return self._opened()

    def _opened(self) -> Encoder:
        with self._opening:
            if self._encoder is None:
                if self.card.runtime == "vectors" or self._open_encoder is None:
                    raise InvalidQuery(
                        f"{self._where} holds vectors of {self.card.name!r}, which nobody here can make: "
                        "pass Query(id, text, vector=...)"
                    )
                self._take(self._open_encoder(self.card))
            assert self._encoder is not None
            return self._encoder

    def _take(self, encoder: Encoder) -> None:
        check_same(self.card, encoder.card, self._where, queries=False)
        self._encoder = encoder

    def _found(self, sought: list[_Sought], k: int, allowed: list[NDArray[np.bool_] | None]) -> list[Ranking]:
        """The k best for each query."""
        size = min(_AT_ONCE, -(-len(sought) // self.threads))
        chunks = [sought[start : start + size] for start in range(0, len(sought), size)]
        return [ranking for done in self._each(partial(self._chunk, k, allowed), chunks) for ranking in done]

    def _each(self, work: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        """`work` done for every item, in their order, by as many threads as there may be."""
        if self.threads == 1 or len(items) == 1:
            return [work(item) for item in items]
        with ThreadPoolExecutor(min(self.threads, len(items))) as pool:
            return list(pool.map(work, items))

    def _chunk(self, k: int, allowed: list[NDArray[np.bool_] | None], sought: list[_Sought]) -> list[Ranking]:
        final = all(segment.part.final for segment in self.segments)
        most = k if final else max(k, self.candidates)
        deep = most + max(len(hidden) for _, hidden in sought)
        vectors = np.stack([vector for vector, _ in sought])
        columns = []
        for segment, mask in zip(self.segments, allowed, strict=True):
            n = segment.part.n_passages if mask is None else int(np.count_nonzero(mask))
            nothing = [Found(np.zeros(0, np.int64), np.zeros(0, np.float32))] * len(vectors)
            columns.append(segment.part.scan(vectors, min(deep, n), mask) if n else nothing)
        return [
            self._ranking(each, [column[place] for column in columns], most, final)[:k]
            for place, each in enumerate(sought)
        ]

    def _ranking(self, sought: _Sought, found: list[Found], most: int, final: bool) -> Ranking:
        vector, hidden = sought
        ordinals = [segment.rows.ordinals_of(each.rows) for segment, each in zip(self.segments, found, strict=True)]
        ids = np.concatenate([np.zeros(0, np.int64), *ordinals])
        scores = np.concatenate([np.zeros(0, np.float32), *(each.scores for each in found)])
        if len(hidden):
            others = ~np.isin(ids, hidden)
            ids, scores = ids[others], scores[others]
        if not len(ids):
            return Ranking.empty()
        best = merged(ids, scores, most)
        if not final:
            best = rescored(*best, self.candidates, partial(self._rescore, vector))
        if not np.isfinite(best[1]).all():
            raise IndexCorrupt(self._damaged(best[0][~np.isfinite(best[1])]), "gives scores that are no numbers")
        return Ranking(best[0].astype(np.int32), best[1])

    def _rescore(self, vector: NDArray[np.float32], ordinals: NDArray[np.int64]) -> NDArray[np.float32]:
        scores = np.empty(len(ordinals), np.float32)
        for segment in self.segments:
            places, rows = segment.rows.rows_of(ordinals)
            if len(rows):
                scores[places] = segment.part.rescore(vector, rows)
        return scores

    def _damaged(self, ordinals: NDArray[np.int64]) -> Path:
        """The file that the first of the ordinals is in."""
        return next(segment.path for segment in self.segments if len(segment.rows.rows_of(ordinals[:1])[0]))


def _distinct(ordinals: Iterable[int]) -> NDArray[np.int64]:
    """int64 (m,), each once."""
    return np.unique(np.fromiter(ordinals, dtype=np.int64))


def says_something(query: Query) -> bool:
    """Whether there is anything to search for. A model has a vector for blanks too, near to whatever it likes."""
    return query.vector is not None or bool(query.text.strip())


def for_those_that_ask(
    queries: Sequence[Query],
    exclude: Exclude | None,
    search: Callable[[list[Query], Exclude | None], list[Ranking]],
) -> list[Ranking]:
    """What `search` finds for the queries that say something, nothing for the others, in their order."""
    places = [place for place, query in enumerate(queries) if says_something(query)]
    found = [Ranking.empty() for _ in queries]
    hidden = None if exclude is None else [exclude[place] for place in places]
    for place, ranking in zip(places, search([queries[place] for place in places], hidden), strict=True):
        found[place] = ranking
    return found
