"""Flat parts searched on a GPU, when faiss-gpu is there: the same results as on the CPU, to the last bit.

The GPU finds candidates by its own float32 sums; the part scores them again in its fixed order. How far the two can
lie apart is known (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, sec. 3.1: d u |q| |x| for a sum of
d products, in any order), so that a candidate set is either proved to hold the k best, or made larger, or the part
searches by itself. Filters that let few rows through, and k beyond what the GPU gives, go to the part too.
"""

from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import MissingExtra

from .faiss_calls import faiss
from .part import DensePart, Found

__all__ = ["GpuPart", "has_gpu", "on_gpu"]

MOST = 2048
"""What one search on the GPU can give."""

_SPARE = 256
_TENSOR_ROUNDING = 2.0**-10
"""cuBLAS may round both factors of a float32 product to 10 bits (TF32), each by half a step."""

_AT_ONCE = 65_536


def has_gpu() -> bool:
    """FAISS was built for GPUs, and there is one.

    Raises:
        MissingExtra: FAISS is not installed.
    """
    return hasattr(faiss(), "StandardGpuResources") and faiss().get_num_gpus() > 0


def on_gpu(part: DensePart) -> "GpuPart":
    """A flat part, copied to the first GPU: 4 bytes a dimension and passage there.

    Raises:
        MissingExtra: no GPU, or a FAISS without GPUs.
    """
    if not has_gpu():
        raise MissingExtra("faiss-gpu (or a GPU that it can use)", "gpu")
    resources = faiss().StandardGpuResources()
    return GpuPart(part, faiss().GpuIndexFlatIP(resources, part.dimension), keep=resources)


class GpuPart:
    """A `DensePart` over a flat one.

    Args:
        part: scores exactly (`final`).
        index: an empty index of FAISS by inner product, on a GPU (any other will do too).
        keep: what has to live as long as the index.
    """

    final = True

    def __init__(self, part: DensePart, index: Any, keep: Any = None) -> None:
        self.part, self.n_passages, self.dimension = part, part.n_passages, part.dimension
        self._index, self._keep, self._lock = index, keep, Lock()  # an index on a GPU takes one caller at a time
        longest = 0.0
        for start in range(0, self.n_passages, _AT_ONCE):
            some = part.vectors(np.arange(start, min(start + _AT_ONCE, self.n_passages)))
            longest = max(longest, float(np.linalg.norm(some.astype(np.float64), axis=1).max()))
            index.add(np.ascontiguousarray(some, np.float32))
        self._longest = longest

    def scan(self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None) -> list[Found]:
        """See `DensePart.scan`; the queries go to the GPU together."""
        share = 1.0 if allowed is None else max(int(np.count_nonzero(allowed)), 1) / max(self.n_passages, 1)
        asked = min(int((k + _SPARE) / share * 1.2), self.n_passages)
        if not len(queries) or not k or not 0 < asked <= MOST:
            return self.part.scan(queries, k, allowed)
        with self._lock:
            scores, rows = self._index.search(np.ascontiguousarray(queries, np.float32), asked)
        return [self._proved(query, k, allowed, scores[place], rows[place]) for place, query in enumerate(queries)]

    def rescore(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Of the part."""
        return self.part.rescore(query, rows)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Of the part."""
        return self.part.vectors(rows)

    def _proved(
        self,
        query: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None,
        estimates: NDArray[np.float32],
        rows: NDArray[np.int64],
    ) -> Found:
        """The k best among what the GPU found, if no other row can be as good; else what the part finds."""
        kept = rows if allowed is None else rows[allowed[rows]]
        if len(kept) >= min(k, self.n_passages):
            scores = self.part.rescore(query, kept)
            order = np.lexsort((kept, -scores))[:k]
            found = Found(kept[order], scores[order])
            everything = len(rows) == self.n_passages
            if everything or found.scores[-1] > float(estimates[-1]) + self._error(query):
                return found
        return self.part.scan(query[None], k, allowed)[0]

    def _error(self, query: NDArray[np.float32]) -> float:
        """How far a score of the GPU and one of the part can lie apart."""
        length = float(np.linalg.norm(query.astype(np.float64)))
        return (_TENSOR_ROUNDING + 2 * (self.dimension + 4) * 2.0**-24) * length * self._longest
