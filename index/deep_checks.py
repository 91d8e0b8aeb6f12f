"""What `verify` finds out by looking inside files whose bytes are as they were written: one function a kind of file.

A wrong finding here means a fault of the writer, or a file forged with right checksums; damage is found before.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from .manifest import FileEntry, Segment
from .passages import Passages
from .sparse.damage import wrong_postings
from .sparse.segment import SparseSegment

__all__ = ["check_passages", "check_sparse"]


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
