"""Live negatives: what an index itself finds for queries as they are encoded now, and the vectors that it ranks by.

The search is the one that answers users (`DenseRetriever`), with whatever store stands below it: exhaustive, codes of a
bit a dimension, graph, lists. A loss needs more than its scores, which carry no gradient: it takes the dot products of
the queries with what the index ranks by, and these are

    flat stores                     the vectors as they are stored, rounding of float16 and int8 included
    binary without a second tier    the vectors that codes and factors stand for
    every store with a tier         the tier's vectors; as many candidates as are found are scored again by them

so that the order of the dot products is the order of the search, but for what float32 rounds. With a tier, what trains
is the final ranking and not the first pass, which only has to bring candidates among the first 200: whoever wants codes
trained to rank by themselves has a store without one (`--rescore none`).

What is found has ranks as the search gives them. Relevant passages that it missed may be appended, ranked last (JPQ:
Zhan et al., CIKM 2021, sec. 4.2; ADORE appends them where none was found). Of several passages of one document that
answer a query the first counts, as in an evaluation; the others are left out, since none of them has to move.

Left out: filters, and a second search for what was deleted meanwhile: an open index shows one generation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from spaniel.index.dense.of_index import chosen_name
from spaniel.index.dense.retriever import DenseRetriever
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Query, Ranking

from .by_document import ByDocument, first_of_each
from .examples import Example

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["Append", "Candidates", "LiveIndex", "Reconstructions"]

Append: TypeAlias = Literal["none-found", "missing"]
"""When relevant passages that were not found are appended: only where none of a query's was, or always."""

_KEPT_BYTES = 256 << 20
_DECODED_AT_ONCE = 4096
_DEV_DEPTH = 100
"""Passages searched for when a dev question is measured: ten documents are among them, unless cut very small."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What a batch of b queries found, in rows of m places, best first, appended ones last.

    Attributes:
        ordinals: int64 (b, m); -1 where a row is filled up.
        mask: bool (b, m), False where it is.
        grades: int64 (b, m), 0 for what does not answer the query.
        rows: int64 (b, m), the row of each in `vectors`; 0 where filled up.
        vectors: float32 (u, d), each passage that occurs once.
        n_found: int64 (b,), how many of a row the search gave; behind them stand the appended ones.
        scores: float32 (b, m), the search's own for what it gave; 0 elsewhere. For tests and reports.
    """

    ordinals: NDArray[np.int64]
    mask: NDArray[np.bool_]
    grades: NDArray[np.int64]
    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]
    n_found: NDArray[np.int64]
    scores: NDArray[np.float32]


