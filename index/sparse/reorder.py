"""An order of passages in which those that share terms stand together: recursive graph bisection.

Block maxima bound the scores of neighbours, so pruning works the better the more alike neighbours are; gaps between
postings also get smaller. The passages are cut into two halves, then passages are moved between the halves as long as
that makes each term live more on one side, and each half is treated in the same way (Dhulipala et al., KDD 2016;
practical variants: Mackenzie et al., SIGIR 2021). The work is in `index/kernels/bisection.cpp`; `bisect_reference` is
the same algorithm in plain Python, and the two give the same order.

The forward index has to be in memory. Where it would take more than the budget, consecutive passages are ordered apart,
as many at a time as fit: the first cuts are then those of insertion instead of the best ones.

Left out on purpose: reordering without a forward index, and orders from outside (by URL, by date).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spaniel.index.kernels import _native
from spaniel.retrieval.errors import InvalidInput

from .build import DEAD, Run, merged, postings

__all__ = ["bisect", "bisect_reference", "bisected", "forward_index", "log_gap_cost", "move_gain"]

GAIN_BITS = 14  # fractional bits of a gain
MIN_DF = 4  # terms of fewer passages say nothing about neighbours
_POSTING_BYTES = 12  # of the forward index, of the range that is cut, and of its halves


def bisected(runs: Sequence[Run], n_passages: int, *, memory_bytes: int) -> NDArray[np.int32]:
    """An order of the passages of some runs, found over the terms that they share.

    Args:
        memory_bytes: budget for the postings at hand; beyond it about 60 bytes a passage of a slice are taken.

    Returns:
        int32 (n_passages,): the passage, by its new local number in the runs' maps, at each new position.

    Raises:
        IndexError: a segment is damaged.

    Cost: one pass over the runs and one more for each slice; then `bisect`.
    """
    df = merged(runs).vocabulary()["df"]
    n_useful = int(df[_useful(df, n_passages)].sum(dtype=np.int64))
    n_slices = max(1, math.ceil(n_useful * _POSTING_BYTES / memory_bytes))
    size = max(1, math.ceil(n_passages / n_slices))
    parts = [_slice(runs, start, min(size, n_passages - start)) for start in range(0, n_passages, size)]
    return np.concatenate([np.zeros(0, np.int32), *parts]).astype(np.int32)


def _useful(df: NDArray[np.integer], n_passages: int) -> NDArray[np.bool_]:
    """Which terms take part: those of most passages say as little about neighbours as the rarest."""
    return (df >= MIN_DF) & (df <= max(n_passages // 8, MIN_DF))


def _slice(runs: Sequence[Run], first: int, n: int) -> NDArray[np.int32]:
    """The passages first .. first + n - 1 in a good order."""
    own = [replace(run, map=_within(run, first, n)) for run in runs]
    df, docs = [np.zeros(1, dtype=np.int64)], [np.zeros(0, dtype=np.uint32)]
    for _, ptr, doc, _ in postings(merged(own)):
        counts: NDArray[np.int64] = np.diff(ptr.astype(np.int64)).astype(np.int64)
        useful = _useful(counts, n)
        df.append(counts[useful])
        docs.append(doc[np.repeat(useful, counts)])
    by_term = np.cumsum(np.concatenate(df))
    whole = np.concatenate(docs)
    docs.clear()
    by_passage, terms = forward_index(by_term, whole, n)
    del whole
    return bisect(by_passage, terms, n_terms=len(by_term) - 1, min_df=MIN_DF) + np.int32(first)


def _within(run: Run, first: int, n: int) -> NDArray[np.uint32]:
    """The run's map to the places inside a slice; passages outside are dropped."""
    places = np.arange(run.base, run.base + run.n_passages) if run.map is None else run.map.astype(np.int64)
    inside = (places >= first) & (places < first + n)
    return np.where(inside, places - first, DEAD).astype(np.uint32)


