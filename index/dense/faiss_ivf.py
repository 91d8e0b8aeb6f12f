"""`ivf`: lists around centroids found by k-means, 8-bit codes in them; a query reads the lists whose centroids are
nearest."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import IndexCorrupt

from .faiss_calls import best, faiss, parsed
from .faiss_fitted import Arrays, Effort, Fitted, Searcher, check, check_range, fit_range, pieces, selection
from .part import Found
from .settings import StoreSettings

__all__ = ["Ivf"]


class Ivf(Fitted):
    kind, code = "ivf", b"IwSq"

    @classmethod
    def n_lists(cls, n_passages: int, store: StoreSettings) -> int:
        """Asked for, or a power of two near twice the square root of the passages; at least 39 passages in each."""
        wanted = store.lists or 1 << max(round(np.log2(2 * max(n_passages, 1) ** 0.5)), 0)
        return max(min(wanted, n_passages if store.lists else n_passages // 39), 1)

    @classmethod
    def sample_size(cls, n_passages: int, store: StoreSettings) -> int:
        return max(64 * cls.n_lists(n_passages, store), 1 << 14)

    @classmethod
    def fit(cls, sample: NDArray[np.float32], n_passages: int, store: StoreSettings) -> Self:
        d, metric = sample.shape[1], faiss().METRIC_INNER_PRODUCT
        n_lists = min(cls.n_lists(n_passages, store), len(sample))
        kind = faiss().ScalarQuantizer.QT_8bit
        codes = faiss().IndexScalarQuantizer(d, kind, metric)
        fit_range(codes, sample)
        index = faiss().IndexIVFScalarQuantizer(faiss().IndexFlatIP(d), d, n_lists, kind, metric, False)
        index.cp.seed, index.cp.niter, index.cp.min_points_per_centroid = store.seed, 10, 1
        index.cp.max_points_per_centroid = 64
        index.train(np.ascontiguousarray(sample))
        index.sq = codes.sq
        return cls(index, d)

    @classmethod
    def read(cls, arrays: Arrays, dimension: int, path: Path) -> Self:
        index = parsed(arrays["fitted"], path, code=cls.code, dimension=dimension, n_passages=0)
        check_range(index.sq, dimension, path)
        centroids = faiss().downcast_index(index.quantizer)
        right = type(centroids).__name__ == "IndexFlatIP" and centroids.d == dimension
        check(right and centroids.ntotal == index.nlist >= 1, path, "list of centroids")
        empty = index.invlists.nlist == index.nlist and index.invlists.compute_ntotal() == 0
        check(empty and not index.by_residual and index.code_size == dimension, path, "lists")
        return cls(index, dimension)

    def searcher(self, codes: NDArray[np.uint8], arrays: Arrays, path: Path) -> Searcher:
        width = self.code_size - self.dimension
        number = codes[:, :width].astype(np.int64) @ (1 << 8 * np.arange(width))
        if len(number) and int(number.max()) >= self.index.nlist:
            raise IndexCorrupt(path, f"puts a passage into list {int(number.max())} of {self.index.nlist}")
        index = self._clone()
        first = 0
        for some in pieces(codes):
            index.add_sa_codes(some, np.arange(first, first + len(some)))
            first += len(some)
        return _IvfSearcher(index, len(codes))


class _IvfSearcher(Searcher):
    def __init__(self, index: Any, n: int) -> None:
        self._index, self._n = index, n

    def rounds(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None, effort: Effort
    ) -> Iterator[Found]:
        selector, _bits = selection(allowed)
        n_lists = self._index.nlist
        nprobe = min(effort or max(n_lists // 4, 8), n_lists)
        while True:
            given = faiss().SearchParametersIVF(nprobe=nprobe, sel=selector)

            def search(asked: int, given: Any = given) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
                scores, rows = self._index.search(query[None], asked, params=given)
                return scores[0], rows[0]

            yield best(search, k, self._n)
            if nprobe == n_lists:
                return
            nprobe = min(4 * nprobe, n_lists)
