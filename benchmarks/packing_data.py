"""What the benchmarks of packing read: questions with gold answers and passages, and the candidates found for each.

Candidates are BM25's best, or those of BM25 and the cosine of all-MiniLM-L6-v2 over BM25's, fused by reciprocal rank;
what has no gold answer in its collection is left out.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.collections import collection
from spaniel.index.dense.embeddings import EmbeddingCache
from spaniel.models.encoders.base import Encoder
from spaniel.models.encoders.open import open_encoder
from spaniel.models.text import passage_text
from spaniel.rag.packing.base import Candidate
from spaniel.rag.pipelines.indexes import cached_index
from spaniel.rag.pipelines.spec import IndexSpec
from spaniel.retrieval.fusion import rrf
from spaniel.retrieval.types import Passage, Query, Ranking

from .corpora import data_folder

__all__ = ["Asked", "Vectors", "questions"]

AT_ONCE = 256
SPLITS = {"hotpotqa-mini": ("train", "test")}


@dataclass(frozen=True)
class Asked:
    """A question: its acceptable answers, the passages that hold them, and what was found, best first."""

    id: str
    text: str
    answers: tuple[str, ...]
    gold: frozenset[str]
    found: tuple[Candidate, ...]


class Vectors:
    """An encoder whose vectors are looked up in a cache folder; what is not there is encoded."""

    def __init__(self, cache: Path, encoder: Encoder, until: float = float("inf")) -> None:
        self.cache, self.encoder, self.until = cache, encoder, until

    def encode(self, texts: Sequence[str], *, kind: Any) -> NDArray[np.float32]:
        """See `protocols.Encoder`."""
        rows = np.empty(len(texts), np.int64)
        with EmbeddingCache(self.cache / f"{kind}-embeddings", self.encoder.card) as kept:
            for start in range(0, len(texts), AT_ONCE):
                some = slice(start, start + AT_ONCE)
                rows[some] = kept.rows_of(list(texts[some]), lambda new: self.encoder.encode(new, kind=kind))
                if time.monotonic() > self.until:
                    raise SystemExit(f"{start + AT_ONCE:,} of {len(texts):,} are encoded; run it again")
            return kept.vectors()[rows].copy()


def questions(
    name: str,
    cache: Path,
    *,
    limit: int,
    skip: int = 0,
    depth: int = 50,
    dense: bool = False,
    seed: int = 0,
    seconds: float = 1e9,
) -> list[Asked]:
    """At most `limit` questions of a collection, those behind the first `skip` of a draw, in the order of its file."""
    until = time.monotonic() + seconds
    asked: dict[str, tuple[str, tuple[str, ...], frozenset[str]]] = {}
    for split in SPLITS.get(name, ("test",)):
        judged = collection(data_folder() / name, split=split)
        for id_, text in judged.queries.items():
            gold = frozenset(doc for doc, grade in judged.qrels.get(id_, {}).items() if grade > 0)
            told = judged.query_meta.get(id_, {}).get("answers")
            answers = tuple(each for each in told if isinstance(each, str)) if isinstance(told, list) else ()
            if gold and any(answers):
                asked[id_] = (text, answers, gold)
    ids = list(asked)
    drawn = np.sort(np.random.default_rng(seed).permutation(len(ids))[skip : skip + limit])
    queries = [Query(ids[place], asked[ids[place]][0]) for place in drawn.tolist()]
    with cached_index(judged, IndexSpec(), cache=cache).index as index:
        rankings = index.bm25(depth).search(queries, k=depth)
        if dense:
            with open_encoder("minilm", precision="int8", threads=1) as encoder:
                rankings = _fused(rankings, queries, index, Vectors(cache, encoder, until))
        passages: dict[int, Passage] = {}
        for ordinals in (ranking.ids for ranking in rankings):
            new = [int(each) for each in ordinals if int(each) not in passages]
            passages.update(zip(new, index.passages.get(new), strict=True))
    return [
        Asked(query.id, *asked[query.id], tuple(Candidate(passages[id_], score) for id_, score in ranking))
        for query, ranking in zip(queries, rankings, strict=True)
    ]


def _fused(rankings: list[Ranking], queries: list[Query], index: Any, vectors: Vectors) -> list[Ranking]:
    """Each ranking with its own passages in the order of the cosine, fused by reciprocal rank."""
    ordinals = np.unique(np.concatenate([ranking.ids for ranking in rankings]))
    texts = [passage_text(passage.title, passage.text) for passage in index.passages.get(ordinals)]
    of_passages = vectors.encode(texts, kind="passage")
    of_queries = vectors.encode([query.text for query in queries], kind="query")
    fused = []
    for ranking, vector in zip(rankings, of_queries, strict=True):
        cosines = of_passages[np.searchsorted(ordinals, ranking.ids)] @ vector
        fused.append(rrf([ranking, Ranking.sorted(ranking.ids, cosines)]))
    return fused
