"""What the rerankers of a benchmark get: BM25's first passages for every judged query, with their grades.

Figures are fractions of nDCG@10 as trec_eval has it: linear gain on the grades, the ideal over all judgements, what is
not judged is worth nothing. `Candidates.ndcg` is checked against `spaniel.eval.measures` by a test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.cache import cache_folder
from spaniel.eval.collections import collection
from spaniel.rag.pipelines.indexes import cached_index
from spaniel.rag.pipelines.spec import IndexSpec
from spaniel.retrieval.types import Query

__all__ = ["Candidates", "candidates"]

CUT = 10
DISCOUNT = 1.0 / np.log2(np.arange(2, CUT + 2))


@dataclass(frozen=True, slots=True)
class Candidates:
    """One query's first stage.

    Attributes:
        query_id: in the collection.
        ids: of documents, best first.
        grades: float64 (n,), of `ids`; 0 where nobody judged.
        ideal: the DCG@10 of the best order of everything judged.
    """

    query_id: str
    ids: tuple[str, ...]
    grades: NDArray[np.float64]
    ideal: float

    def ndcg(self, order: Sequence[int]) -> float:
        """nDCG@10 of the candidates in this order of their places."""
        gains = self.grades[np.asarray(order[:CUT], np.int64)]
        return float((gains * DISCOUNT[: len(gains)]).sum() / self.ideal)

    @property
    def ceiling(self) -> float:
        """What a reranker without errors reaches."""
        return self.ndcg(np.argsort(-self.grades, kind="stable").tolist())

    def first(self, n: int) -> "Candidates":
        """The best n of the first stage, judged against the same ideal."""
        return Candidates(self.query_id, self.ids[:n], self.grades[:n], self.ideal)

    def shuffled(self, seed: int) -> "Candidates":
        """The same in a random order."""
        order = np.random.default_rng([seed, *self.query_id.encode()]).permutation(len(self.ids))
        return Candidates(self.query_id, tuple(self.ids[i] for i in order), self.grades[order], self.ideal)


def candidates(name: str, *, depth: int = 100, cache: Path | None = None) -> list[Candidates]:
    """BM25's best `depth` of every query that has a relevant document and finds any, in the order of the queries."""
    judged = collection(name)
    with cached_index(judged, IndexSpec(), cache=cache_folder(cache)).index as index:
        retriever = index.bm25(depth)
        queries = [Query(query_id, text) for query_id, text in judged.queries.items()]
        rankings = retriever.search(queries, k=depth)
        found = [index.passages.doc_ids(ranking.ids) for ranking in rankings]
    result = []
    for query, ids in zip(queries, found, strict=True):
        qrels = judged.qrels.get(query.id, {})
        best = sorted((max(grade, 0) for grade in qrels.values()), reverse=True)[:CUT]
        ideal = float((np.array(best) * DISCOUNT[: len(best)]).sum())
        kept = tuple(each for each in ids if not (judged.info.drop_self and each == query.id))
        if ideal and kept:
            grades = np.array([max(qrels.get(each, 0), 0) for each in kept], np.float64)
            result.append(Candidates(query.id, kept, grades, ideal))
    return result
