"""BM25 over a handful of documents, as plainly as it can be written: the right answer for tests of whole indexes."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from spaniel.index.analysis import Analyzer
from spaniel.retrieval.types import Document

__all__ = ["bm25", "coded_length"]


def coded_length(length: int) -> int:
    """What is left of a length in one byte: exact below 40, then the four highest bits of (length - 24)."""
    if length < 40:
        return length
    bits = length - 24
    shift = bits.bit_length() - 4
    return 24 + (bits >> shift << shift)


def bm25(
    documents: Sequence[Document],
    query: str,
    *,
    fields: Mapping[str, float] | None = None,
    k1: float = 0.9,
    b: float = 0.4,
) -> dict[str, float]:
    """id -> score of every document that has a term of the query (Lucene's formula, summed over weighted fields)."""
    analyzer = Analyzer("english")
    scores: dict[str, float] = {}
    for field, weight in (fields or {"contents": 1.0}).items():
        counts = [Counter(analyzer.tokens(_text(document, field))) for document in documents]
        lengths = [sum(count.values()) for count in counts]
        n = sum(length > 0 for length in lengths)
        for term, boost in Counter(analyzer.tokens(query)).items():
            df = sum(term in count for count in counts)
            for document, count, length in zip(documents, counts, lengths, strict=True):
                if term in count:
                    idf = math.log(1 + (n - df + 0.5) / (df + 0.5))
                    norm = 1 - b + b * coded_length(length) * n / sum(lengths)
                    part = weight * boost * idf * count[term] / (count[term] + k1 * norm)
                    scores[document.id] = scores.get(document.id, 0.0) + part
    return scores


def _text(document: Document, field: str) -> str:
    if field == "contents":
        return f"{document.title} {document.text}"
    return document.title if field == "title" else document.text
