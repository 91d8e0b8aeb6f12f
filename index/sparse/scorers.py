"""Scorers: how much a term's count in a passage is worth.

Every scorer here is a sum over the query's terms of `weight(term) * value(tf, length)`: the value depends on the
passage alone, the weight (idf) on the corpus. That split is what the kernels live on: values are quantised into the
index, weights come with the query. `explain` and the kernels read the same tables, so there is one definition of each
formula.

BM25 variants follow Kamphuis, de Vries, Boytsov and Lin, "Which BM25 Do You Mean?" (ECIR 2020), with K = k1 * (1 - b
+ b * length / average):

    name       value(tf, length)                                        weight(df), N passages
    lucene     tf / (tf + K)                                            ln(1 + (N - df + 0.5) / (df + 0.5))
    robertson  (k1 + 1) tf / (tf + K)                                   max(0, ln((N - df + 0.5) / (df + 0.5)))
    atire      (k1 + 1) tf / (tf + K)                                   ln(N / df)
    bm25l      (k1 + 1) (c + delta) / (k1 + c + delta), c = tf k1 / K   ln((N + 1) / (df + 0.5))
    bm25+      (k1 + 1) tf / (tf + K) + delta                           ln((N + 1) / df)
    tfidf      1 + ln(tf)                                               ln(1 + (N - df + 0.5) / (df + 0.5))
    impact     tf (a stored weight of a learned sparse model)           1

`lucene` leaves out the constant factor k1 + 1, as Lucene has done since version 8; the order of passages is the same.

A term whose weight is 0 matches nothing: passages that hold no other term of the query are no results. Under `atire`
that is a term that every passage holds, under `robertson` one that half of them or more hold (of the passages with text
in the field); the other weights here are always above 0. A search thus gives min(k, matches) results, where a match
holds at least one term of weight above 0.

Query likelihood is not of this form (its value depends on the term): see `likelihood.py`.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spaniel.retrieval.errors import InvalidInput

__all__ = ["IDF_CODES", "METHODS", "Method", "Scorer"]

Method = Literal["lucene", "robertson", "atire", "bm25l", "bm25+", "tfidf", "impact"]
METHODS: tuple[str, ...] = get_args(Method)

# Numbers of the kernels' enum Idf (engine.hpp).
IDF_CODES = {"impact": 0, "lucene": 1, "tfidf": 1, "robertson": 2, "atire": 3, "bm25l": 4, "bm25+": 5}


_LARGEST = 1e9  # of k1 and delta: far beyond use; products with document lengths stay finite


@dataclass(frozen=True, slots=True)
class Scorer:
    """A scorer's name and parameters; plain data that stands in the manifest.

    Args:
        method: one of `METHODS`.
        k1: how fast a term's count saturates, 0 to 1e9. 0.9 is Anserini's default.
        b: how much length counts, 0 to 1. 0.4 is Anserini's default.
        delta: the lower bound of bm25l and bm25+, 0 to 1e9.

    Raises:
        InvalidInput: a parameter out of range.
    """

    method: Method = "lucene"
    k1: float = 0.9
    b: float = 0.4
    delta: float = 0.5

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InvalidInput("method", f"{self.method!r} is not one of {', '.join(METHODS)}")
        if not 0 <= self.k1 <= _LARGEST:
            raise InvalidInput("k1", f"{self.k1} must be a number of at least 0 and at most {_LARGEST:g}")
        if not 0 <= self.b <= 1:
            raise InvalidInput("b", f"{self.b} must lie between 0 and 1")
        if not 0 <= self.delta <= _LARGEST:
            raise InvalidInput("delta", f"{self.delta} must be a number of at least 0 and at most {_LARGEST:g}")

    def values(self, tf: ArrayLike, length: ArrayLike, average: float) -> NDArray[np.float64]:
        """What a count is worth, float64, the shape of tf and length broadcast.

        tf: counts >= 1. length: the passage's length in tokens. average: the mean length, > 0.
        """
        count = np.asarray(tf, dtype=np.float64)
        if self.method == "impact":
            return np.broadcast_to(count, np.broadcast_shapes(count.shape, np.shape(length))).copy()
        if self.method == "tfidf":
            return np.broadcast_to(1.0 + np.log(count), np.broadcast_shapes(count.shape, np.shape(length))).copy()
        norm = 1.0 - self.b + self.b * (np.asarray(length, dtype=np.float64) / average)
        if self.method == "lucene":
            return count / (count + self.k1 * norm)
        if self.method == "bm25l":
            # norm is 0 only where b = 1 and the passage is empty, which then holds no term.
            c = count / np.where(norm > 0, norm, 1.0)
            return (self.k1 + 1.0) * (c + self.delta) / (self.k1 + c + self.delta)
        saturated = (self.k1 + 1.0) * count / (count + self.k1 * norm)
        return saturated + self.delta if self.method == "bm25+" else saturated

    def ceiling(self) -> float:
        """No value of a count up to 65,535 is above this."""
        match self.method:
            case "impact":
                return 65535.0
            case "tfidf":
                return 1.0 + float(np.log(65535.0))
            case "lucene":
                return 1.0
            case "bm25+":
                return self.k1 + 1.0 + self.delta
            case _:
                return self.k1 + 1.0
