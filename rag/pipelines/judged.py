"""Queries of a collection with what BM25 finds for them and what the judges said of that: to compare two rerankers."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from spaniel.models.pair_ranking import JudgedQuery
from spaniel.models.text import passage_text

from .indexes import cached_index
from .spec import IndexSpec

if TYPE_CHECKING:
    from spaniel.eval.collections import Collection

__all__ = ["judged_queries"]


def judged_queries(collection: "Collection", *, cache: Path, queries: int = 50, depth: int = 20) -> list[JudgedQuery]:
    """The first `queries` of a collection, each with the `depth` best passages of BM25; queries for which it finds
    nothing are left out.

    Args:
        cache: folder in which the index is looked for and built.

    Raises:
        InvalidInput: the corpus cannot be indexed.
    """
    wanted = dict(islice(collection.queries.items(), queries))
    built = cached_index(collection, IndexSpec(), cache=cache)
    with built.index as index:
        rankings = index.bm25(depth).search(list(wanted.values()), k=depth)
        found = []
        for (id_, text), ranking in zip(wanted.items(), rankings, strict=True):
            grades = collection.qrels.get(id_, {})
            passages = index.passages.get(ranking.ids)
            if passages:
                found.append(
                    JudgedQuery(
                        text,
                        [passage_text(passage.title, passage.text) for passage in passages],
                        [grades.get(passage.doc_id, 0) for passage in passages],
                        list(grades.values()),
                    )
                )
        return found
