"""Vectors as bits: what is fitted on a corpus, and how a vector becomes a code and a code a vector again.

A code b has one bit a dimension, read as -1 or +1, and stands for the vector

    x' = centre + scale * factor * W b

so that the dot product of a query with it is a constant of the query plus a dot product over signs, which the scan
adds up from tables: q . x' = q . centre + scale * factor * (q W) . b. All that the kinds of codes differ in is W and
how b is found, and none of it costs a search anything:

    sign       centre 0, W the identity
    centred    the corpus's mean taken off first
    rotation   and a random rotation: W is orthonormal, b = sign((x - centre) W)
    itq        the rotation of iterative quantisation (itq.py)
    learned    W by least squares, b by descent (learned.py)

The factor, a float16 a passage, makes the estimate right where the query is x itself: <x, x - centre> over
<x, x' - centre>. RaBitQ's (Gao and Long, SIGMOD 2024, sec. 3.2) does so for x - centre. Without factors, each is 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .itq import fit_rotation, random_rotation
from .learned import fit_weights, nearest_rotation, packed, refined, signs
from .part import Vectors
from .settings import Codes

__all__ = ["BLOCK_ROWS", "Hash", "along_of", "blocks_of", "chunks", "fit_hash", "fits_on", "n_bytes", "rows_of"]

BLOCK_ROWS = 64
"""Codes lie in blocks of this many rows, byte by byte: all first bytes, then all second bytes, and so on."""

_FIT_ROWS = 20_000
_FEW = 1_000
_CHUNK = 4_096
_SHRINK = 16
_LARGEST_FACTOR = 1024.0
_ALONG = 2.0


def n_bytes(dimension: int) -> int:
    """Bytes of a code; bits beyond the dimension are 0 and mean nothing, unless the codes are learned."""
    return -(-dimension // 8)


@dataclass(frozen=True)
class Hash:
    """What was fitted.

    Attributes:
        centre: float32 (d,).
        weights: W, float32 (d, D) with D the dimension padded to whole bytes; None for the identity.
        scale: of all codes.
        along: codes are found by descent, and the weight in it of the error along the vector; None: signs.
    """

    centre: NDArray[np.float32]
    weights: NDArray[np.float32] | None
    scale: np.float32
    along: float | None = None

    @property
    def dimension(self) -> int:
        return len(self.centre)

    @cached_property
    def _start(self) -> NDArray[np.float32] | None:
        """What a vector is multiplied by before its signs are taken."""
        return self.weights if self.along is None or self.weights is None else nearest_rotation(self.weights)

    def encode(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Codes uint8 (n, n_bytes), bit j % 8 of byte j // 8 for dimension j, and factors float32 (n,), for float32
        vectors (n, d)."""
        rest = vectors - self.centre
        codes = packed(rest if self._start is None else np.asarray(rest @ self._start, np.float32))
        codes[:, -1] &= 0xFF >> -self.dimension % 8
        if self.along is not None and self.weights is not None:
            codes = refined(codes, vectors, rest, self.weights, along=self.along)
        return codes, _factors(vectors, rest, self._rest(codes))

    def decode(self, codes: NDArray[np.uint8], factors: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """The vectors that codes (n, n_bytes) stand for: float32 (n, d)."""
        rest = self._rest(codes)
        return (rest if factors is None else rest * factors[:, None]) + self.centre

    def _rest(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        turned = signs(codes)[:, : self.dimension] if self.weights is None else signs(codes) @ self.weights.T
        scaled: NDArray[np.float32] = turned * self.scale
        return scaled


def fits_on(n: int) -> int:
    """On how many of n vectors codes are fitted; 0 where they are too few to learn from."""
    return min(n, _FIT_ROWS) if n >= _FEW else 0


def fit_hash(kind: Codes, vectors: Vectors, *, factor: bool, seed: int) -> Hash:
    """Fit codes of this kind on vectors, float32 (n, d), finite; on 20,000 of them, drawn at random, if there are more.

    Below 1,000 vectors there is too little to learn from, and `itq` and `learned` are a random rotation.

    Args:
        factor: whether factors will stand beside the codes.
    """
    n, d = len(vectors), vectors.shape[1]
    some = _sample(vectors, seed)
    centre = np.zeros(d, np.float32)
    if kind != "sign" and n:
        # The mean of a few passages says as much of them as of the corpus to come, so it is drawn towards 0.
        centre = (some.mean(axis=0, dtype=np.float64) * (n / (n + _SHRINK))).astype(np.float32)
    rest, along = some - centre, along_of(kind, factor)
    if kind == "learned" and n >= _FEW:
        return Hash(
            centre, fit_weights(_padded(some), _padded(rest), along=along or 0.0, seed=seed)[:d], np.float32(1), along
        )
    rotation = None
    if kind == "itq" and n >= _FEW:
        rotation = fit_rotation(rest, seed=seed)
    elif kind not in ("sign", "centred"):
        rotation = random_rotation(d, seed)
    scale = np.float32(np.abs(rest if rotation is None else rest @ rotation).mean(dtype=np.float64) if n else 1.0)
    scale = scale if scale > 0 else np.float32(1)
    if along is not None and rotation is not None:
        return Hash(centre, _padded(rotation * scale), np.float32(1), along)
    return Hash(centre, None if rotation is None else _padded(rotation), scale)


def along_of(kind: Codes, factor: bool) -> float | None:
    """The weight in the descent of the error along a vector; None for codes that are signs."""
    if kind != "learned":
        return None
    return 0.0 if factor else _ALONG


def blocks_of(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Rows of codes (n, n_bytes) as blocks (ceil(n / 64), n_bytes, 64), the last one filled up with zeros."""
    n, width = codes.shape
    padded = np.zeros((-(-n // BLOCK_ROWS) * BLOCK_ROWS, width), np.uint8)
    padded[:n] = codes
    return np.ascontiguousarray(padded.reshape(-1, BLOCK_ROWS, width).transpose(0, 2, 1))


def rows_of(blocks: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Some rows of blocks: uint8 (len(places), n_bytes)."""
    found: NDArray[np.uint8] = blocks[places // BLOCK_ROWS, :, places % BLOCK_ROWS]
    return found


def chunks(vectors: Vectors) -> Iterator[NDArray[np.float32]]:
    """All rows, some at a time, always the same number, so that codes do not depend on how they are read."""
    for start in range(0, len(vectors), _CHUNK):
        yield np.asarray(vectors[start : start + _CHUNK], dtype=np.float32)


def _sample(vectors: Vectors, seed: int) -> NDArray[np.float32]:
    n = len(vectors)
    if n <= _FIT_ROWS:
        return np.asarray(vectors[0:n], dtype=np.float32)
    rows = np.random.default_rng(seed).choice(n, _FIT_ROWS, replace=False)
    return np.asarray(vectors[np.sort(rows).astype(np.int64)], dtype=np.float32)


def _padded(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, d) with columns of zeros up to whole bytes."""
    return np.ascontiguousarray(np.pad(rows, ((0, 0), (0, -rows.shape[1] % 8))))


def _factors(
    vectors: NDArray[np.float32], rest: NDArray[np.float32], coded: NDArray[np.float32]
) -> NDArray[np.float32]:
    """float32 (n,): by how much `coded`, (n, d), has to be stretched for the dot product with the vector to be right.

    Where that is far from what brings it nearest to `rest`, as when the vector lies across what is left of it: the
    latter.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        nearest = np.einsum("nd,nd->n", rest, coded) / np.einsum("nd,nd->n", coded, coded)
        right = np.einsum("nd,nd->n", vectors, rest) / np.einsum("nd,nd->n", vectors, coded)
        factors = np.where((right > nearest / 4) & (right < nearest * 4), right, nearest)
    found: NDArray[np.float32] = np.clip(np.nan_to_num(factors, nan=1.0), 0, _LARGEST_FACTOR).astype(np.float32)
    return found
