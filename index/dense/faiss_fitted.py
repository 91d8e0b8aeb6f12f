"""What the kinds of store that FAISS searches have in common: what is fitted to vectors, and what searches their codes.

A part's file holds what was fitted as FAISS's own bytes (small; checked before they are parsed), and the codes as an
array of ours in order of rows; FAISS's lists and blocks are put together when the part is opened. So merging copies
codes, and no byte of a code can lead FAISS astray.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import IndexCorrupt

from .faiss_calls import faiss, serialized
from .part import Found
from .settings import StoreKind, StoreSettings

__all__ = ["Arrays", "Effort", "Fitted", "Searcher", "check", "check_range", "fit_range", "pieces", "selection"]

Arrays: TypeAlias = Mapping[str, NDArray[Any]]
Effort: TypeAlias = int | None
"""nprobe of `ivf`, ef of `hnsw`: how hard the first round looks; None for the default."""

AT_ONCE = 4096  # codes decoded, added or converted in one call


class Searcher(ABC):
    """One part's codes, ready to be searched; immutable, safe to use from several threads.

    Attributes:
        exact_below: up to so many allowed rows it is quicker, and misses nothing, to score them all against the
            vectors: 1 to 3 us each.
    """

    exact_below: ClassVar[int] = 1_000

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


def pieces(codes: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    return (np.ascontiguousarray(codes[i : i + AT_ONCE]) for i in range(0, len(codes), AT_ONCE))


def selection(allowed: NDArray[np.bool_] | None) -> tuple[Any, NDArray[np.uint8] | None]:
    """FAISS's filter, and the bits that must outlive it."""
    if allowed is None:
        return None, None
    bits = np.packbits(allowed, bitorder="little")
    return faiss().IDSelectorBitmap(len(allowed), faiss().swig_ptr(bits)), bits


def check(condition: bool, path: Path, what: str) -> None:
    if not condition:
        raise IndexCorrupt(path, f"holds an index of FAISS whose {what} cannot be")


def fit_range(quantizer: Any, sample: NDArray[np.float32]) -> None:
    """8-bit steps over a range around 0 that later vectors will hardly leave; what does is cut off."""
    if len(sample) >= 1000:
        reach = 1.1 * np.abs(sample).max(axis=0)
    else:
        reach = np.full(sample.shape[1], 1.5 * np.abs(sample).max())
    reach = np.maximum(reach, 1e-6).astype(np.float32)
    quantizer.train(np.ascontiguousarray(np.stack([-reach, reach])))


def check_range(sq: Any, dimension: int, path: Path) -> None:
    trained = faiss().vector_to_array(sq.trained)
    right = sq.qtype == faiss().ScalarQuantizer.QT_8bit and sq.d == sq.code_size == dimension
    check(right and len(trained) == 2 * dimension and bool(np.isfinite(trained).all()), path, "8-bit range")
