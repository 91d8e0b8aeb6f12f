"""Merging all segments into one: the dead are dropped, ordinals stay, and documents may be put in a better order.

Sparse parts are decoded into runs and merged like the runs of a build; passages are copied as they are. Both are
checked against their checksums before, so that damage is never copied under a fresh checksum.

The order of documents inside the sparse part is free: similar ones side by side make block bounds tight. Recursive
graph bisection finds such an order (`sparse/reorder.py`); ordinals, and so all results, stay the same.
"""

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import IndexCorrupt

from .check import damage_of
from .kernels import _native
from .manifest import FileEntry, Manifest, Segment
from .passages import PassageWriter
from .progress import OnProgress, Progress, Reporter
from .segments import Segments
from .settings import IndexSettings
from .sparse.build import DEAD, Run, write_sparse
from .sparse.reorder import bisect, forward_index
from .store import MANIFEST_NAME, Transaction, begin

__all__ = ["optimize"]

_MIN_DF = 4
_CHUNK_POSTINGS = 4_000_000


def optimize(path: str | os.PathLike[str], *, reorder: bool = True, on_progress: OnProgress | None = None) -> Manifest:
    """Merge all segments into one; gives the new manifest, or the old one when there is nothing to gain.

    Every search gives the same passages and scores as before.

    Args:
        reorder: also put documents into an order in which pruning works best; takes longer. A single segment that has
            been put into such an order, and lost nothing since, stays as it is.

    Raises:
        IndexNotFound, IndexLocked, IndexCorrupt, OSError: the index is then as it was.

    Cost: time about that of a build without its text analysis; room on disk for a second copy until the next commit.
    """
    report = Reporter(on_progress)
    with begin(Path(path)) as txn:
        assert txn.base is not None
        base = txn.base
        if _is_settled(txn.path, base, reorder=reorder):
            return base
        settings = IndexSettings.from_json(base.settings, txn.path / MANIFEST_NAME)
        _refuse_damage(txn.path, base)
        with closing(Segments(txn.path, base)) as segments:
            merged = _merged(txn, segments, settings, report, reorder=reorder)
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
        return bool((np.diff(segments.open[0].sparse.ordinals) < 0).any())


def _refuse_damage(folder: Path, manifest: Manifest) -> None:
    for entry in manifest.entries():
        for reason in damage_of(folder / entry.name, entry):
            raise IndexCorrupt(folder / entry.name, reason)


def _merged(
    txn: Transaction, segments: Segments, settings: IndexSettings, report: Reporter, *, reorder: bool
) -> Segment:
    """All living passages as one segment."""
    n_live = len(segments)
    report(Progress("copying", n_live))
    passages = _copied_passages(txn, segments, settings)
    ordinals, maps = _numbering(segments, n_live)
    if reorder:
        report(Progress("reordering", n_live))
        order = _bisected([s.sparse.run(numbers) for s, numbers in zip(segments, maps, strict=True)], n_live)
        ordinals, maps = ordinals[order], _reordered(maps, order)
    runs = [segment.sparse.run(numbers) for segment, numbers in zip(segments, maps, strict=True)]
    report(Progress("writing", n_live))
    path = txn.fresh_path("sparse")
    sparse = write_sparse(txn.fs, path, runs, settings.sparse, n_passages=n_live, ordinals=ordinals)
    files = {"passages": passages, "sparse": sparse}
    return Segment(txn.generation, int(ordinals.min()), n_live, 0, files)


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


def _bisected(runs: list[Run], n_live: int) -> NDArray[np.int32]:
    """The passage at each new position: int32 (n,), found by recursive graph bisection over the shared terms.

    Terms of fewer than four passages or of more than an eighth of them say nothing about neighbours; to leave them out
    at once saves most of the memory.
    """
    merger = _native.Merger([dict(run.arrays) for run in runs], [run.base for run in runs], [run.map for run in runs])
    merger.rewind()
    df, docs = [np.zeros(1, dtype=np.int64)], [np.zeros(0, dtype=np.uint32)]
    while len((postings := merger.next(_CHUNK_POSTINGS))[0]):
        _, ptr, doc, _ = postings
        counts: NDArray[np.int64] = np.diff(ptr.astype(np.int64)).astype(np.int64)
        useful = (counts >= _MIN_DF) & (counts <= max(n_live // 8, _MIN_DF))
        df.append(counts[useful])
        docs.append(doc[np.repeat(useful, counts)])
    by_term = np.cumsum(np.concatenate(df))
    by_passage, terms = forward_index(by_term, np.concatenate(docs), n_live)
    return bisect(by_passage, terms, n_terms=len(by_term) - 1, min_df=_MIN_DF)


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
