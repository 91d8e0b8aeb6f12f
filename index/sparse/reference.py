"""The right answer: sparse scoring by definition, from the terms of every passage.

Slow and obvious; property tests hold the kernels to it, ids and scores bit for bit. No index, no quantised impacts, no
pruning: every passage is scored. Lengths are those their one-byte code stands for (lengths.py), sums run in float64
in the order in which the query's terms first appear, and are rounded once to float32.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from spaniel.retrieval.types import Ranking

from .lengths import LENGTHS, length_codes
from .scorers import Scorer
from .settings import SparseSettings

__all__ = ["idf", "reference_search"]


def idf(scorer: Scorer, df: int, n_passages: int) -> float:
    """A term's weight; see the table in scorers.py. n_passages: those with at least one token in the field."""
    n = max(n_passages, df)
    match scorer.method:
        case "impact":
            return 1.0
        case "lucene" | "tfidf":
            return math.log(1.0 + (n - df + 0.5) / (df + 0.5))
        case "robertson":
            return max(0.0, math.log((n - df + 0.5) / (df + 0.5)))
        case "atire":
            return math.log(n / df)
        case "bm25l":
            return math.log((n + 1.0) / (df + 0.5))
        case "bm25+":
            return math.log((n + 1.0) / df)


def reference_search(
    passages: Mapping[int, Sequence[Sequence[str]]],
    query: Sequence[str] | Mapping[str, float],
    settings: SparseSettings,
    *,
    k: int,
    allowed: set[int] | None = None,
) -> Ranking:
    """The k best passages.

    Args:
        passages: ordinal -> for each field its terms, in any order.
        query: terms, repeated ones counting as often as they occur; or term -> weight.
        allowed: ordinals that may be returned; statistics are over all passages all the same.
    """
    counted: dict[str, float] = dict(query) if isinstance(query, Mapping) else {}
    if not isinstance(query, Mapping):
        for term in query:
            counted[term] = counted.get(term, 0.0) + 1.0
    scores: dict[int, float] = {}
    corpus = _Corpus(passages, settings)
    for term, boost in counted.items():
        for f, field_weight in enumerate(settings.fields.values()):
            holders = corpus.tf[f].get(term, {})
            if not holders:
                continue
            weight = field_weight * boost * idf(settings.scorer, len(holders), corpus.filled[f])
            if not weight > 0:
                continue
            for ordinal, tf in holders.items():
                if allowed is None or ordinal in allowed:
                    value = float(settings.scorer.values(min(tf, 65535), corpus.length[f][ordinal], corpus.average[f]))
                    scores[ordinal] = scores.get(ordinal, 0.0) + weight * value
    rounded = {ordinal: float(np.float32(score)) for ordinal, score in scores.items()}
    best = sorted(rounded, key=lambda ordinal: (-rounded[ordinal], ordinal))[:k]
    return Ranking.of(best, [rounded[ordinal] for ordinal in best])


class _Corpus:
    """Counts and lengths, field by field."""

    def __init__(self, passages: Mapping[int, Sequence[Sequence[str]]], settings: SparseSettings) -> None:
        fields = range(len(settings.fields))
        self.tf: list[dict[str, dict[int, int]]] = [{} for _ in fields]
        self.length: list[dict[int, int]] = [{} for _ in fields]
        self.filled, self.average = [], []
        for f in fields:
            tokens = 0
            for ordinal, texts in passages.items():
                terms = texts[f]
                tokens += len(terms)
                self.length[f][ordinal] = int(LENGTHS[length_codes(np.array([len(terms)], np.uint32))[0]])
                for term in terms:
                    holders = self.tf[f].setdefault(term, {})
                    holders[ordinal] = holders.get(ordinal, 0) + 1
            filled = sum(1 for texts in passages.values() if texts[f])
            self.filled.append(max(filled, 1))
            self.average.append(tokens / max(filled, 1) or 1.0)
