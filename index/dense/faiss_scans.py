"""The kinds whose search reads every code, with the fast scan of FAISS: 4-bit lookups in registers (Andre, Kermarrec
and Le Scouarnec, "Accelerated nearest neighbor search with Quick ADC", ICMR 2017).

    pq      product quantiser, 4 bits for each 4 dimensions: d/8 bytes
    rabitq  rotated and centred, a bit a dimension and two factors (Gao and Long, SIGMOD 2024): d/8 + 8 bytes
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import IndexCorrupt, LimitExceeded

from .faiss_calls import best, faiss, parsed
from .faiss_fitted import Arrays, Effort, Fitted, Searcher, check, pieces
from .part import Found
from .settings import StoreSettings

__all__ = ["Pq", "Rabitq"]

MAX_ROTATED = 8192  # dimensions; the rotation takes 4 bytes for each pair


class _ScanSearcher(Searcher):
    """Exhaustive search that cannot leave rows out: more are asked for instead."""

    def __init__(self, index: Any, ready: Any) -> None:
        self._index, self._ready = index, ready

    def rounds(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None, effort: Effort
    ) -> Iterator[Found]:
        asked_with = self._ready(query[None])

        def search(asked: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
            scores, rows = self._index.search(asked_with, asked)
            return scores[0], rows[0]

        yield best(search, k, self._index.ntotal, allowed)


class Pq(Fitted):
    kind, code = "pq", b"IxPq"

    @classmethod
    def fit(cls, sample: NDArray[np.float32], n_passages: int, store: StoreSettings) -> Self:
        d = sample.shape[1]
        width = -(-d // 4) * 4
        index = faiss().IndexPQ(width, width // 4, 4, faiss().METRIC_INNER_PRODUCT)
        index.pq.cp.seed, index.pq.cp.min_points_per_centroid = store.seed, 1
        made = cls(index, d)
        index.train(made._ready(sample))
        return made

    @classmethod
    def read(cls, arrays: Arrays, dimension: int, path: Path) -> Self:
        width = -(-dimension // 4) * 4
        index = parsed(arrays["fitted"], path, code=cls.code, dimension=width, n_passages=0)
        pq = index.pq
        right = (pq.d, pq.M, pq.nbits, pq.dsub, pq.ksub) == (width, width // 4, 4, 4, 16)
        check(right and faiss().vector_to_array(pq.centroids).shape == (16 * width,), path, "codebook")
        return cls(index, dimension)

    def searcher(self, codes: NDArray[np.uint8], arrays: Arrays, path: Path) -> Searcher:
        index = self._clone()
        for some in pieces(codes):
            index.add_sa_codes(some)
        return _ScanSearcher(faiss().IndexPQFastScan(index), self._ready)

    def _ready(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        spare = -vectors.shape[1] % 4
        return np.ascontiguousarray(np.pad(vectors, ((0, 0), (0, spare))) if spare else vectors, np.float32)


class Rabitq(Fitted):
    kind, code = "rabitq", b"Ixrq"

    def __init__(self, index: Any, dimension: int, rotation: NDArray[np.float32]) -> None:
        super().__init__(index, dimension)
        self.rotation = rotation

    @classmethod
    def fit(cls, sample: NDArray[np.float32], n_passages: int, store: StoreSettings) -> Self:
        d = sample.shape[1]
        if d > MAX_ROTATED:
            raise LimitExceeded("dimensions that rabitq can rotate", d, MAX_ROTATED)
        drawn = np.random.default_rng(store.seed).standard_normal((d, d))
        made = cls(faiss().IndexRaBitQ(d, faiss().METRIC_INNER_PRODUCT), d, np.linalg.qr(drawn)[0].astype(np.float32))
        made.index.train(made._ready(sample))
        return made

    @classmethod
    def read(cls, arrays: Arrays, dimension: int, path: Path) -> Self:
        index = parsed(arrays["fitted"], path, code=cls.code, dimension=dimension, n_passages=0)
        centre = faiss().vector_to_array(index.center)
        right = index.rabitq.d == dimension and index.rabitq.nb_bits == 1 and centre.shape == (dimension,)
        check(right and index.sa_code_size() == -(-dimension // 8) + 8, path, "code")
        check(1 <= index.qb <= 8, path, "precision of queries")
        rotation = arrays["rotation"]
        if rotation.shape != (dimension, dimension) or rotation.dtype != np.float32:
            raise IndexCorrupt(path, f"holds a rotation {rotation.dtype} {rotation.shape} for {dimension} dimensions")
        return cls(index, dimension, rotation)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {**super().arrays(), "rotation": self.rotation}

    def searcher(self, codes: NDArray[np.uint8], arrays: Arrays, path: Path) -> Searcher:
        index = self._clone()
        for some in pieces(codes):
            index.add_sa_codes(some)
        return _ScanSearcher(faiss().IndexRaBitQFastScan(index), self._ready)

    def _ready(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ascontiguousarray(vectors @ self.rotation, np.float32)
