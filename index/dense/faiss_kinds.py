"""The kinds of store that FAISS searches: what is fitted, how a vector becomes a code, how codes are searched.

    hnsw    a graph over 8-bit codes (Malkov and Yashunin, 2016): 32 links a passage, built one by one
    ivf     lists around centroids found by k-means, 8-bit codes in them
    pq      4-bit product quantiser of 4 dimensions each, fast scan (Andre et al., 2017): d/8 bytes, exhaustive
    rabitq  rotated, centred, one bit a dimension and 8 bytes (Gao and Long, SIGMOD 2024), fast scan, exhaustive

A part's file holds what was fitted as FAISS's own bytes (small; checked before they are parsed), and the codes as an
array of ours in order of rows; FAISS's lists and blocks are put together when the part is opened. So merging copies
codes, and no byte of a code can lead FAISS astray. Only the graph of `hnsw` is as large as the part: its links are
checked after it was read.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import IndexCorrupt, LimitExceeded

from .faiss_calls import best, faiss, parsed, ranked, serialized
from .part import Found
from .settings import StoreKind, StoreSettings

__all__ = ["FAISS_KINDS", "Effort", "Fitted", "Searcher"]

Arrays = Mapping[str, NDArray[Any]]
Effort = int | None
"""nprobe of `ivf`, ef of `hnsw`: how hard the first round looks; None for the default."""

_AT_ONCE = 4096  # codes decoded, added or converted in one call
MAX_ROTATED = 8192
LINKS = 32
EF_BUILD = 80
EF_SEARCH = 128


class Searcher(ABC):
    """One part's codes, ready to be searched; immutable, safe to use from several threads.

    Attributes:
        selects: it can leave rows out by itself.
    """

    selects: ClassVar[bool]

    @abstractmethod
    def rounds(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None, effort: Effort
    ) -> Iterator[Found]:
        """The best rows; then, while the caller asks, those that more effort finds, repeats among them.

        What a round gives depends on k in its length only: it is whole, or at least k long.
        """


class Fitted(ABC):
    """What was fitted to vectors before any of them can be encoded."""

    kind: ClassVar[StoreKind]
    code: ClassVar[bytes]

    def __init__(self, index: Any, dimension: int) -> None:
        self.index, self.dimension = index, dimension

    @classmethod
    @abstractmethod
    def fit(cls, sample: NDArray[np.float32], n_passages: int, store: StoreSettings) -> Self:
        """Fit to float32 (m, d), at least one row."""

    @classmethod
    @abstractmethod
    def read(cls, arrays: Arrays, dimension: int, path: Path) -> Self:
        """The inverse of `arrays`.

        Raises:
            IndexCorrupt: it cannot be.
        """

    @classmethod
    def sample_size(cls, n_passages: int, store: StoreSettings) -> int:
        """How many vectors it wants to be fitted to."""
        return 1 << 14

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What goes into the file."""
        return {"fitted": serialized(self.index)}

    @property
    def code_size(self) -> int:
        """Bytes of a code."""
        return int(self.index.sa_code_size())

    def encode(self, vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
        """uint8 (m, code_size) for float32 (m, d); a code depends on its vector alone."""
        return np.asarray(self.index.sa_encode(self._ready(vectors)), np.uint8).reshape(len(vectors), self.code_size)

    def built(self, codes: Iterable[NDArray[np.uint8]]) -> dict[str, NDArray[Any]]:
        """Arrays over all codes that the search needs beside them."""
        return {}

    @abstractmethod
    def searcher(self, codes: NDArray[np.uint8], arrays: Arrays, path: Path) -> Searcher:
        """Codes uint8 (n, code_size) and what was built over them.

        Raises:
            IndexCorrupt: they do not fit.
        """

    def _ready(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ascontiguousarray(vectors, np.float32)

    def _clone(self) -> Any:
        return faiss().clone_index(self.index)


def _pieces(codes: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    return (np.ascontiguousarray(codes[i : i + _AT_ONCE]) for i in range(0, len(codes), _AT_ONCE))


def _selector(allowed: NDArray[np.bool_] | None) -> tuple[Any, NDArray[np.uint8] | None]:
    """FAISS's filter, and the bits that must outlive it."""
    if allowed is None:
        return None, None
    bits = np.packbits(allowed, bitorder="little")
    return faiss().IDSelectorBitmap(len(allowed), faiss().swig_ptr(bits)), bits


def _require(condition: bool, path: Path, what: str) -> None:
    if not condition:
        raise IndexCorrupt(path, f"holds an index of FAISS whose {what} cannot be")


def _fit_range(quantizer: Any, sample: NDArray[np.float32]) -> None:
    """8-bit steps over a range around 0 that later vectors will hardly leave; what does is cut off."""
    if len(sample) >= 1000:
        reach = 1.1 * np.abs(sample).max(axis=0)
    else:
        reach = np.full(sample.shape[1], 1.5 * np.abs(sample).max())
    reach = np.maximum(reach, 1e-6).astype(np.float32)
    quantizer.train(np.ascontiguousarray(np.stack([-reach, reach])))


def _check_range(sq: Any, dimension: int, path: Path) -> None:
    trained = faiss().vector_to_array(sq.trained)
    right = sq.qtype == faiss().ScalarQuantizer.QT_8bit and sq.d == sq.code_size == dimension
    _require(right and len(trained) == 2 * dimension and bool(np.isfinite(trained).all()), path, "8-bit range")


class Hnsw(Fitted):
    kind, code = "hnsw", b"IxSQ"

    @classmethod
    def fit(cls, sample: NDArray[np.float32], n_passages: int, store: StoreSettings) -> Self:
        d = sample.shape[1]
        index = faiss().IndexScalarQuantizer(d, faiss().ScalarQuantizer.QT_8bit, faiss().METRIC_INNER_PRODUCT)
        _fit_range(index, sample)
        return cls(index, d)

    @classmethod
    def read(cls, arrays: Arrays, dimension: int, path: Path) -> Self:
        index = parsed(arrays["fitted"], path, code=cls.code, dimension=dimension, n_passages=0)
        _check_range(index.sq, dimension, path)
        return cls(index, dimension)

    def built(self, codes: Iterable[NDArray[np.uint8]]) -> dict[str, NDArray[Any]]:
        """The graph, linked row by row: two builds give the same."""
        kind, metric = faiss().ScalarQuantizer.QT_8bit, faiss().METRIC_INNER_PRODUCT
        graph = faiss().IndexHNSWSQ(self.dimension, kind, LINKS, metric)
        faiss().downcast_index(graph.storage).sq = self.index.sq
        graph.storage.is_trained = graph.is_trained = True
        graph.hnsw.efConstruction = EF_BUILD
        for some in codes:
            graph.add(self.index.sa_decode(some))
        return {"graph": serialized(graph, faiss().IO_FLAG_SKIP_STORAGE)}

    def searcher(self, codes: NDArray[np.uint8], arrays: Arrays, path: Path) -> Searcher:
        n = len(codes)
        flag = faiss().IO_FLAG_SKIP_STORAGE
        graph = parsed(arrays["graph"], path, code=b"IHNs", dimension=self.dimension, n_passages=n, flags=flag)
        _check_graph(graph.hnsw, n, path)
        storage = self._clone()
        for some in _pieces(codes):
            storage.add_sa_codes(some)
        graph.storage, graph.own_fields = storage, False
        return _HnswSearcher(graph, storage, n)


def _check_graph(hnsw: Any, n: int, path: Path) -> None:
    """Every link leads to a passage of its level, every passage's links lie inside the array."""
    links, starts, levels, reach = (
        faiss().vector_to_array(getattr(hnsw, name))
        for name in ("neighbors", "offsets", "levels", "cum_nneighbor_per_level")
    )
    _require(len(levels) == n and len(starts) == n + 1 and starts[0] == 0, path, "graph's sizes")
    _require(len(reach) > 1 and reach[0] == 0 and bool((np.diff(reach) >= 0).all()), path, "graph's links a level")
    _require(n == 0 or bool(levels.min() >= 1 and levels.max() < len(reach)), path, "graph's levels")
    _require(bool((np.diff(starts) == reach[levels]).all()) and starts[-1] == len(links), path, "graph's offsets")
    entry, top = hnsw.entry_point, hnsw.max_level
    _require(entry == -1 if n == 0 else 0 <= entry < n and top == levels[entry] - 1 == levels.max() - 1, path, "entry")
    for first in range(0, n, _AT_ONCE):
        some = slice(first, min(first + _AT_ONCE, n))
        here = links[starts[some.start] : starts[some.stop]]
        _require(not len(here) or bool(here.min() >= -1 and here.max() < n), path, "graph's links")
        # A link on a level leads to a passage of that level: else links would be read outside those it has.
        sizes = reach[levels[some]]
        place = np.arange(len(here)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        level = np.searchsorted(reach, place, side="right") - 1
        there = here >= 0
        _require(bool((levels[here[there]] > level[there]).all()), path, "graph's links between levels")


class _HnswSearcher(Searcher):
    selects = True

    def __init__(self, graph: Any, storage: Any, n: int) -> None:
        self._graph, self._storage, self._n = graph, storage, n  # the graph does not own its storage

    def rounds(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None, effort: Effort
    ) -> Iterator[Found]:
        selector, _bits = _selector(allowed)
        ef = effort or EF_SEARCH
        while ef < self._n:
            given = faiss().SearchParametersHNSW(efSearch=ef, sel=selector)
            scores, rows = self._graph.search(query[None], ef, params=given)
            yield ranked(scores[0], rows[0])
            ef *= 2


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
        _fit_range(codes, sample)
        index = faiss().IndexIVFScalarQuantizer(faiss().IndexFlatIP(d), d, n_lists, kind, metric, False)
        index.cp.seed, index.cp.niter, index.cp.min_points_per_centroid = store.seed, 10, 1
        index.cp.max_points_per_centroid = 64
        index.train(np.ascontiguousarray(sample))
        index.sq = codes.sq
        return cls(index, d)

    @classmethod
    def read(cls, arrays: Arrays, dimension: int, path: Path) -> Self:
        index = parsed(arrays["fitted"], path, code=cls.code, dimension=dimension, n_passages=0)
        _check_range(index.sq, dimension, path)
        centroids = faiss().downcast_index(index.quantizer)
        right = type(centroids).__name__ == "IndexFlatIP" and centroids.d == dimension
        _require(right and centroids.ntotal == index.nlist >= 1, path, "list of centroids")
        empty = index.invlists.nlist == index.nlist and index.invlists.compute_ntotal() == 0
        _require(empty and not index.by_residual and index.code_size == dimension, path, "lists")
        return cls(index, dimension)

    def searcher(self, codes: NDArray[np.uint8], arrays: Arrays, path: Path) -> Searcher:
        width = self.code_size - self.dimension
        number = codes[:, :width].astype(np.int64) @ (1 << 8 * np.arange(width))
        if len(number) and int(number.max()) >= self.index.nlist:
            raise IndexCorrupt(path, f"puts a passage into list {int(number.max())} of {self.index.nlist}")
        index = self._clone()
        first = 0
        for some in _pieces(codes):
            index.add_sa_codes(some, np.arange(first, first + len(some)))
            first += len(some)
        return _IvfSearcher(index, len(codes))


class _IvfSearcher(Searcher):
    selects = True

    def __init__(self, index: Any, n: int) -> None:
        self._index, self._n = index, n

    def rounds(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None, effort: Effort
    ) -> Iterator[Found]:
        selector, _bits = _selector(allowed)
        n_lists = self._index.nlist
        nprobe = min(effort or max(n_lists // 8, 8), n_lists)
        while True:
            given = faiss().SearchParametersIVF(nprobe=nprobe, sel=selector)

            def search(asked: int, given: Any = given) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
                scores, rows = self._index.search(query[None], asked, params=given)
                return scores[0], rows[0]

            yield best(search, k, self._n)
            if nprobe == n_lists:
                return
            nprobe = min(4 * nprobe, n_lists)


class _ScanSearcher(Searcher):
    """Exhaustive search that cannot leave rows out: more are asked for instead."""

    selects = False

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
        _require(right and faiss().vector_to_array(pq.centroids).shape == (16 * width,), path, "codebook")
        return cls(index, dimension)

    def searcher(self, codes: NDArray[np.uint8], arrays: Arrays, path: Path) -> Searcher:
        index = self._clone()
        for some in _pieces(codes):
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
        _require(right and index.sa_code_size() == -(-dimension // 8) + 8, path, "code")
        rotation = arrays["rotation"]
        if rotation.shape != (dimension, dimension) or rotation.dtype != np.float32:
            raise IndexCorrupt(path, f"holds a rotation {rotation.dtype} {rotation.shape} for {dimension} dimensions")
        return cls(index, dimension, rotation)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {**super().arrays(), "rotation": self.rotation}

    def searcher(self, codes: NDArray[np.uint8], arrays: Arrays, path: Path) -> Searcher:
        index = self._clone()
        for some in _pieces(codes):
            index.add_sa_codes(some)
        return _ScanSearcher(faiss().IndexRaBitQFastScan(index), self._ready)

    def _ready(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ascontiguousarray(vectors @ self.rotation, np.float32)


FAISS_KINDS: dict[StoreKind, type[Fitted]] = {each.kind: each for each in (Hnsw, Ivf, Pq, Rabitq)}
