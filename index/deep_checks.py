"""What `verify` finds out by looking inside files whose bytes are as they were written: one function a kind of file.

A wrong finding here means a fault of the writer, or a file forged with right checksums; damage is found before.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from spaniel.retrieval.errors import MissingExtra

from .dense.kinds import store_module
from .dense.part import PART_KIND, Inspected
from .dense.part_file import common_of
from .format import ArrayFile
from .manifest import FileEntry, Segment
from .passages import Passages
from .sparse.damage import wrong_postings
from .sparse.segment import SparseSegment

__all__ = ["check_dense", "check_passages", "check_sparse"]


_VECTORS_AT_ONCE = 4096


def check_passages(path: Path, entry: FileEntry, segment: Segment, end_ordinal: int) -> Iterator[str]:
    """Every row against its checksum, ordinals against the manifest's, and how many rows there are.

    Rows of passages that were replaced during the build are not stored, those deleted later are: so there are at most
    as many rows as passages, and at least as many as living ones.

    Raises:
        IndexCorrupt: a row does not match its checksum.

    Cost: about 10 us a row.
    """
    n_rows = 0
    with closing(Passages(path)) as passages:
        for ordinal, _ in passages.scan():
            n_rows += 1
            if not segment.first_ordinal <= ordinal < end_ordinal:
                yield f"passage {ordinal} is not of the segment's, {segment.first_ordinal} to {end_ordinal - 1}"
    if not segment.n_passages - segment.n_deleted <= n_rows <= segment.n_passages:
        yield f"has {n_rows} rows for {segment.n_passages} passages, {segment.n_deleted} of them deleted"


def check_sparse(path: Path, entry: FileEntry, segment: Segment, end_ordinal: int) -> Iterator[str]:
    """Arrays and tombstones against the segment, ordinals against the manifest's, each term against the vocabulary,
    each posting and its count against the passages.

    Raises:
        IndexCorrupt: the arrays, or the tombstones, do not fit together.

    Cost: about 3 us a term and 35 ns a posting; memory some tens of MiB, and what the longest list takes.
    """
    sparse = SparseSegment.open(path.parent, segment)
    ordinals = sparse.ordinals
    if len(np.unique(ordinals)) != len(ordinals):
        yield "two passages have the same ordinal"
    for ordinal in ordinals[(ordinals < segment.first_ordinal) | (ordinals >= end_ordinal)]:
        yield f"passage {ordinal} is not of the segment's, {segment.first_ordinal} to {end_ordinal - 1}"
    yield from wrong_postings(sparse)


def check_dense(path: Path, entry: FileEntry, segment: Segment, end_ordinal: int) -> Iterator[str]:
    """Rows against the segment and its sparse part, every vector finite, and what the kind of store checks on opening.

    Where the package that a kind of store needs is not installed, its vectors are not looked at.

    Raises:
        IndexCorrupt: the arrays do not fit together.

    Cost: about 1 us a vector of 384 dimensions; memory some MiB.
    """
    file = ArrayFile.open(path, kind=PART_KIND, entry=entry)
    common = common_of(file)
    if common.n_passages != segment.n_passages:
        yield f"holds {common.n_passages} vectors, the manifest says {segment.n_passages}"
        return
    sparse = np.sort(SparseSegment.open(path.parent, segment).ordinals)
    first, n = segment.first_ordinal, segment.n_passages
    own = np.arange(first, first + n) if common.ordinals is None else common.ordinals
    if not np.array_equal(own, sparse):
        yield "has other ordinals than the sparse part, or in another order"
    try:
        part = store_module(common.store.kind).open(file, common.store)
    except MissingExtra:
        return
    if isinstance(part, Inspected):
        part.check()
    for start in range(0, n, _VECTORS_AT_ONCE):
        rows = np.arange(start, min(start + _VECTORS_AT_ONCE, n))
        wrong = rows[~np.isfinite(part.vectors(rows)).all(axis=1)]
        if len(wrong):
            yield f"the vector of passage {own[wrong[0]]} is not finite, nor are {len(wrong) - 1} of those after it"
