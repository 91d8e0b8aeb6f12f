"""Dense parts in memory, small enough to be obviously right; what stands on parts is tested over them."""

import numpy as np
from numpy.typing import NDArray

from spaniel.index.dense.part import Found

__all__ = ["EstimatingPart", "MemoryPart", "unit_vectors"]


def unit_vectors(n: int, d: int, seed: int, distinct: int | None = None) -> NDArray[np.float32]:
    """float32 (n, d) of length 1, random; only `distinct` different ones when given, so that ties are common."""
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((distinct or n, d))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn[rng.integers(0, len(drawn), n) if distinct else slice(None)].astype(np.float32)


class MemoryPart:
    """Scores every row exactly: the dot product in float64, rounded once."""

    final = True

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self.held = vectors
        self.n_passages, self.dimension = vectors.shape

    def scan(self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None) -> list[Found]:
        rows = np.arange(self.n_passages) if allowed is None else np.flatnonzero(allowed)
        return [self._best(self.estimate(query, rows), rows, k) for query in queries]

    def estimate(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.rescore(query, rows)

    def rescore(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        products = self.held[rows].astype(np.float64) * query.astype(np.float64)
        return np.asarray(np.sum(products, axis=1), np.float32)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.held[rows]

    @staticmethod
    def _best(scores: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> Found:
        order = np.lexsort((rows, -scores))[:k]
        return Found(rows[order], scores[order])


class EstimatingPart(MemoryPart):
    """Scans with coarse estimates (scores rounded to steps of a tenth, and too high), so that rescoring matters."""

    final = False

    def estimate(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.asarray(np.round(self.rescore(query, rows), 1) + 0.3, np.float32)
