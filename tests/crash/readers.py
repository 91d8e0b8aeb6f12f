"""Readers and a writer that never wait for each other, and an index whose content says which generation it is.

Generation g holds one value for each of its up to three segments: ..., g-1, g. A reader that sees anything else, or
the values of another generation than its manifest's, has seen a mixture.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from spaniel.index.format import ArrayFile, write_arrays
from spaniel.index.manifest import Manifest, Segment
from spaniel.index.store import begin, open_snapshot
from spaniel.retrieval.errors import IndexNotFound

__all__ = ["commit", "right_values", "run"]

SEGMENTS = 3
VALUES = 5000


def commit(path: Path) -> int:
    """Make the next generation; gives its number."""
    with begin(path, create=True) as txn:
        base = txn.base or Manifest(generation=0, index_id="soak", next_ordinal=0)
        arrays = {"values": np.full(VALUES, txn.generation, np.int64)}
        entry = write_arrays(txn.fs, txn.fresh_path("sparse"), kind="sparse", meta={}, arrays=arrays)
        segment = Segment(txn.generation, base.next_ordinal, 1, 0, {"sparse": entry})
        kept = base.segments[-SEGMENTS + 1 :]
        return txn.commit(replace(base, next_ordinal=base.next_ordinal + 1, segments=(*kept, segment))).generation


def right_values(generation: int) -> list[int]:
    """What a reader of this generation must see."""
    return list(range(max(1, generation - SEGMENTS + 1), generation + 1))


def snapshot(path: Path) -> tuple[int, list[Any]]:
    """Generation, and the mapped values of each segment."""

    def load(manifest: Manifest) -> tuple[int, list[Any]]:
        entries = [segment.files["sparse"] for segment in manifest.segments]
        return manifest.generation, [
            ArrayFile.open(path / entry.name, kind="sparse", entry=entry).arrays["values"] for entry in entries
        ]

    return open_snapshot(path, load)


def read_until(path: Path, start: Any, stop: Any, results: Any) -> None:
    """Open and compare, hold on to one snapshot and compare it again; report (pid, opened, generations, problem)."""
    opened, seen, problem = 0, set(), ""
    held: tuple[int, list[Any]] | None = None
    start.wait()
    while not problem and not (stop.is_set() and opened):
        try:
            generation, arrays = snapshot(path)
        except IndexNotFound:
            problem = "the index is gone" if opened else ""
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            problem = repr(error)
        else:
            opened += 1
            problem = _mixture(generation, arrays) or (_mixture(*held) if held else "")
            if seen and generation < max(seen):
                problem = f"went back from generation {max(seen)} to {generation}"
            seen.add(generation)
            held = held if held and opened % 50 else (generation, arrays)
    results.put((os.getpid(), opened, len(seen), problem))


def _mixture(generation: int, arrays: list[Any]) -> str:
    values = [int(array[0]) for array in arrays]
    if values != right_values(generation) or any((array != array[0]).any() for array in arrays):
        return f"generation {generation} shows {values}"
    return ""


def run(path: Path, n_readers: int, n_commits: int) -> Iterator[tuple[int, int, int, str]]:
    """Commit under readers; gives each reader's report."""
    context = get_context("spawn")
    start, stop, results = context.Barrier(n_readers + 1), context.Event(), context.Queue()
    readers = [context.Process(target=read_until, args=(path, start, stop, results)) for _ in range(n_readers)]
    for reader in readers:
        reader.start()
    start.wait()
    try:
        for expected in range(1, n_commits + 1):
            assert commit(path) == expected
    finally:
        stop.set()
    for _ in readers:
        yield results.get(timeout=60)
    for reader in readers:
        reader.join()
