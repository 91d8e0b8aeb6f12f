"""What every kind of dense part offers, and how one is written: the seam between stores and everything above.

A part holds one vector for each passage of its segment, dead ones included. Its *row* r is the passage with the r-th
smallest ordinal of the segment, so that ties by row are ties by ordinal. Positions inside a store (list order of an
inverted file, blocks of codes) are its own affair.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, overload, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from spaniel.index.format import ArrayFile
from spaniel.index.fs import FS
from spaniel.index.manifest import FileEntry

from .settings import StoreSettings

__all__ = ["PART_KIND", "DensePart", "Found", "Inspected", "StoreModule", "Target", "Tunable", "Vectors", "common_meta"]

PART_KIND = "dense"
"""Kind of the array file; the part's name in the manifest is `dense-NAME`."""


class Vectors(Protocol):
    """Vectors that may lie on disk: float32 (n, d), read by slices of rows (an array or a memory map will do)."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, rows: slice) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class Found:
    """Best rows of one query: rows int64 (m,), scores float32 (m,), descending, ties by ascending row."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


class DensePart(Protocol):
    """An open store. Immutable; safe to use from several threads.

    Attributes:
        n_passages, dimension: rows and columns.
        final: `scan` gives the scores themselves, exactly; otherwise estimates, which `rescore` improves.
    """

    @property
    def n_passages(self) -> int: ...
    @property
    def dimension(self) -> int: ...
    @property
    def final(self) -> bool: ...

    def scan(self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None) -> list[Found]:
        """The k best rows for each query by the store's own score (an estimate of the dot product).

        Args:
            queries: float32 (n, d), finite.
            k: at least 1; more than there are rows gives all.
            allowed: bool (n_passages,), rows that may come back; all by default.

        What a query gets depends on nothing but itself, k and `allowed`.
        """
        ...

    def rescore(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores from the best vectors the part has: float32 (len(rows),). A part without a second tier gives those
        of `scan`."""
        ...

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The best reconstruction of these vectors: float32 (len(rows), d)."""
        ...


@runtime_checkable
class Tunable(Protocol):
    """A part whose search can look harder or less hard than it does by itself."""

    def tuned(self, *, nprobe: int | None = None, ef: int | None = None) -> DensePart:
        """The same part with another effort, over the same memory.

        Args:
            nprobe: lists of an inverted file that a query reads.
            ef: candidates that a graph search keeps; either is ignored by kinds that it means nothing to.

        Raises:
            InvalidInput: below 1.
        """
        ...


@runtime_checkable
class Inspected(Protocol):
    """A part with more to check than opening it does."""

    def check(self) -> None:
        """Read what opening leaves unread and `vectors` does not need; for `verify`.

        Raises:
            IndexCorrupt: it cannot be.
        """
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where a part is to be written, and what every kind of it has in common.

    Attributes:
        fs, path: from the transaction (`txn.fs`, `txn.fresh_path("dense-NAME")`).
        store: what was asked for.
        dimension: of the vectors.
        ordinals: uint32 (n,), ascending, when the segment's ordinals have gaps; None when row r is first + r.
    """

    fs: FS
    path: Path
    store: StoreSettings
    dimension: int
    ordinals: NDArray[np.uint32] | None = None


class StoreModule(Protocol):
    """What the module of a kind of store has; `kinds.py` is the closed table that finds it."""

    def write(self, target: Target, vectors: Vectors, like: DensePart | None) -> FileEntry:
        """Write vectors as a new part.

        Args:
            like: a part of the same name in an older segment: what was fitted there (rotation, codebook) is taken
                over, unless these vectors make a much better fit (fitting.py).
        """
        ...

    def merge(self, target: Target, parts: Sequence[tuple[DensePart, NDArray[np.int64]]]) -> FileEntry:
        """Write some rows of several parts, in this order, as one.

        Scores from vectors stay what they were; codes, and so estimates, may be fitted again (fitting.py).
        """
        ...

    def open(self, file: ArrayFile, store: StoreSettings) -> DensePart:
        """The part in an open file, whose arrays' sizes and values are checked here.

        Raises:
            IndexCorrupt: they do not fit together.
        """
        ...


def common_meta(target: Target, n_passages: int) -> dict[str, Any]:
    """What stands in the header of every part's file."""
    return {"store": target.store.to_json(), "n_passages": n_passages, "dimension": target.dimension}
