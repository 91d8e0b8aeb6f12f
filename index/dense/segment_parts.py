"""The dense parts of one segment: opened beside its other parts, written when the segment is new, merged.

Files are mapped and their frames checked when the segment is opened, so that a reader keeps what it opened; what is
costly (modules, parsing, verifying) waits until a part is first used.
"""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaniel.index.format import ArrayFile
from spaniel.index.manifest import FileEntry, Segment
from spaniel.index.store import MANIFEST_NAME, Transaction
from spaniel.retrieval.errors import IndexCorrupt, InvalidInput

from .kinds import store_module
from .part import PART_KIND, DensePart, Target, Vectors
from .part_file import common_of
from .settings import DenseSettings

__all__ = ["DenseParts", "merge_part", "open_written", "part_name", "write_part"]


def part_name(name: str) -> str:
    """What the manifest calls the dense part of this name."""
    return f"dense-{name}"


class DenseParts:
    """The dense parts of an open segment, each opened in full when it is first asked for.

    Args:
        settings: of the index; the segment has to have every part in them.

    Raises:
        IndexCorrupt: a part is missing or damaged, or is not what the settings say.
    """

    def __init__(self, folder: Path, record: Segment, settings: Mapping[str, DenseSettings]) -> None:
        self._settings = settings
        self.files = {name: _checked_file(folder, record, name, settings[name]) for name in settings}
        self._open: dict[str, DensePart] = {}
        self._lock = threading.Lock()

    def fitted_on(self, name: str) -> int:
        """On how many vectors the part of this name was fitted (fitting.py), without opening it."""
        return common_of(self.files[name]).fitted_on

    def __getitem__(self, name: str) -> DensePart:
        with self._lock:
            if name not in self._open:
                if name not in self.files:
                    raise InvalidInput(
                        "dense", f"the index has no dense part {name!r}; it has {', '.join(sorted(self.files))}"
                    )
                store = self._settings[name].store
                self._open[name] = store_module(store.kind).open(self.files[name], store)
            return self._open[name]


def _checked_file(folder: Path, record: Segment, name: str, settings: DenseSettings) -> ArrayFile:
    entry = record.files.get(part_name(name))
    if entry is None:
        raise IndexCorrupt(folder / MANIFEST_NAME, f"segment {record.id} has no part {part_name(name)!r}")
    file = ArrayFile.open(folder / entry.name, kind=PART_KIND, entry=entry)
    common = common_of(file)
    if common.n_passages != record.n_passages:
        raise IndexCorrupt(file.path, f"holds {common.n_passages} vectors, the manifest says {record.n_passages}")
    if (common.store, common.dimension) != (settings.store, settings.model.dimension):
        raise IndexCorrupt(file.path, "is of another store or dimension than the manifest says")
    return file


def write_part(
    txn: Transaction,
    name: str,
    settings: DenseSettings,
    vectors: Vectors,
    *,
    ordinals: NDArray[np.uint32] | None = None,
    like: DensePart | None = None,
) -> FileEntry:
    """Write the vectors of a segment; see `StoreModule.write`.

    Args:
        ordinals: of each row, where they are not consecutive from the segment's first on.
    """
    return store_module(settings.store.kind).write(_target(txn, name, settings, ordinals), vectors, like)


def merge_part(
    txn: Transaction,
    name: str,
    settings: DenseSettings,
    parts: Sequence[tuple[DensePart, NDArray[np.int64]]],
    ordinals: NDArray[np.uint32] | None,
) -> FileEntry:
    """Write some rows of several parts as one; see `StoreModule.merge`."""
    return store_module(settings.store.kind).merge(_target(txn, name, settings, ordinals), parts)


def open_written(txn: Transaction, entry: FileEntry, settings: DenseSettings) -> DensePart:
    """A part that this transaction has just written, to write others like it."""
    file = ArrayFile.open(txn.path / entry.name, kind=PART_KIND, entry=entry)
    return store_module(settings.store.kind).open(file, settings.store)


def _target(txn: Transaction, name: str, settings: DenseSettings, ordinals: NDArray[np.uint32] | None) -> Target:
    path = txn.fresh_path(part_name(name))
    return Target(txn.fs, path, settings.store, settings.model.dimension, ordinals)
