"""Is an open index what a list of documents says it should be? Shared by the tests of whole indexes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spaniel.index.index import Index
from spaniel.index.where import matches, parse
from spaniel.retrieval.types import Document

from .bm25_reference import bm25

__all__ = ["assert_index_is", "assert_search_is"]


def assert_search_is(
    index: Index, documents: Sequence[Document], query: str, *, k: int = 1000, where: Mapping[str, Any] | None = None
) -> None:
    """The index finds what the reference finds: same ids, same scores up to rounding, right order.

    documents: those alive, in order of insertion.
    """
    expected = bm25(documents, query, fields=index.settings.fields)
    if where is not None:
        node = parse(where)
        own = {d.id: {"id": d.id, "doc_id": d.id, "title": d.title} for d in documents}
        meta = {d.id: d.meta for d in documents}
        expected = {name: score for name, score in expected.items() if matches(node, own[name], meta[name])}
    results = index.search(query, k=k, where=where)
    found = {hit.id: hit.score for hit in results}
    assert len(results) == len(found) == min(k, len(expected)), (query, found, expected)
    for name, score in found.items():
        assert np.isclose(score, expected[name], rtol=1e-5, atol=1e-6), (query, name, score, expected[name])
    place = {document.id: number for number, document in enumerate(documents)}
    order = [(-hit.score, place[hit.id]) for hit in results]
    assert order == sorted(order)
    if 0 < len(found) < len(expected):
        best_left_out = max(score for name, score in expected.items() if name not in found)
        assert best_left_out <= min(found.values()) * (1 + 1e-5) + 1e-6
    texts = {document.id: document for document in documents}
    for hit in results:
        assert (hit.text, hit.title, hit.meta) == (texts[hit.id].text, texts[hit.id].title, texts[hit.id].meta)


def assert_index_is(index: Index, documents: Sequence[Document], queries: Sequence[str]) -> None:
    """The index holds exactly these documents, finds them, and every byte of it is right."""
    assert len(index) == len(documents)
    for document in documents:
        passage = index.get(document.id)
        assert (passage.text, passage.title, passage.meta) == (document.text, document.title, document.meta)
        assert (passage.doc_id, passage.start, passage.end) == (document.id, 0, len(document.text))
    for query in queries:
        assert_search_is(index, documents, query)
        assert_search_is(index, documents, query, k=2)
    report = index.verify()
    assert report.ok, report.problems
