"""What `verify` finds out by looking inside files whose bytes are as they were written: one function a kind of file.

A wrong finding here means a fault of the writer, or a file forged with right checksums; damage is found before.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .manifest import FileEntry, Segment
from .passages import Passages
from .sparse.segment import SparseSegment

__all__ = ["check_passages", "check_sparse"]

_CHUNK = 1 << 20


class _List(NamedTuple):
    """A term, what looking it up gives, and its postings: doc uint32 (df,), impact uint8 (df,)."""

    term: int
    found: tuple[int, int] | None
    doc: NDArray[np.uint32]
    impact: NDArray[np.uint8]


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
    each posting against the passages.

    Raises:
        IndexCorrupt: the arrays, or the tombstones, do not fit together.

    Cost: about 3 us a term and 5 ns a posting; memory tens of MiB, and what the longest list takes.
    """
    sparse = SparseSegment.open(path.parent, segment)
    ordinals = sparse.ordinals
    if len(np.unique(ordinals)) != len(ordinals):
        yield "two passages have the same ordinal"
    for ordinal in ordinals[(ordinals < segment.first_ordinal) | (ordinals >= end_ordinal)]:
        yield f"passage {ordinal} is not of the segment's, {segment.first_ordinal} to {end_ordinal - 1}"
    try:
        for chunk in _lists(sparse):
            yield from _wrong_lists(chunk, sparse.n_passages)
        sparse.native.check_postings()  # starts, block tables and largest impacts against the postings
    except IndexError as error:  # how the native code refuses to read outside the arrays
        yield str(error)


def _lists(sparse: SparseSegment) -> Iterator[list[_List]]:
    """All terms with their lists, some millions of postings at a time."""
    native, lists, n_postings = sparse.native, [], 0
    for term in range(native.n_terms):
        lists.append(_List(term, native.find(native.term(term)), *native.postings(term)))
        n_postings += len(lists[-1].doc)
        if n_postings >= _CHUNK or len(lists) >= _CHUNK:
            yield lists
            lists, n_postings = [], 0
    if lists:
        yield lists


def _wrong_lists(lists: list[_List], n_passages: int) -> Iterator[str]:
    """One sentence for each term that cannot be. All lists of a chunk are checked at once: most are tiny."""
    for each in lists:
        if each.found != (each.term, len(each.doc)):
            yield f"term {each.term} has {len(each.doc)} passages, looking it up gives (term, passages) {each.found}"
    sizes = np.array([len(each.doc) for each in lists])
    doc = np.concatenate([each.doc for each in lists]).astype(np.int64)
    impact = np.concatenate([each.impact for each in lists])
    rises = np.diff(doc, prepend=-1) > 0
    starts = (np.cumsum(sizes) - sizes)[sizes > 0]
    rises[starts] = True
    wrong = ~rises | (doc >= n_passages) | (impact == 0)
    owner = np.repeat(np.arange(len(lists)), sizes)
    for number in np.unique(owner[wrong]):
        yield f"term {lists[number].term} names passages out of order, or beyond the last, or without an impact"
