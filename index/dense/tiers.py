"""Vectors of passages in a part's file, whole or rounded, to be scored exactly: all of a flat store, or the second
tier of one whose first pass only estimates.

    float32   the vectors themselves
    float16   rounded to half precision; 2 bytes a dimension
    int8      rint(127 x / max|x|), and the scale max|x| / 127 of each row; 1 byte a dimension and 4 a row

A score is the dot product of the float32 query with the stored row, added up in float64 row by row, always in the same
order, and rounded to float32 once: it does not depend on which other rows are asked for. The arrays stay on disk,
memory-mapped; a search touches the rows it asks for.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spaniel.index.format import ArrayFile, ArrayFileWriter
from spaniel.index.layout import ArrayShapes

from .part import Vectors
from .part_file import array_of

__all__ = ["Tier", "TierKind", "copy_tier", "open_tier", "tier_arrays", "write_tier"]

TierKind: TypeAlias = Literal["float32", "float16", "int8"]

_DTYPES = {"float32": np.float32, "float16": np.uint16, "int8": np.int8}
_CHUNK_BYTES = 4 << 20  # of float32
_FLOAT16_MAX = 65504.0
_SIGN_AND_HALF = np.int32(-0x70000001)  # all bits but the three copies of the sign that the shift leaves
_PIECE = 1 << 16


def tier_arrays(kind: TierKind, n_passages: int, dimension: int) -> ArrayShapes:
    """The arrays that `write_tier` fills, for `part_writer`."""
    vectors = {"vector": (_DTYPES[kind], (n_passages, dimension))}
    return {**vectors, "vector_scale": (np.float32, (n_passages,))} if kind == "int8" else vectors


def write_tier(writer: ArrayFileWriter, kind: TierKind, vectors: Vectors) -> None:
    """Write float32 (n, d), finite, chunk by chunk."""
    for rows in chunks(len(vectors), vectors.shape[1]):
        _write(writer, kind, np.asarray(vectors[rows], dtype=np.float32))


def copy_tier(writer: ArrayFileWriter, parts: Sequence[tuple["Tier", NDArray[np.int64]]]) -> None:
    """Write some rows of several tiers of one kind, in this order, as they are."""
    for tier, rows in parts:
        for some in chunks(len(rows), tier.dimension):
            writer.write("vector", tier.stored[rows[some]])
            if tier.scale is not None:
                writer.write("vector_scale", tier.scale[rows[some]])


def open_tier(file: ArrayFile, kind: TierKind, n_passages: int, dimension: int) -> "Tier":
    """The tier in an open part's file.

    Raises:
        IndexCorrupt: its arrays are missing or of other sizes.
    """
    stored = array_of(file, "vector", _DTYPES[kind], (n_passages, dimension))
    scale = array_of(file, "vector_scale", np.float32, (n_passages,)) if kind == "int8" else None
    return Tier(stored, scale)


class Tier:
    """Stored rows; immutable, safe to use from several threads.

    Attributes:
        stored: float32, float16 as uint16, or int8: (n, d), memory-mapped.
        scale: float32 (n,) of int8, what a code of 1 stands for; else None.
    """

    def __init__(self, stored: NDArray[np.float32 | np.uint16 | np.int8], scale: NDArray[np.float32] | None) -> None:
        self.stored, self.scale = stored, scale
        self.n_passages, self.dimension = stored.shape

    def unscaled(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        """These rows as float32 (m, d), those of int8 before their scale is applied."""
        some = self.stored[rows]
        return from_halves(some.view(np.uint16)) if some.dtype == np.uint16 else np.asarray(some, dtype=np.float32)

    def vectors(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        """These rows as float32 (m, d)."""
        some = self.unscaled(rows)
        return some if self.scale is None else some * self.scale[rows, None]

    def dot(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores of these rows: float32 (len(rows),), each of which depends on the query and its row alone.

        Cost: about 0.5 us a row of 384 dimensions; memory some MiB.
        """
        exact = query.astype(np.float64)
        scores = np.empty(len(rows), dtype=np.float32)
        for some in chunks(len(rows), self.dimension):
            # NumPy adds along the contiguous axis of each row by itself, in an order that its length decides.
            sums = (self.unscaled(rows[some]) * exact).sum(axis=1)
            with np.errstate(over="ignore"):
                scores[some] = sums if self.scale is None else sums * self.scale[rows[some]]
        return scores


def from_halves(halves: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Finite float16 (n, d), as uint16, to float32, exactly.

    The sign stays, exponent and fraction move 13 places down, and 2^112 makes up for the other bias. Done in pieces
    that stay in the cache, several times as fast as NumPy's own conversion.
    """
    wide = np.empty(halves.shape, dtype=np.int32)
    step = max(_PIECE // max(halves.shape[1], 1), 1)
    for start in range(0, len(halves), step):
        piece = wide[start : start + step]
        piece[...] = halves[start : start + step].view(np.int16)
        piece <<= 16
        piece >>= 3
        piece &= _SIGN_AND_HALF
        values = piece.view(np.float32)
        values *= np.float32(2.0**112)
    return wide.view(np.float32)


def chunks(n: int, dimension: int) -> Iterator[slice]:
    """Slices of 0..n-1 whose float32 rows take a few MiB."""
    step = max(_CHUNK_BYTES // (4 * dimension), 1)
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


def _write(writer: ArrayFileWriter, kind: TierKind, some: NDArray[np.float32]) -> None:
    if kind == "float32":
        writer.write("vector", some)
    elif kind == "float16":
        writer.write("vector", np.clip(some, -_FLOAT16_MAX, _FLOAT16_MAX).astype(np.float16).view(np.uint16))
    else:
        scale = np.abs(some).max(axis=1, initial=0.0) / np.float32(127)
        codes = np.rint(some / np.where(scale > 0, scale, 1)[:, None])
        writer.write("vector", np.clip(codes, -127, 127).astype(np.int8))
        writer.write("vector_scale", scale.astype(np.float32))
