"""What four retrievers find for the judged queries of a collection: what the cut-offs of `cutoffs.py` are tried on.

BM25, the vectors of all-MiniLM-L6-v2 as float32, in 50 bytes each, and BM25 with those (`Index.hybrid`), 100 passages
deep. Vectors and indexes stay in the cache.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.collections import Collection, collection
from spaniel.models.encoders.open import Precision
from spaniel.models.text import passage_text
from spaniel.rag.pipelines.indexes import BuiltIndex, cached_index
from spaniel.rag.pipelines.spec import IndexSpec
from spaniel.retrieval.protocols import Retriever
from spaniel.retrieval.types import Query, Ranking

from .hybrid import encoded

__all__ = ["DEPTH", "RETRIEVERS", "Lists", "found_lists", "joined"]

DEPTH = 100
RETRIEVERS = ("bm25", "dense", "binary", "hybrid")
CHARS_A_TOKEN = 3.66  # megagonlabs/adaptive-k-retrieval's estimate


@dataclass(frozen=True)
class Lists:
    """Found passages of judged queries, row for row.

    Attributes:
        collection, split, retriever: whose they are.
        queries: texts, n of them. groups: of each the document it is about, or its own id: what a split keeps together.
        scores: float32 (n, DEPTH), NaN behind the last passage found.
        grades: int16 (n, DEPTH), 0 where nothing was judged.
        tokens: float32 (n, DEPTH), estimated.
        ideal: int16 (n, 10), the grades of the best ranking there could be. n_relevant: int64 (n,).
    """

    collection: str
    split: str
    retriever: str
    queries: list[str]
    groups: list[str]
    scores: NDArray[np.float32]
    grades: NDArray[np.int16]
    tokens: NDArray[np.float32]
    ideal: NDArray[np.int16]
    n_relevant: NDArray[np.int64]

    def rankings(self) -> list[Ranking]:
        """The scores as rankings, whose ordinals are places."""
        lengths = np.isfinite(self.scores).sum(axis=1)
        places = np.arange(DEPTH, dtype=np.int32)
        return [Ranking(places[:n], np.ascontiguousarray(row[:n])) for row, n in zip(self.scores, lengths, strict=True)]

    def judgements(self, *, missing: bool = False) -> list[dict[int, int]]:
        """Grade by ordinal, for those rankings; `missing`: what was not found too, under negative numbers."""
        found = [{int(j): int(row[j]) for j in np.flatnonzero(row)} for row in self.grades]
        for row, n in zip(found, self.n_relevant if missing else [], strict=False):
            row |= dict.fromkeys(range(-int(n) + sum(grade > 0 for grade in row.values()), 0), 1)
        return found

    def some(self, rows: NDArray[np.int64]) -> "Lists":
        """The same of some queries."""
        texts = [self.queries[i] for i in rows]
        groups = [self.groups[i] for i in rows]
        arrays = (each[rows] for each in (self.scores, self.grades, self.tokens, self.ideal, self.n_relevant))
        return Lists(self.collection, self.split, self.retriever, texts, groups, *arrays)


def joined(one: Lists, two: Lists) -> Lists:
    """The queries of both, of one collection under one retriever."""
    arrays = (
        np.concatenate([getattr(one, name), getattr(two, name)])
        for name in ("scores", "grades", "tokens", "ideal", "n_relevant")
    )
    return Lists(one.collection, one.split, one.retriever, one.queries + two.queries, one.groups + two.groups, *arrays)


def found_lists(
    path: str, split: str, cache: Path, *, queries: int = 20_000, precision: Precision = "fp32"
) -> list[Lists]:
    """What each of `RETRIEVERS` finds for the queries of a split that have something relevant."""
    judged = collection(path, split=split)
    asked = [q for q in encoded(judged, cache, queries, precision) if max(judged.qrels[q.id].values()) > 0]
    plain = cached_index(judged, IndexSpec(dense="minilm", store="float32", precision=precision), cache=cache)
    coded = cached_index(judged, IndexSpec(dense="minilm", store="binary", precision=precision), cache=cache)
    with plain.index, coded.index:
        ways: dict[str, tuple[Retriever, BuiltIndex]] = {
            "bm25": (coded.index.bm25(DEPTH), coded),
            "dense": (plain.index.dense(None, DEPTH), plain),
            "binary": (coded.index.dense(None, DEPTH, candidates=2 * DEPTH), coded),
            "hybrid": (coded.index.hybrid(), coded),
        }
        kept = {name: _found(judged, retriever, built, asked) for name, (retriever, built) in ways.items()}
    grades = [sorted((g for g in judged.qrels[q.id].values() if g > 0), reverse=True) for q in asked]
    ideal = np.array([(row + [0] * 10)[:10] for row in grades], np.int16)
    n_relevant = np.array([len(row) for row in grades])
    groups = [str(judged.query_meta.get(q.id, {}).get("context_id", q.id)).rpartition("_")[0] or q.id for q in asked]
    texts = [q.text for q in asked]
    return [Lists(judged.name, split, name, texts, groups, *kept[name], ideal, n_relevant) for name in RETRIEVERS]


def _found(
    judged: Collection, retriever: Retriever, built: BuiltIndex, asked: Sequence[Query]
) -> tuple[NDArray[np.float32], NDArray[np.int16], NDArray[np.float32]]:
    """(scores, grades, tokens), as in `Lists`."""
    scores = np.full((len(asked), DEPTH), np.nan, np.float32)
    grades, tokens = np.zeros((len(asked), DEPTH), np.int16), np.zeros((len(asked), DEPTH), np.float32)
    known: dict[int, tuple[str, float]] = {}
    for start in range(0, len(asked), 256):
        some = asked[start : start + 256]
        rankings = [ranking[:DEPTH] for ranking in retriever.search(some)]
        fresh = sorted({id_ for ranking in rankings for id_ in ranking.ids.tolist()} - known.keys())
        for ordinal, passage in zip(fresh, built.index.passages.get(fresh), strict=True):
            known[ordinal] = passage.doc_id, len(passage_text(passage.title, passage.text)) / CHARS_A_TOKEN
        for row, (query, ranking) in enumerate(zip(some, rankings, strict=True), start):
            n, ids = len(ranking), ranking.ids.tolist()
            scores[row, :n] = ranking.scores
            grades[row, :n] = [judged.qrels[query.id].get(known[id_][0], 0) for id_ in ids]
            tokens[row, :n] = [known[id_][1] for id_ in ids]
    return scores, grades, tokens
