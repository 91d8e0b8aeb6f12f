"""Inverted lists over codes: passages grouped by the nearest of some centres, so that a search visits few of them.

The centres are those of spherical k-means: vectors and centres are compared by their dot products, centres have length
1. Jegou, Douze and Schmid, "Product quantization for nearest neighbor search", TPAMI 2011, sec. 4, without residuals:
codes mean the same in every list, so that a search of all lists gives what a part without lists gives.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .hashing import BLOCK_ROWS, chunks
from .part import Vectors

__all__ = ["NO_ROW", "Lists", "fit_centres", "fits_on", "lists_of", "place_rows"]

NO_ROW = 0xFFFFFFFF
"""In `row`: a place at the end of a list that holds none."""

_ITERATIONS = 10
_SAMPLE_PER_LIST = 64


@dataclass(frozen=True, slots=True)
class Lists:
    """Where rows lie.

    Attributes:
        centres: float32 (d, n_lists), a column a list.
        start: uint32 (n_lists + 1,): list l takes the blocks start[l] to start[l + 1].
        row: uint32 (64 n_blocks,): the row at each place; `NO_ROW` fills up the last block of each list.
    """

    centres: NDArray[np.float32]
    start: NDArray[np.uint32]
    row: NDArray[np.uint32]


def fit_centres(vectors: Vectors, n_lists: int, *, seed: int) -> NDArray[np.float32]:
    """float32 (d, m), columns of length 1, with m the smaller of n_lists and the number of vectors (at least 1).

    Fitted on at most 64 vectors a list, drawn at random. Cost: O(iterations * 64 * n_lists**2 * d): 10 s for 1,024
    lists of 384 dimensions on one core.
    """
    n, d = len(vectors), vectors.shape[1]
    n_lists = max(min(n_lists, n), 1)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(n, fits_on(n, n_lists), replace=False)).astype(np.int64)
    some = _unit(np.asarray(vectors[rows], dtype=np.float32)) if n else np.zeros((1, d), np.float32)
    centres: NDArray[np.float32] = some[rng.choice(len(some), n_lists, replace=False)]
    for _ in range(_ITERATIONS if n > n_lists else 0):
        mine = nearest_centre(some, centres.T)
        sums = np.zeros((n_lists, d), np.float32)
        np.add.at(sums, mine, some)
        empty = np.bincount(mine, minlength=n_lists) == 0
        sums[empty] = some[rng.choice(len(some), int(empty.sum()))]  # a list that nobody chose starts elsewhere
        centres = _unit(sums)
    return np.ascontiguousarray(centres.T)


def fits_on(n: int, n_lists: int) -> int:
    """On how many of n vectors that many centres are fitted."""
    return min(n, _SAMPLE_PER_LIST * n_lists)


def nearest_centre(vectors: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.int64]:
    """The list of each vector (n, d): int64 (n,); ties go to the first."""
    step = 4096
    parts = [(vectors[i : i + step] @ centres).argmax(axis=1) for i in range(0, len(vectors), step)]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def lists_of(vectors: Vectors, centres: NDArray[np.float32]) -> NDArray[np.int64]:
    """The list of each of many vectors: int64 (n,)."""
    parts = [nearest_centre(some, centres) for some in chunks(vectors)]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def place_rows(members: NDArray[np.int64], centres: NDArray[np.float32]) -> Lists:
    """Lay out rows by their lists, int64 (n,), each list's in ascending order from a new block on."""
    n_lists = centres.shape[1]
    sizes = np.bincount(members, minlength=n_lists)
    start = np.concatenate([[0], np.cumsum(-(-sizes // BLOCK_ROWS))])
    order = np.argsort(members, kind="stable")
    within = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    row = np.full(start[-1] * BLOCK_ROWS, NO_ROW, np.uint32)
    row[np.repeat(start[:-1] * BLOCK_ROWS, sizes) + within] = order
    return Lists(centres, start.astype(np.uint32), row)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1), np.float32)
