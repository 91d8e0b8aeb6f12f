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

The factor, a float16 a passage, sets the length of x' along x right, as RaBitQ does (Gao and Long, SIGMOD 2024,
sec. 3.2): <x - centre, x - centre> / <x - centre, x' - centre>. Without it, it is 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .itq import fit_rotation, random_rotation
from .part import Vectors
from .settings import Codes

__all__ = ["BLOCK_ROWS", "Hash", "blocks_of", "fit_hash", "n_bytes", "rows_of"]

BLOCK_ROWS = 64
"""Codes lie in blocks of this many rows, byte by byte: all first bytes, then all second bytes, and so on."""

_FIT_ROWS = 32_768
_FEW = 1_000
_CHUNK = 4_096
_SHRINK = 16
_FACTOR_LOW, _FACTOR_HIGH = 0.125, 8.0


def n_bytes(dimension: int) -> int:
    """Bytes of a code; bits beyond the dimension are 0 and mean nothing."""
    return -(-dimension // 8)


@dataclass(frozen=True, slots=True)
class Hash:
    """What was fitted.

    Attributes:
        centre: float32 (d,).
        weights: W, float32 (d, D) with D the dimension padded to whole bytes; None for the identity.
        scale: of all codes.
    """

    centre: NDArray[np.float32]
    weights: NDArray[np.float32] | None
    scale: np.float32

    @property
    def dimension(self) -> int:
        return len(self.centre)

    def encode(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Codes uint8 (n, n_bytes), bit j % 8 of byte j // 8 set where dimension j is not negative, and factors
        float32 (n,) for float32 vectors (n, d)."""
        rest = vectors - self.centre
        turned = rest if self.weights is None else rest @ self.weights
        bits = turned >= 0
        bits[:, self.dimension :] = False
        codes = np.packbits(bits, axis=1, bitorder="little")
        return codes, self._factors(rest, codes)

    def decode(self, codes: NDArray[np.uint8], factors: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """The vectors that codes (n, n_bytes) stand for: float32 (n, d)."""
        rest = self._rest(codes)
        return (rest if factors is None else rest * factors[:, None]) + self.centre

    def _rest(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        signs = np.unpackbits(codes, axis=1, bitorder="little").astype(np.float32) * 2 - 1
        turned = signs[:, : self.dimension] if self.weights is None else signs @ self.weights.T
        scaled: NDArray[np.float32] = turned * self.scale
        return scaled

    def _factors(self, rest: NDArray[np.float32], codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        along = np.einsum("nd,nd->n", rest, self._rest(codes))
        length = np.einsum("nd,nd->n", rest, rest)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            factors = np.where(along > 0, length / along, np.float32(1))
        found: NDArray[np.float32] = np.clip(np.nan_to_num(factors, nan=1.0), _FACTOR_LOW, _FACTOR_HIGH)
        return found.astype(np.float32)


def fit_hash(kind: Codes, vectors: Vectors, *, seed: int) -> Hash:
    """Fit codes of this kind on vectors, float32 (n, d), finite; on 32,768 of them, drawn at random, if there are more.

    Below 1,000 vectors there is too little to learn from, and `itq` is a random rotation.
    """
    n, d = len(vectors), vectors.shape[1]
    some = _sample(vectors, seed)
    centre = np.zeros(d, np.float32)
    if kind != "sign" and n:
        # The mean of a few passages says as much of them as of the corpus to come, so it is drawn towards 0.
        centre = (some.mean(axis=0, dtype=np.float64) * (n / (n + _SHRINK))).astype(np.float32)
    rest = some - centre
    rotation = None
    if kind == "itq" and n >= _FEW:
        rotation = fit_rotation(rest, seed=seed)
    elif kind in ("rotation", "itq"):
        rotation = random_rotation(d, seed)
    scale = np.abs(rest if rotation is None else rest @ rotation).mean(dtype=np.float64) if n else 1.0
    return Hash(centre, None if rotation is None else _padded(rotation), np.float32(scale or 1.0))


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


def _padded(rotation: NDArray[np.float32]) -> NDArray[np.float32]:
    """(d, d) with columns of zeros up to whole bytes."""
    missing = n_bytes(len(rotation)) * 8 - len(rotation)
    return np.ascontiguousarray(np.pad(rotation, ((0, 0), (0, missing))))
