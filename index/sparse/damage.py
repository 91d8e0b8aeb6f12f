"""Damage in sparse parts: which file an error of the native code speaks of, and what cannot be in a part's postings.

The kernels check what they read from mapped arrays where they use it, and refuse (IndexError) to leave them. They do
not know file names; these are found out here, on the way of the error alone, so that a search pays nothing for it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spaniel.index.format import bad_blocks
from spaniel.retrieval.errors import IndexCorrupt

from .build import DEAD, merged, postings
from .segment import SparseSegment

__all__ = ["named_damage", "wrong_postings"]

_CHUNK = 1 << 20


def named_damage(segments: Sequence[SparseSegment], error: IndexError) -> IndexCorrupt:
    """The error to raise instead: it names the file of the segment that is damaged.

    That is the first one that does not match its checksums; if all match (a forged file), the first whose postings
    cannot be.

    Cost: reads the files of the segments.
    """
    damaged = next((segment for segment in segments if _is_damaged(segment)), None)
    if damaged is None:
        damaged = next((segment for segment in segments if any(wrong_postings(segment))), segments[0])
    return IndexCorrupt(damaged.path, str(error))


def _is_damaged(segment: SparseSegment) -> bool:
    if not segment.path.exists():  # of a generation that a reader still holds: what is mapped can be looked at
        return False
    try:
        return any(bad_blocks(segment.path, None))
    except IndexCorrupt:
        return True


def wrong_postings(sparse: SparseSegment) -> Iterator[str]:
    """Each term against the vocabulary, each posting against the passages; a sentence for each thing that cannot be.

    Cost: about 3 us a term and 35 ns a posting; memory some tens of MiB, and what the longest list takes.
    """
    try:
        for chunk in _lists(sparse):
            yield from _wrong_lists(chunk, sparse.n_passages)
        sparse.native.check_postings()  # starts, block tables and largest impacts against the postings
        yield from _wrong_counts(sparse)
    except IndexError as error:  # how the native code refuses to read outside the arrays
        yield str(error)


def _wrong_counts(sparse: SparseSegment) -> Iterator[str]:
    """Impacts that stand for no count, and exceptions that no writer writes: a sentence for each."""
    everything = merged([sparse.run(np.arange(sparse.n_passages, dtype=np.uint32))])
    for _ in postings(everything):  # reading the counts refuses what stands for none, and exceptions of no posting
        pass
    held, docs, counts = (sparse.arrays[f"exception_{name}"] for name in ("term", "doc", "tf"))
    if len(held) and ((held[1:] < held[:-1]).any() or int(held[-1]) >= sparse.native.n_terms):
        yield "the exceptions are not in the order of the terms, or name a term beyond the last"
        return
    ends = np.flatnonzero(np.diff(held, append=np.uint32(DEAD))) + 1
    for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=False):
        term = int(held[start])
        local, impact = sparse.native.postings(term)
        field = sparse.native.term(term)[0]
        table, code = sparse.impact_tables[field], sparse.arrays["length_code"][field][docs[start:end]]
        stored, tf = impact[np.searchsorted(local, docs[start:end])], counts[start:end]
        told = table.decoded[code, stored]
        if ((table.impact[code, np.minimum(tf, 255)] != stored) | (told == tf)).any():
            yield f"an exception of term {term} has a count that does not go with its impact"


class _List(NamedTuple):
    """A term, what looking it up gives, and its postings: doc uint32 (df,), impact uint8 (df,)."""

    term: int
    found: tuple[int, int] | None
    doc: NDArray[np.uint32]
    impact: NDArray[np.uint8]


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