def bisect(
    ptr: NDArray[np.int64],
    terms: NDArray[np.uint32],
    *,
    n_terms: int,
    min_df: int = 4,
    max_df: int | None = None,
    leaf: int = 16,
    iterations: int = 8,
    threads: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> NDArray[np.int32]:
    """Order passages so that similar ones are near; the same result for any number of threads.

    Args:
        ptr: int64 (n + 1,). terms: uint32 (ptr[-1],), the terms of passage i at ptr[i]:ptr[i + 1], strictly ascending.
        n_terms: terms are below it.
        min_df, max_df: only terms in this many passages take part, both ends included; max_df n / 8 by default.
        leaf: ranges of this size are not cut again and keep their order.
        iterations: rounds of moves a range gets at most; a range stops earlier when little moves.
        progress: called with (done, total) about a hundred times; what it raises stops the work.

    Returns:
        int32 (n,): the passage at each new position. Passages alike in every way keep their order.

    Raises:
        InvalidInput: arrays that are no forward index, or options below their least.

    Cost: O(postings * log(n / leaf) * rounds): seconds for 200,000 passages of 60 terms. Memory: 8 bytes a posting.
    """
    n = len(ptr) - 1
    if leaf < 1 or iterations < 0 or threads < 1:
        raise InvalidInput("bisect", f"leaf {leaf}, iterations {iterations}, threads {threads}: too small")
    most = max(n // 8, min_df) if max_df is None else max_df
    try:
        return _native.bisect(ptr, terms, n_terms, max(min_df, 0), max(most, 0), leaf, iterations, threads, progress)
    except ValueError as error:
        raise InvalidInput("bisect", str(error)) from error


def forward_index(
    ptr: NDArray[np.int64], docs: NDArray[np.uint32], n_docs: int
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Turn postings by term into terms by passage (and back: it is its own inverse).

    ptr: int64 (n_terms + 1,), docs: uint32 (ptr[-1],). Returns int64 (n_docs + 1,) and uint32, ascending in each row.

    Raises:
        InvalidInput: ptr that does not span docs, or a passage that is not below n_docs.
    """
    try:
        return _native.transpose(ptr, docs, n_docs)
    except ValueError as error:
        raise InvalidInput("forward_index", str(error)) from error


def log_gap_cost(ptr: NDArray[np.int64], terms: NDArray[np.uint32], order: NDArray[np.int32]) -> float:
    """Mean over postings of log2(gap) when passages stand in `order`: what the bisection tries to make small.

    The gap of a term's first posting is its position + 1. Arrays as in `bisect`.
    """
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    at = np.repeat(place, np.diff(ptr))
    by_term = np.lexsort((at, terms))
    at, term = at[by_term], terms[by_term]
    gaps = np.diff(at, prepend=-1)
    first = np.diff(term.astype(np.int64), prepend=-1) != 0
    gaps[first] = at[first] + 1
    return float(np.log2(gaps).mean()) if len(gaps) else 0.0


def move_gain(here: int, there: int) -> int:
    """What one passage's move gains for a term that `here` passages of its half and `there` of the other have.

    With n passages a half, a half's cost for the term is d log2(n / (d + 1)) bits (KDD 2016, sec. 4.1). n is taken as
    equal on both sides, so only d log2(d + 1) counts. In units of 2**-14 bits, each step rounded.
    """
    return _step(there) - (_step(here - 1) if here else 0)


def _step(d: int) -> int:
    bits = (d + 1) * math.log2(d + 2) - d * math.log2(d + 1)
    return math.floor(bits * (1 << GAIN_BITS) + 0.5)


def bisect_reference(
    rows: list[list[int]], *, min_df: int, max_df: int, leaf: int = 16, iterations: int = 8
) -> list[int]:
    """`bisect` in plain Python over lists of terms; slow, for tests."""
    df: dict[int, int] = {}
    for row in rows:
        for term in row:
            df[term] = df.get(term, 0) + 1
    return _order([(d, [t for t in row if min_df <= df[t] <= max_df]) for d, row in enumerate(rows)], leaf, iterations)


_Docs = list[tuple[int, list[int]]]


def _order(docs: _Docs, leaf: int, iterations: int) -> list[int]:
    """The order of one range, recursively."""
    if len(docs) <= leaf:
        return [d for d, _ in docs]
    half = len(docs) // 2
    side = [0] * half + [1] * (len(docs) - half)
    for _ in range(iterations):
        wishes = _wishes(docs, side)
        goes_right = {i for _, _, i in sorted(wishes)[half:]}
        moved = [i for i in range(len(docs)) if (i in goes_right) != bool(side[i])]
        for i in moved:
            side[i] = 1 - side[i]
        if len(moved) * 256 < len(docs):
            break
    halves = [[doc for i, doc in enumerate(docs) if side[i] == s] for s in (0, 1)]
    return _order(halves[0], leaf, iterations) + _order(halves[1], leaf, iterations)


def _wishes(docs: _Docs, side: list[int]) -> list[tuple[int, int, int]]:
    """(gain of standing on the right, side, place) of each document; the smallest stand left."""
    degree: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for (_, terms), s in zip(docs, side, strict=True):
        for t in terms:
            degree[s][t] = degree[s].get(t, 0) + 1
    wishes = []
    for i, ((_, terms), s) in enumerate(zip(docs, side, strict=True)):
        gain = sum(move_gain(degree[s].get(t, 0), degree[1 - s].get(t, 0)) for t in terms)
        wishes.append((-gain if s else gain, s, i))
    return wishes
