"""The methods that benchmarks/binary.py compares: how each keeps vectors in a folder, and how it is searched.

An index is a `Kept`: it writes what it needs into an empty folder and opens it again. A `Method` is one way to search
such an index; several may share one. FAISS's train on at most 20,000 rows and take the rest in pieces.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from spaniel.index.dense import binary
from spaniel.index.dense.binary_part import BinaryPart
from spaniel.index.dense.hashing import n_bytes
from spaniel.index.dense.learned import packed, signs
from spaniel.index.dense.part import PART_KIND, Target, Vectors
from spaniel.index.dense.settings import StoreSettings
from spaniel.index.format import ArrayFile
from spaniel.index.fs import RealFS

__all__ = ["INDEXES", "LISTS", "METHODS", "SMALL_ONLY", "Floats", "Kept", "Method", "Search", "listed", "ours"]

Floats = NDArray[np.float32]
Search = Callable[[Floats, int], NDArray[np.int64]]
"""(queries (q, d), k) -> rows int64 (q, k), best first."""

LISTS = 1024
_TRAIN = 20_000
_AT_ONCE = 50_000


class Kept(Protocol):
    """An index over vectors in a folder."""

    def build(self, rows: Floats, folder: Path, seed: int) -> None: ...

    def open(self, folder: Path, rows: Floats) -> Any: ...


class Ours:
    """A part of our store."""

    def __init__(self, **store: Any) -> None:
        self.store = {"rescore": "none", **store}

    def build(self, rows: Floats, folder: Path, seed: int) -> None:
        settings = StoreSettings(seed=seed, **self.store)
        binary.write(Target(RealFS(), _part(folder), settings, rows.shape[1]), cast(Vectors, rows), None)

    def open(self, folder: Path, rows: Floats) -> BinaryPart:
        return binary.open(ArrayFile.open(_part(folder), kind=PART_KIND, entry=None), StoreSettings(**self.store))


class Faiss:
    """An index of FAISS, by its factory's name; `make` for those that the factory cannot make."""

    def __init__(self, factory: str, make: Callable[[int], Any] | None = None) -> None:
        self.factory, self.make = factory, make

    def build(self, rows: Floats, folder: Path, seed: int) -> None:
        import faiss

        sample = np.array(rows[np.sort(np.random.default_rng(0).permutation(len(rows))[:_TRAIN])])
        if self.make:
            index = self.make(sample)
        else:
            index = faiss.index_factory(rows.shape[1], self.factory, faiss.METRIC_INNER_PRODUCT)
            index.train(sample)
        for start in range(0, len(rows), _AT_ONCE):
            some = np.array(rows[start : start + _AT_ONCE])
            index.add(np.where(some >= 0, np.float32(1), np.float32(-1)) if self.factory == "planted" else some)
        faiss.write_index(index, str(folder / "index.faiss"))

    def open(self, folder: Path, rows: Floats) -> Any:
        import faiss

        return faiss.read_index(str(folder / "index.faiss"))


