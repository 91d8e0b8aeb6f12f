"""Does an int8 model rank as the float32 one does? Asked of passages that come with the package, without judgements.

Each passage in turn is the query, all others are ranked by the dot product. The float32 ranking is the truth: its first
ten have the gains 10, 9, ..., 1, all others 0. What the int8 ranking reaches of that is its nDCG@10 (Järvelin &
Kekäläinen, Cumulated gain-based evaluation of IR techniques, TOIS 20(4), 2002, with the gains as they are).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.types import JSON

__all__ = ["LEAST_NDCG", "Ranked", "agreement", "passages", "ranked"]

LEAST_NDCG = 0.97
_DEPTH = 10
_WORDS = 12


@dataclass(frozen=True, slots=True)
class Ranked:
    """How near the rankings of two models are, as means over the queries.

    Attributes:
        ndcg: at 10, of the one against the other as truth; NaN when a vector has one.
        overlap: the part of either's first ten that the other has there too.
        texts: how many were queries, each over all others.
    """

    ndcg: float
    overlap: float
    texts: int

    def check(self, tolerance: float, what: str) -> None:
        """Refuse rankings that are too far apart.

        Raises:
            ModelError: `ndcg` is below `tolerance`.
        """
        if not self.ndcg >= tolerance:
            error = ModelError(
                f"{what}: nDCG@10 against the ranking of fp32 is {self.ndcg:.4f}, {tolerance} is asked for"
            )
            error.hint = "use --precision fp32; or, on a CPU with VNNI instructions, try again there"
            raise error

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Ranked":
        """Of a manifest.

        Raises:
            KeyError: a figure is missing.
        """
        return cls(found["ndcg@10"], found["overlap@10"], found["texts"])

    def to_json(self) -> dict[str, JSON]:
        """As it stands in a manifest."""
        return {"ndcg@10": round(self.ndcg, 6), "overlap@10": round(self.overlap, 6), "texts": self.texts}


def passages(texts: list[str]) -> list[str]:
    """The texts in pieces of at most 12 words: enough of them that a ranking has something to confuse."""
    words = [text.split() for text in texts]
    return [" ".join(each[i : i + _WORDS]) for each in words for i in range(0, len(each), _WORDS)]


def ranked(reference: NDArray[np.float32], given: NDArray[np.float32]) -> Ranked:
    """Compare the rankings of two models.

    Args:
        reference, given: float32 (n, d), the vectors of the same n > 10 passages. Equal scores rank by row.
    """
    if not (np.isfinite(reference).all() and np.isfinite(given).all()):
        return Ranked(float("nan"), float("nan"), len(given))
    return Ranked(*agreement(_first(reference), _first(given)), len(given))


def agreement(truth: NDArray[np.int64], found: NDArray[np.int64]) -> tuple[float, float]:
    """(nDCG@10, part of the first ten that is the same) of rankings against others as truth, means over the queries.

    Args:
        truth, found: int64 (queries, 10), what stands first.
    """
    same = found[:, :, None] == truth[:, None, :]  # (query, place of the one, place of the other)
    gains = np.arange(_DEPTH, 0, -1, dtype=np.float64)
    discounts = 1 / np.log2(np.arange(_DEPTH) + 2)
    reached = (same @ gains) @ discounts / (gains @ discounts)
    return float(reached.mean()), float(same.any(axis=2).mean())


def _first(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """int64 (n, 10): for each passage the others of the largest dot products."""
    wide = vectors.astype(np.float64)
    scores = wide @ wide.T
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :_DEPTH]
