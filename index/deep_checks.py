"""What `verify` finds out by looking inside files whose bytes are as they were written: one function a kind of file.

A wrong finding here means a fault of the writer, or a file forged with right checksums; damage is found before.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .manifest import FileEntry, Segment
from .passages import Passages
from .sparse.segment import SparseSegment

__all__ = ["check_passages", "check_sparse"]

_CHUNK = 1 << 22


def check_passages(path: Path, entry: FileEntry, segment: Segment) -> Iterator[str]:
    """Every row against its checksum, ordinals against the segment's, and how many rows there are.

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
            if ordinal < segment.first_ordinal:
                yield f"passage {ordinal} lies before the segment's first, {segment.first_ordinal}"
    if not segment.n_passages - segment.n_deleted <= n_rows <= segment.n_passages:
        yield f"has {n_rows} rows for {segment.n_passages} passages, {segment.n_deleted} of them deleted"


def check_sparse(path: Path, entry: FileEntry, segment: Segment) -> Iterator[str]:
    """Array sizes against the layout, tombstones against the segment, and numbers that name a passage or term.

    Raises:
        IndexCorrupt: the arrays, or the tombstones, do not fit together.

    Cost: one pass over the uncompressed lists; memory tens of MiB.
    """
    sparse = SparseSegment.open(path.parent, segment)
    arrays, n_terms = sparse.arrays, len(sparse.arrays["df"])
    limits = {"rare_doc": sparse.n_passages, "exception_doc": sparse.n_passages, "exception_term": n_terms}
    for name, limit in limits.items():
        if _largest(arrays[name]) >= limit:
            yield f"{name} names {_largest(arrays[name])}, there are only {limit}"
    n_postings = len(arrays["rare_doc"]) + len(arrays["list_doc"])
    n_found = int(arrays["df"].sum(dtype=np.int64)) - int(np.count_nonzero(arrays["dense_impact"]))
    if n_found != n_postings:
        yield f"the document frequencies ask for {n_found} postings in lists, there are {n_postings}"
    ordinals = sparse.ordinals
    if len(ordinals) and (int(ordinals.min()) < segment.first_ordinal or len(np.unique(ordinals)) != len(ordinals)):
        yield "two passages have the same ordinal, or one lies before the segment's first"


def _largest(values: NDArray[np.uint32]) -> int:
    """The largest value; -1 of none. Chunk by chunk, so that a mapped array need not fit into memory."""
    chunks = range(0, len(values), _CHUNK)
    return max((int(values[start : start + _CHUNK].max()) for start in chunks), default=-1)