class Whole:
    """IndexFlatIP over the vectors, filled when it is opened."""

    def build(self, rows: Floats, folder: Path, seed: int) -> None:
        pass

    def open(self, folder: Path, rows: Floats) -> Any:
        import faiss

        index = faiss.IndexFlatIP(rows.shape[1])
        for start in range(0, len(rows), _AT_ONCE):
            index.add(np.array(rows[start : start + _AT_ONCE]))
        return index


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Attributes:
        bytes: that a search keeps in memory for a passage.
        index: its name in INDEXES.
        search: from the opened index to the search.
        seeded: its index depends on a seed.
        slow: some 20 ms a query and more over a million passages.
    """

    bytes: int
    index: str
    search: Callable[[Any], Search]
    seeded: bool = False
    slow: bool = False


def ours(part: BinaryPart) -> Search:
    return lambda queries, k: np.stack([found.rows for found in part.scan(queries, k)])


def listed(part: BinaryPart, n_probe: int) -> Search:
    asked = part.tuned(nprobe=n_probe)
    return lambda queries, k: np.stack([found.rows for found in asked.scan(queries, k)])


def rescored(part: BinaryPart, candidates: int = 50) -> Search:
    """The scan, and its first candidates again by the second tier."""

    def search(queries: Floats, k: int) -> NDArray[np.int64]:
        found = []
        for query, one in zip(queries, part.scan(queries, max(k, candidates)), strict=True):
            first = one.rows[:candidates]
            best = first[np.argsort(-part.rescore(query, first), kind="stable")]
            found.append(np.concatenate([best, one.rows[candidates:]])[:k])
        return np.stack(found)

    return search


def two_steps(part: BinaryPart, candidates: int) -> Search:
    """BPR's search (Yamada et al., ACL 2021): `candidates` by the Hamming distance of the codes (FAISS), then those by
    the float query against their codes; with 0 candidates, the first step alone."""
    import faiss

    n, weights, factors = part.n_passages, part.codes.weights, part.factor is not None
    codes = np.concatenate([part.codes_of(np.arange(i, min(i + _AT_ONCE, n))) for i in range(0, n, _AT_ONCE)])
    index = faiss.IndexBinaryFlat(8 * codes.shape[1])
    index.add(codes)

    def search(queries: Floats, k: int) -> NDArray[np.int64]:
        turned = queries if weights is None else queries @ weights
        near = np.asarray(index.search(packed(turned), candidates or k)[1], dtype=np.int64)
        if not candidates:
            return near
        found = []
        for query, rows in zip(turned, near, strict=True):
            scores = signs(codes[rows]) @ query
            scores = scores * part.factors(rows) if factors else scores
            found.append(rows[np.argsort(-scores, kind="stable")[:k]])
        return np.stack(found)

    return search


def faiss_search(index: Any) -> Search:
    return lambda queries, k: np.asarray(index.search(queries, k)[1], dtype=np.int64)


def hamming(index: Any, *, heap: bool) -> Search:
    """IndexBinaryFlat alone, by a heap of candidates or by counting distances."""

    def search(queries: Floats, k: int) -> NDArray[np.int64]:
        index.use_heap = heap
        return np.asarray(index.search(packed(queries), k)[1], dtype=np.int64)

    return search


class Bits:
    """IndexBinaryFlat over the signs."""

    def build(self, rows: Floats, folder: Path, seed: int) -> None:
        import faiss

        index = faiss.IndexBinaryFlat(8 * n_bytes(rows.shape[1]))
        for start in range(0, len(rows), _AT_ONCE):
            index.add(packed(rows[start : start + _AT_ONCE]))
        faiss.write_index_binary(index, str(folder / "index.faiss"))

    def open(self, folder: Path, rows: Floats) -> Any:
        import faiss

        return faiss.read_index_binary(str(folder / "index.faiss"))


def planted(sample: Floats) -> Any:
    """PQ fast-scan whose codebook holds the 16 sign patterns of 4 dimensions, in every place the same."""
    import faiss

    d = sample.shape[1]
    index = faiss.IndexPQFastScan(d, d // 4, 4, faiss.METRIC_INNER_PRODUCT)
    patterns = signs(np.arange(16, dtype=np.uint8)[:, None])[:, :4]
    faiss.copy_array_to_vector(np.tile(patterns, (d // 4, 1, 1)).ravel(), index.pq.centroids)
    index.is_trained = True
    return index


def opq(sample: Floats) -> Any:
    """A learned rotation before PQ fast-scan; for as many centroids as that has, and 10 iterations of the 50 that take
    minutes."""
    import faiss

    d = sample.shape[1]
    rotation, product = faiss.OPQMatrix(d, d // 4), faiss.ProductQuantizer(d, d // 4, 4)
    rotation.pq, rotation.niter = product, 10
    fast = faiss.IndexPQFastScan(d, d // 4, 4, faiss.METRIC_INNER_PRODUCT)
    index = faiss.IndexPreTransform(rotation, fast)
    index.train(sample)
    rotation.pq = None
    return index


INDEXES: dict[str, Kept] = {
    "sign": Ours(codes="sign", factor=False),
    "centred": Ours(codes="centred", factor=False),
    "rotation": Ours(codes="rotation", factor=False),
    "itq": Ours(codes="itq", factor=False),
    "itq-factor": Ours(codes="itq", factor=True),
    "learned": Ours(codes="learned", factor=False),
    "learned-factor": Ours(codes="learned", factor=True),
    "learned-lists": Ours(codes="learned", factor=True, lists=LISTS),
    "bits": Bits(),
    "planted": Faiss("planted", planted),
    "pq-fast": Faiss("PQ96x4fs"),
    "rabitq": Faiss("RaBitQ"),
    "rabitq-fast": Faiss("RR384,RaBitQfs"),
    "eden": Faiss("EDEN1"),
    "sq8": Faiss("SQ8"),
    "sq4": Faiss("SQ4"),
    "float32": Whole(),
    "rotated-rabitq": Faiss("RR384,RaBitQ"),
    "opq-fast": Faiss("opq", opq),
    "learned-tier": Ours(codes="learned", factor=True, rescore="int8"),
}
SMALL_ONLY = {"learned-tier"}
"""Not indexed at a million: the scan is that of `learned-factor`."""

METHODS: dict[str, Method] = {
    "float32 (FAISS IndexFlatIP)": Method(1536, "float32", faiss_search, slow=True),
    "sign, Hamming only (FAISS IndexBinaryFlat, heap)": Method(48, "bits", lambda i: hamming(i, heap=True)),
    "the same, counting": Method(48, "bits", lambda i: hamming(i, heap=False)),
    "sign, Hamming 1000, then the float query (BPR)": Method(48, "sign", lambda p: two_steps(p, 1000)),
    "sign, Hamming 100, then the float query": Method(48, "sign", lambda p: two_steps(p, 100)),
    "ITQ, Hamming 1000, then the float query": Method(48, "itq", lambda p: two_steps(p, 1000), seeded=True),
    "learned, Hamming 1000, then the float query": Method(48, "learned", lambda p: two_steps(p, 1000), seeded=True),
    "sign": Method(48, "sign", ours),
    "centred": Method(48, "centred", ours),
    "random rotation": Method(48, "rotation", ours, seeded=True),
    "ITQ": Method(48, "itq", ours, seeded=True),
    "ITQ + factor": Method(50, "itq-factor", ours, seeded=True),
    "learned": Method(48, "learned", ours, seeded=True),
    "learned + factor (default)": Method(50, "learned-factor", ours, seeded=True),
    "the same, 50 candidates by int8 from disk": Method(50, "learned-tier", rescored, seeded=True),
    "FAISS RaBitQ": Method(56, "rabitq", faiss_search, slow=True),
    "FAISS RR,RaBitQ": Method(56, "rotated-rabitq", faiss_search, slow=True),
    "FAISS RR,RaBitQ fast-scan": Method(56, "rabitq-fast", faiss_search),
    "FAISS EDEN, 1 bit": Method(56, "eden", faiss_search, slow=True),
    "FAISS PQ96x4 fast-scan": Method(48, "pq-fast", faiss_search),
    "FAISS OPQ, PQ96x4 fast-scan": Method(48, "opq-fast", faiss_search),
    "FAISS PQ fast-scan, signs planted": Method(48, "planted", faiss_search),
    "FAISS SQ4": Method(192, "sq4", faiss_search, slow=True),
    "FAISS SQ8": Method(384, "sq8", faiss_search, slow=True),
}


def _part(folder: Path) -> Path:
    return folder / "dense_x-00000001-0.bin"
