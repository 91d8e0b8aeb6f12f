"""Where a score comes from, term by term.

Reads the one posting of each term of the query and applies the same tables as the kernels, so that the parts add up to
the score that the search gave, to the bit.
"""

from dataclasses import asdict, dataclass

import numpy as np

from spaniel.retrieval.errors import InvalidInput, InvalidQuery
from spaniel.retrieval.types import JSON, Query, QueryLike, as_queries

from .lengths import LENGTHS
from .reference import idf
from .retriever import Bm25Retriever
from .segment import SparseSegment, naming

__all__ = ["ScoreParts", "TermPart", "explain_score", "query_terms"]


@dataclass(frozen=True, slots=True)
class TermPart:
    """What one term in one field adds to a score: `weight * value`.

    Attributes:
        tf: how often the passage holds the term; df: how many passages do, of `n_passages` with a token in the field.
        length: of the passage in this field, as its one-byte code has it; average: the mean over the index.
        idf: what df makes the term worth; boost: the query's own weight of the term, or how often it says it.
        weight: boost times the field's weight times idf.
        value: what the scorer makes of tf and length.
    """

    term: str
    field: str
    tf: int
    df: int
    n_passages: int
    length: int
    average: float
    idf: float
    boost: float
    weight: float
    value: float
    score: float


@dataclass(frozen=True, slots=True)
class ScoreParts:
    """A passage's score, its parts in the order of the query's terms, and the terms that add nothing to it."""

    ordinal: int
    score: float
    parts: tuple[TermPart, ...]
    absent: tuple[str, ...]

    def to_dict(self) -> dict[str, JSON]:
        """As plain JSON: `{"score", "parts": [{"term", "field", "tf", ...}], "absent": [term]}`."""
        return {"score": self.score, "parts": [asdict(part) for part in self.parts], "absent": list(self.absent)}


def explain_score(retriever: Bm25Retriever, query: QueryLike, ordinal: int) -> ScoreParts:
    """Take the score of one passage apart.

    Raises:
        InvalidInput: the index has no such passage, or it was deleted.
        InvalidQuery: a text for an index of learned sparse vectors.
        IndexCorrupt: the passage's segment is damaged.

    Cost: O(df) of each term, to find the posting.
    """
    (asked,) = as_queries(query)
    segment, local = _place(retriever, ordinal)
    parts, absent, total = [], [], 0.0
    for field, term, boost in query_terms(retriever, asked):
        with naming(segment.path):
            part = _part(retriever, segment, local, field, term, boost)
        if part is None:
            absent.append(term.decode())
        else:
            parts.append(part)
            total += part.score
    held = {part.term for part in parts}
    missing = tuple(dict.fromkeys(term for term in absent if term not in held))
    return ScoreParts(ordinal, float(np.float32(total)), tuple(parts), missing)


def _place(retriever: Bm25Retriever, ordinal: int) -> tuple[SparseSegment, int]:
    """The segment that holds a passage, and its local number there."""
    for segment in retriever.segments:
        local = segment.local_of(np.array([ordinal], dtype=np.int64))
        if len(local) and segment.live_mask()[local[0]]:
            return segment, int(local[0])
    raise InvalidInput("explain", f"the index has no passage {ordinal}")


def query_terms(retriever: Bm25Retriever, query: Query) -> list[tuple[int, bytes, float]]:
    """(field, term, the query's weight) in the order in which the kernels add them up."""
    if query.weights is not None:
        fields = range(len(retriever.settings.fields))
        return [(f, term.encode(), float(weight)) for term, weight in query.weights.items() for f in fields]
    if retriever.analyzer is None:
        raise InvalidQuery("this index holds learned sparse vectors: pass Query(weights={term: weight})")
    return retriever.native.terms_of(query.text)


def _part(
    retriever: Bm25Retriever, segment: SparseSegment, local: int, field: int, term: bytes, boost: float
) -> TermPart | None:
    """What the term adds; None when the passage does not hold it in this field, or it weighs nothing."""
    found = segment.native.find(bytes([field]) + term)
    if found is None:
        return None
    docs, impacts = segment.native.postings(found[0])
    at = int(np.searchsorted(docs, local))
    if at == len(docs) or int(docs[at]) != local:
        return None
    scorer, (name, field_weight) = retriever.settings.scorer, list(retriever.settings.fields.items())[field]
    df = retriever.native.df(bytes([field]) + term)
    n_passages = retriever.n_passages[field]
    rarity = idf(scorer, df, n_passages)
    weight = field_weight * boost * rarity
    if not weight > 0:
        return None
    code = int(segment.arrays["length_code"][field, local])
    tf = _count(segment, found[0], local, int(segment.impact_tables[field].decoded[code, impacts[at]]))
    length, average = int(LENGTHS[code]), retriever.averages[field]
    value = float(scorer.values(tf, length, average))
    return TermPart(
        term.decode(), name, tf, df, n_passages, length, average, rarity, boost, weight, value, weight * value
    )


def _count(segment: SparseSegment, term_id: int, local: int, usual: int) -> int:
    """The posting's tf: what its impact stands for, unless it is one of the exceptions."""
    arrays = segment.arrays
    found = np.flatnonzero((arrays["exception_term"] == term_id) & (arrays["exception_doc"] == local))
    return int(arrays["exception_tf"][found[0]]) if len(found) else usual