class LiveIndex:
    """An open index that is searched again and again with vectors that change. Nothing of it is ever written.

    Args:
        index: to search.
        vectors: name of the dense part; None for the one added first.
        depth: passages found for a query.
        append: see `Append`.
        threads: of a search; results do not depend on them.

    Raises:
        InvalidInput: no such part, a depth below 2, an unknown rule.

    Attributes:
        retriever: the one that an index gives to anybody, but for how many it scores again (`search`).
        name: of the vectors.
    """

    def __init__(
        self,
        index: "Index",
        *,
        vectors: str | None = None,
        depth: int = 200,
        append: Append = "none-found",
        threads: int | None = 1,
    ) -> None:
        if depth < 2:
            raise InvalidInput("depth", f"{depth} must be at least 2, to hold something to compare")
        if append not in get_args(Append):
            raise InvalidInput("append", f"{append!r} is not one of {', '.join(get_args(Append))}")
        self.depth, self._append = depth, append
        deepest = max(depth, _DEV_DEPTH)
        self.retriever: DenseRetriever = index.dense(vectors, k=depth, candidates=deepest, threads=threads)
        self._served: DenseRetriever = index.dense(vectors, threads=threads)
        self.name = chosen_name(index.settings.dense, vectors)
        self._measured = ByDocument(index.passages)
        self._documents = self._measured.documents
        self._vectors = Reconstructions(self.retriever)

    def search(self, queries: NDArray[np.float32], *, k: int | None = None) -> list[Ranking]:
        """What is trained on for these vectors, float32 (b, d): one ranking each, of `depth` passages or of k.

        Stores that estimate score all of `depth` again, where a search that answers users stops at 100: the loss has to
        see the places of all of them in one and the same order.

        Raises:
            InvalidQuery: a vector that holds NaN or is of another dimension.
            IndexCorrupt: the search met damage.
        """
        return self.retriever.search(_asked(queries), k=k)

    def grades(self, example: Example) -> list[int]:
        """The best grade of each document that answers the question: what its nDCG could be at best is made of."""
        return list(self._measured.grades(example).values())

    def candidates(self, queries: NDArray[np.float32], examples: Sequence[Example]) -> Candidates:
        """Found, labelled and joined, for the vectors float32 (b, d) of these b examples, as they are now.

        Cost: the search; a look-up for each passage found; reconstructions, unless they are kept.
        """
        rankings = self.search(queries)
        found = [self._labelled(ranking, each) for ranking, each in zip(rankings, examples, strict=True)]
        added = [
            self._appended(query, ids, each) for query, (ids, _, _), each in zip(queries, found, examples, strict=True)
        ]
        width = max((len(ids) + len(more) for (ids, _, _), more in zip(found, added, strict=True)), default=0)
        ordinals = np.full((len(examples), width), -1, np.int64)
        grades, scores = np.zeros(ordinals.shape, np.int64), np.zeros(ordinals.shape, np.float32)
        for row, ((ids, gains, own), more) in enumerate(zip(found, added, strict=True)):
            n = len(ids)
            ordinals[row, :n], grades[row, :n], scores[row, :n] = ids, gains, own
            ordinals[row, n : n + len(more)] = more
            grades[row, n : n + len(more)] = [examples[row].positives[ordinal] for ordinal in more.tolist()]
        mask = ordinals >= 0
        distinct, places = np.unique(ordinals[mask], return_inverse=True)
        rows = np.zeros(ordinals.shape, np.int64)
        rows[mask] = places
        n_found = np.array([len(ids) for ids, _, _ in found], np.int64)
        return Candidates(ordinals, mask, grades, rows, self._vectors.of(distinct), n_found, scores)

    def ndcg(self, queries: NDArray[np.float32], examples: Sequence[Example], *, k: int = 10) -> NDArray[np.float64]:
        """nDCG@k of each example, float64 (n,), for their vectors float32 (n, d): the search of production, nothing of
        it changed, measured as `eval` measures, by documents, each where its best passage stands.

        Only relevant documents that the index holds count as there to be found; 0 where it holds none.
        """
        return self._measured.ndcg(self._served.search(_asked(queries), k=max(_DEV_DEPTH, k)), examples, k=k)

    def _labelled(
        self, ranking: Ranking, example: Example
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Ordinals, grades and scores of what was found, without relevant passages of a document that stands above."""
        ids = ranking.ids.astype(np.int64)
        grades = np.array([example.positives.get(ordinal, 0) for ordinal in ids.tolist()], np.int64)
        hits = np.flatnonzero(grades > 0)
        first = first_of_each(self._documents.codes(ids[hits].astype(np.int32)))
        if len(first) == len(hits):
            return ids, grades, ranking.scores
        kept = np.ones(len(ids), np.bool_)
        kept[np.delete(hits, first)] = False
        return ids[kept], grades[kept], ranking.scores[kept]

    def _appended(self, query: NDArray[np.float32], found: NDArray[np.int64], example: Example) -> NDArray[np.int64]:
        """Ordinals to be appended, int64, the best first: the best passage of each relevant document not found."""
        known = np.fromiter(example.positives, np.int64, len(example.positives))
        there = np.isin(known, found)
        if there.all() or (self._append == "none-found" and there.any()):
            return known[:0]
        codes = self._documents.codes(known.astype(np.int32))
        missing = known[~np.isin(codes, codes[there])]
        scores = self._vectors.of(missing) @ query
        missing = missing[np.lexsort((missing, -scores))]
        return missing[first_of_each(self._documents.codes(missing.astype(np.int32)))]


def _asked(queries: NDArray[np.float32]) -> list[Query]:
    return [Query("", "", vector=vector) for vector in queries]


class Reconstructions:
    """The vectors that an index ranks by; all of them are decoded at first use, if they fit into 256 MiB.

    Decoding is a matrix product, whose last bits depend on how many rows go through it. So either all go through it in
    the same pieces, or those of a batch do: what has been asked for before never shows, and a training that is resumed
    sees what it would have seen.
    """

    def __init__(self, retriever: DenseRetriever, *, kept_bytes: int = _KEPT_BYTES) -> None:
        self._retriever = retriever
        n = sum(each.part.n_passages for each in retriever.segments)
        self._fits = n * retriever.card.dimension * 4 <= kept_bytes

    def of(self, ordinals: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 (n, d), in their order.

        Raises:
            InvalidInput: an ordinal that the index does not hold.
        """
        if not self._fits:
            return self._retriever.vectors(ordinals)
        known, vectors = self._whole
        rows = np.searchsorted(known, ordinals)
        if len(ordinals) and (rows.max() >= len(known) or (known[rows] != ordinals).any()):
            return self._retriever.vectors(ordinals)  # which says what is wrong
        return vectors[rows]

    @cached_property
    def _whole(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ordinals int64 (n,), ascending, and the vector of each, float32 (n, d)."""
        parts = [each.rows.ordinals_of(np.arange(each.part.n_passages)) for each in self._retriever.segments]
        known = np.sort(np.concatenate([np.zeros(0, np.int64), *parts]))
        vectors = np.empty((len(known), self._retriever.card.dimension), np.float32)
        for start in range(0, len(known), _DECODED_AT_ONCE):
            some = slice(start, start + _DECODED_AT_ONCE)
            vectors[some] = self._retriever.vectors(known[some])
        return known, vectors
