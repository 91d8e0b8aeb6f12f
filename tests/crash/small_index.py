"""A small index straight on transactions: segments of numbers, with tombstones, in the shapes that real writes have.

`content` is what a reader sees, so that a test can say which generations are right answers.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from spaniel.index.format import ArrayFile, write_arrays
from spaniel.index.fs import FS, open_regular
from spaniel.index.manifest import Manifest, Segment
from spaniel.index.passage_rows import corruption_named
from spaniel.index.store import Transaction, begin, open_snapshot
from spaniel.retrieval.errors import IndexCorrupt

EMPTY = Manifest(generation=0, index_id="small", next_ordinal=0, settings={"analyser": {"name": "english"}})
Content = list[int]
Step = Callable[[Path, FS | None], Content]


def content(path: Path) -> Content:
    """The living values of all segments, in order; every byte read is checked."""

    def load(manifest: Manifest) -> Content:
        return [value for segment in manifest.segments for value in _living(path, segment)]

    return open_snapshot(path, load)


def add(*values: int, create: bool = False) -> Step:
    """A commit that adds one segment with these values."""

    def step(path: Path, fs: FS | None = None) -> Content:
        with begin(path, create=create, fs=fs) as txn:
            base = txn.base or EMPTY
            before = content(path) if txn.base else []
            txn.commit(_with_segment(txn, base, list(values)))
        return [*before, *values]

    return step


def delete(*values: int) -> Step:
    """A commit that writes a tombstone file for each segment that holds one of the values."""

    def step(path: Path, fs: FS | None = None) -> Content:
        with begin(path, fs=fs) as txn:
            assert txn.base is not None
            before = content(path)
            segments = tuple(_without(txn, segment, values) for segment in txn.base.segments)
            txn.commit(replace(txn.base, segments=segments))
        return [value for value in before if value not in values]

    return step


def merge(path: Path, fs: FS | None = None) -> Content:
    """A commit that replaces all segments by one without the dead."""
    with begin(path, fs=fs) as txn:
        assert txn.base is not None
        living = content(path)
        merged = _with_segment(txn, replace(txn.base, next_ordinal=0, segments=()), living)
        txn.commit(replace(merged, next_ordinal=txn.base.next_ordinal))
    return living


def give_up(path: Path, fs: FS | None = None) -> Content:
    """A write that ends before its commit."""
    before = content(path)
    with begin(path, fs=fs) as txn:
        _with_segment(txn, txn.base or EMPTY, [-1])
    return before


def _with_segment(txn: Transaction, base: Manifest, values: Content) -> Manifest:
    arrays = {"values": np.array(values, np.int64), "padding": np.zeros(3, np.uint8)}
    sparse = write_arrays(txn.fs, txn.fresh_path("sparse"), kind="numbers", meta={"k1": 0.9}, arrays=arrays)
    rows = txn.fresh_path("passages", ".sqlite")
    with closing(sqlite3.connect(rows)) as database:
        database.execute("PRAGMA page_size=512")
        database.execute("PRAGMA synchronous=OFF")  # `adopt` syncs
        database.execute("CREATE TABLE passages (value INTEGER)")
        database.executemany("INSERT INTO passages VALUES (?)", [(value,) for value in values])
        database.commit()
    files = {"sparse": sparse, "passages": txn.adopt(rows, "rows")}
    segment = Segment(txn.generation, base.next_ordinal, len(values), 0, files)
    return replace(base, next_ordinal=base.next_ordinal + len(values), segments=(*base.segments, segment))


def _without(txn: Transaction, segment: Segment, values: tuple[int, ...]) -> Segment:
    stored = _values(txn.path, segment)
    dead = np.isin(stored, values).astype(np.uint8)
    if not dead.any():
        return segment
    entry = write_arrays(txn.fs, txn.fresh_path("tombstones"), kind="tombstones", meta={}, arrays={"dead": dead})
    return replace(segment, n_deleted=int(dead.sum()), files={**segment.files, "tombstones": entry})


def _living(path: Path, segment: Segment) -> Content:
    stored = _values(path, segment)
    if entry := segment.files.get("tombstones"):
        dead = ArrayFile.open(path / entry.name, kind="tombstones", entry=entry, verify=True).arrays["dead"]
        stored = stored[dead == 0]
    return [int(value) for value in stored]


def _values(path: Path, segment: Segment) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """From the arrays, after comparing them with the database."""
    entry, rows = segment.files["sparse"], segment.files["passages"]
    stored = ArrayFile.open(path / entry.name, kind="numbers", entry=entry, verify=True).arrays["values"]
    with open_regular(path / rows.name, rows.size_bytes):
        pass
    address = f"file:{path / rows.name}?mode=ro&immutable=1"
    with corruption_named(path / rows.name), closing(sqlite3.connect(address, uri=True)) as database:
        if [row[0] for row in database.execute("SELECT value FROM passages ORDER BY rowid")] != stored.tolist():
            raise IndexCorrupt(path / rows.name, "holds other values than the arrays")
    return stored
