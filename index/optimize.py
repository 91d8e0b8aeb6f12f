"""Merging all segments into one: the dead are dropped, ordinals stay, and documents may be put in a better order.

Sparse parts are decoded term by term and merged like the runs of a build; passages and vectors are copied as they are;
codes of vectors too, unless they are fitted again (`dense/fitting.py`). All are checked against their checksums before,
so that damage is never copied under a fresh one.

The order of documents inside the sparse part is free: similar ones side by side make block bounds tight. Recursive
graph bisection finds such an order (`sparse/reorder.py`); ordinals, and so all results, stay the same.
"""

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import IndexCorrupt, InvalidInput

from .check import damage_of
from .dense.merge_dense import merged_parts
from .manifest import FileEntry, Manifest, Segment
from .passages import PassageWriter
from .progress import OnProgress, Progress, Reporter
from .segments import Segments
from .settings import IndexSettings
from .sparse.build import DEAD, Run, write_sparse
from .sparse.damage import named_damage
from .sparse.reorder import bisected
from .store import MANIFEST_NAME, Transaction, begin

__all__ = ["optimize"]

MIN_MEMORY_BYTES = 64 << 20


def optimize(
    path: str | os.PathLike[str],
    *,
    reorder: bool = True,
    memory_bytes: int = 2 << 30,
    on_progress: OnProgress | None = None,
) -> Manifest:
    """Merge all segments into one; gives the new manifest, or the old one when there is nothing to gain.

    Every search gives the same passages and scores as before, but for what a dense search estimates from codes: these
    may be fitted again, and then other candidates are scored. Scores from vectors stay what they were, to the bit.

    Args:
        reorder: also put documents into an order in which pruning works best; takes longer. A single segment that has
            been put into such an order, and lost nothing since, stays as it is.
        memory_bytes: budget for finding that order, 64 MiB at least. Where it is too small for all passages at once,
            they are ordered in slices, which makes the order a little worse.

    Raises:
        InvalidInput: the budget is too small.
        IndexNotFound, IndexLocked, IndexCorrupt, OSError: the index is then as it was.

    Cost: time about that of a build without its text analysis; room on disk for a second copy until the next commit.
    Memory: the budget, the vocabulary, about 100 bytes a passage, and some 100 MiB whatever the size.
    """
    if memory_bytes < MIN_MEMORY_BYTES:
        raise InvalidInput("memory_bytes", f"{memory_bytes} is less than {MIN_MEMORY_BYTES} (64 MiB)")
    report = Reporter(on_progress)
    with begin(Path(path)) as txn:
        assert txn.base is not None
        base = txn.base
        if _is_settled(txn.path, base, reorder=reorder):
            return base
        settings = IndexSettings.from_json(base.settings, txn.path / MANIFEST_NAME)
        _refuse_damage(txn.path, base)
        with closing(Segments(txn.path, base, settings.dense)) as segments:
            merged = _merged(txn, segments, settings, report, memory_bytes=memory_bytes if reorder else None)
        report(Progress("committing", merged.n_passages))
        manifest = txn.commit(replace(base, segments=(merged,)))
    report(Progress("done", merged.n_passages))
    return manifest


def _is_settled(folder: Path, manifest: Manifest, *, reorder: bool) -> bool:
    """There is nothing to merge, nothing to drop, and no order to look for."""
    if len(manifest.segments) > 1 or any(segment.n_deleted for segment in manifest.segments):
        return False
    if not manifest.segments or not reorder:
        return True
    with closing(Segments(folder, manifest)) as segments:
        return segments.open[0].sparse.reordered


def _refuse_damage(folder: Path, manifest: Manifest) -> None:
    for entry in manifest.entries():
        for reason in damage_of(folder / entry.name, entry):
            raise IndexCorrupt(folder / entry.name, reason)


def _merged(
    txn: Transaction, segments: Segments, settings: IndexSettings, report: Reporter, *, memory_bytes: int | None
) -> Segment:
    """All living passages as one segment; reordered under a budget of memory if there is one."""
    n_live = len(segments)
    report(Progress("copying", n_live))
    passages = _copied_passages(txn, segments, settings)
    ordinals, maps = _numbering(segments, n_live)
    dense = merged_parts(txn, segments, settings.dense, ordinals, report)
    try:
        if memory_bytes is not None:
            report(Progress("reordering", n_live))
            order = bisected(_runs(segments, maps), n_live, memory_bytes=memory_bytes)
            ordinals, maps = ordinals[order], _reordered(maps, order)
        report(Progress("writing", n_live))
        path = txn.fresh_path("sparse")
        runs = _runs(segments, maps)
        sparse = write_sparse(
            txn.fs,
            path,
            runs,
            settings.sparse,
            n_passages=n_live,
            ordinals=ordinals,
            reordered=memory_bytes is not None,
        )
    except IndexError as error:  # how the native code refuses to read outside the arrays
        raise named_damage([segment.sparse for segment in segments], error) from error
    files = {"passages": passages, "sparse": sparse, **dense}
    return Segment(txn.generation, int(ordinals.min()), n_live, 0, files)


def _runs(segments: Segments, maps: list[NDArray[np.uint32]]) -> list[Run]:
    return [segment.sparse.run(numbers) for segment, numbers in zip(segments, maps, strict=True)]


def _copied_passages(txn: Transaction, segments: Segments, settings: IndexSettings) -> FileEntry:
    target = txn.fresh_path("passages", ".sqlite")
    with closing(PassageWriter(target, columns=settings.columns)) as writer:
        for segment in segments:
            writer.copy_from(segment.passages.path, segment.sparse.ordinals[~segment.live])
        writer.finish()
    return txn.adopt(target, "passages")


def _numbering(segments: Segments, n_live: int) -> tuple[NDArray[np.uint32], list[NDArray[np.uint32]]]:
    """(ordinals, maps): the living in order of their ordinals, uint32 (n_live,); and for each segment the new number of
    each of its passages, uint32 (n,), dead ones marked."""
    living = [segment.sparse.ordinals[segment.live] for segment in segments]
    ordinals = np.sort(np.concatenate(living)).astype(np.uint32)
    maps = []
    for segment in segments:
        numbers = np.searchsorted(ordinals, segment.sparse.ordinals).astype(np.uint32)
        maps.append(np.where(segment.live, numbers, np.uint32(DEAD)))
    assert len(ordinals) == n_live
    return ordinals, maps


def _reordered(maps: list[NDArray[np.uint32]], order: NDArray[np.int32]) -> list[NDArray[np.uint32]]:
    """The maps, for passages that stand in `order`."""
    place = np.empty(len(order), dtype=np.uint32)
    place[order] = np.arange(len(order), dtype=np.uint32)
    changed = []
    for numbers in maps:
        stays = numbers != DEAD
        numbers = numbers.copy()
        numbers[stays] = place[numbers[stays]]
        changed.append(numbers)
    return changed
