"""Learned codes: a linear map from bits back to vectors, and for each vector the bits that bring it nearest.

A rotation (itq.py) can only turn the cube's corners. Here W is any matrix: least squares for the codes there are, then
the codes are improved bit by bit for that W, and so on in turn. On sentence embeddings that more than halves the error
of a rotation (docs/binary.md), and a search pays nothing for it: the query is multiplied by W in either case.

    |x - centre - W b|^2 + along * (x . (x - centre - W b))^2

is what a code minimises. The second term weighs the error along the passage's own vector, where the queries that
should find it lie; where a factor corrects that part, it is left out.

Source: the descent is that of Shen et al., "Supervised Discrete Hashing", CVPR 2015, sec. 3.2; the second term that of
Guo et al., "Accelerating Large-Scale Inference with Anisotropic Vector Quantization", ICML 2020; the start is ITQ.
"""

import numpy as np
from numpy.typing import NDArray

from spaniel.index.kernels._native import refine_codes

from .itq import fit_rotation

__all__ = ["fit_weights", "nearest_rotation", "packed", "refined", "signs"]

_START_ITERATIONS = 20
_ROUNDS = 4
_SWEEPS = 2
_RIDGE = 0.01
"""Added to the second moment of the bits, which is 1 on its diagonal. The figures hardly change from .003 to .03."""


def fit_weights(
    vectors: NDArray[np.float32], rest: NDArray[np.float32], *, along: float, seed: int
) -> NDArray[np.float32]:
    """W, float32 (d, d), for vectors (n, d) of which `rest` is what is left after the centre.

    Cost: 2 s on one core for 5,000 x 384, 8 s for 20,000.
    """
    codes = packed(rest @ fit_rotation(rest, iterations=_START_ITERATIONS, seed=seed))
    weights = _least_squares(codes, rest)
    for _ in range(_ROUNDS):
        codes = refined(codes, vectors, rest, weights, along=along, sweeps=_SWEEPS)
        weights = _least_squares(codes, rest)
    return weights


def refined(
    codes: NDArray[np.uint8],
    vectors: NDArray[np.float32],
    rest: NDArray[np.float32],
    weights: NDArray[np.float32],
    *,
    along: float,
    sweeps: int = 10,
) -> NDArray[np.uint8]:
    """Codes after turning every bit that pays, in order, again and again until none does or `sweeps` are over.

    Args:
        codes: uint8 (n, D / 8).
        weights: float32 (d, D).

    Cost: 20 us a vector of 384 dimensions, on one core.
    """
    errors = rest - signs(codes) @ weights.T
    slope = np.ascontiguousarray(errors @ weights)
    nothing = np.zeros(0, np.float32)
    toward = np.ascontiguousarray(vectors @ weights) if along else nothing
    off = np.einsum("nd,nd->n", vectors, errors) if along else nothing
    better = codes.copy()
    refine_codes(better, slope, np.ascontiguousarray(weights.T @ weights), toward, off, sweeps, along)
    return better


def nearest_rotation(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The orthonormal matrix nearest to W, float32 of its shape: signs after it are where the descent starts."""
    left, _, right = np.linalg.svd(weights.astype(np.float64), full_matrices=False)
    rotation: NDArray[np.float32] = (left @ right).astype(np.float32)
    return rotation


def packed(turned: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Bits of (n, D), set where not negative: uint8 (n, D / 8), bit j % 8 of byte j // 8."""
    return np.packbits(turned >= 0, axis=1, bitorder="little")


def signs(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """-1 and +1, float32 (n, D), of codes (n, D / 8)."""
    return np.unpackbits(codes, axis=1, bitorder="little").astype(np.float32) * 2 - 1


def _least_squares(codes: NDArray[np.uint8], rest: NDArray[np.float32]) -> NDArray[np.float32]:
    """W for which W b is nearest to the vectors, a ridge added: float32 (d, D)."""
    bits, n = signs(codes), len(codes)
    moment = (bits.T @ bits).astype(np.float64) / n
    both = (bits.T @ rest).astype(np.float64) / n
    weights = np.linalg.solve(moment + _RIDGE * np.eye(len(moment)), both).T.astype(np.float32)
    return np.ascontiguousarray(weights)
