"""The most that a passage could score for a query under BM25: what makes scores of two queries comparable.

A passage that holds every word of the query endlessly often scores the sum of the words' weights times the ceiling of
the scorer's value. A score over this ceiling is the share of the query's weight that a passage covers. Words that no
passage holds are left out; a word that stands in several fields counts in the one where it weighs most.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Query

from .explain import query_terms
from .reference import idf
from .retriever import Bm25Retriever

__all__ = ["ceilings", "has_ceiling"]

_ENDLESS = ("impact", "tfidf")


def has_ceiling(retriever: Bm25Retriever) -> bool:
    """Whether scores have an end: not under `tfidf`, nor in learned sparse vectors."""
    return retriever.settings.scorer.method not in _ENDLESS


def ceilings(retriever: Bm25Retriever, queries: Sequence[Query]) -> NDArray[np.float64]:
    """float64 (n_queries,), above 0; 1 where no word of the query weighs anything, for nothing is found then.

    Raises:
        InvalidInput: scores grow without end under the retriever's scorer.
        InvalidQuery: a text for an index of learned sparse vectors.

    Cost: the analysis of each query, and a look-up of each of its terms in each segment.
    """
    if not has_ceiling(retriever):
        hint = "fuse them with convex or rrf"
        raise InvalidInput(retriever.name, f"scores of {retriever.settings.scorer.method} have no ceiling", hint=hint)
    return np.array([_ceiling(retriever, query) for query in queries], dtype=np.float64)


def _ceiling(retriever: Bm25Retriever, query: Query) -> float:
    scorer, field_weights = retriever.settings.scorer, list(retriever.settings.fields.values())
    heaviest: dict[bytes, float] = defaultdict(float)
    for field, term, boost in query_terms(retriever, query):
        df = retriever.native.df(bytes([field]) + term)
        if df:
            weight = field_weights[field] * boost * idf(scorer, df, retriever.n_passages[field])
            heaviest[term] = max(heaviest[term], weight)
    total = scorer.ceiling() * sum(heaviest.values())
    return total if total > 0 else 1.0
