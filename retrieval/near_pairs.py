"""All pairs of vectors whose cosine reaches a threshold: exact, in blocks, without comparing most of them in full.

Vectors are turned so that their first `_AXES` coordinates carry most of them (the principal axes of a sample). By
Cauchy and Schwarz the rest of a dot product is at most the product of the two rests' lengths, so that

    a . b <= a' . b' + |rest of a| |rest of b|

which is itself a dot product of `_AXES` + 1 numbers. Only pairs whose bound reaches the threshold are computed in full.
The axes decide how many those are, never which pairs are found.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidInput

__all__ = ["groups_of", "near_pairs"]

Read = Callable[[int, int], NDArray[np.float32]]
_AXES = 48
_SAMPLE = 2048
_SLACK = 1e-4  # of bounds in float32
_AT_ONCE = 1 << 15


def near_pairs(
    read: Read, n: int, threshold: float, *, block: int = 2048
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
    """Pairs i < j with cosine >= threshold, in pieces: i and j int64 (m,), cosines float64 (m,).

    Args:
        read: vectors start to end, float32 (end - start, d); those of length 0 are like nothing.
        n: how many there are.
        threshold: above 0, at most 1.
        block: vectors compared with as many others at a time.

    Raises:
        InvalidInput: a threshold out of range.

    Cost: n**2 / 2 products of 49 numbers, and those of d numbers whose bound reaches the threshold. Memory: a few
    blocks of vectors and a square of block x block numbers, 17 MB each, whatever n.
    """
    if not 0 < threshold <= 1:
        raise InvalidInput("near duplicates", f"the threshold is {threshold}; it must lie above 0 and be at most 1")
    axes = _principal_axes(read, n)
    for start in range(0, n, block):
        rows = _unit(read(start, min(start + block, n)))
        bounds = _bounding(rows, axes)
        for other in range(start, n, block):
            columns = rows if other == start else _unit(read(other, min(other + block, n)))
            reach = bounds @ (bounds if other == start else _bounding(columns, axes)).T
            i, j = np.nonzero(reach >= threshold - _SLACK)
            if other == start:
                i, j = i[i < j], j[i < j]
            for piece in range(0, len(i), _AT_ONCE):
                a, b = i[piece : piece + _AT_ONCE], j[piece : piece + _AT_ONCE]
                cosines = np.einsum("nd,nd->n", rows[a], columns[b], dtype=np.float64)
                # Twins come out a rounding below 1.
                near = cosines >= threshold - 1e-6
                if near.any():
                    yield a[near] + start, b[near] + other, np.minimum(cosines[near], 1.0)


def groups_of(
    n: int, pairs: Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]
) -> list[list[int]]:
    """What is connected by pairs, directly or through others: ascending numbers, groups by their first.

    Cost: 8 bytes for each of n, and about a microsecond a pair.
    """
    root = np.arange(n)

    def find(one: int) -> int:
        while root[one] != one:
            root[one] = root[root[one]]
            one = int(root[one])
        return one

    for i, j, _ in pairs:
        for a, b in zip(i.tolist(), j.tolist(), strict=True):
            x, y = find(a), find(b)
            if x != y:
                root[max(x, y)] = min(x, y)  # the smallest number leads its group
    for one in np.flatnonzero(root != np.arange(n)).tolist():
        root[one] = find(one)
    leaders, sizes = np.unique(root, return_counts=True)
    several = leaders[sizes > 1]
    members = np.flatnonzero(np.isin(root, several))
    order = members[np.argsort(root[members], kind="stable")]
    return [group.tolist() for group in np.split(order, np.cumsum(sizes[sizes > 1])[:-1])] if len(several) else []


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of length 1, or 0 where they were."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    made: NDArray[np.float32] = (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    return made


def _principal_axes(read: Read, n: int) -> NDArray[np.float32]:
    """The directions that carry most of a sample spread over all vectors: float32 (d, at most _AXES)."""
    step = max(n // 16, 1)
    pieces = [read(start, min(start + _SAMPLE // 16, n)) for start in range(0, n, step)]
    sample = _unit(np.concatenate(pieces)) if pieces else np.zeros((0, 1), np.float32)
    _, directions = np.linalg.eigh((sample.T @ sample).astype(np.float64))
    return directions[:, ::-1][:, :_AXES].astype(np.float32)


def _bounding(unit: NDArray[np.float32], axes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Coordinates on the axes and the length of the rest: float32 (n, n_axes + 1)."""
    on = unit @ axes
    whole = np.einsum("nd,nd->n", unit, unit, dtype=np.float64)
    rest = np.sqrt(np.maximum(whole - np.einsum("nd,nd->n", on, on, dtype=np.float64), 0.0))
    return np.concatenate([on, rest[:, None].astype(np.float32)], axis=1)
