"""Where a hash layer starts: a rotation of an index's own vectors by iterative quantisation, as a linear layer.

What `codes="itq"` of the binary store fits (index/dense/itq.py), with the centre as the layer's bias. With fewer bits
than dimensions the vectors are first reduced to their principal directions, as in the paper (Gong and Lazebnik, CVPR
2011, sec. 2.1). The layer is scaled so that what it gives is about 1 in each dimension, where the tanh in training
bends; signs do not see that.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from spaniel.index.dense.hashing import fit_hash
from spaniel.index.dense.itq import fit_rotation, random_rotation
from spaniel.index.dense.part import Vectors
from spaniel.retrieval.errors import InvalidInput

__all__ = ["HashStart", "codes_stand_for", "hash_start"]

_ENOUGH = 1_000
"""Vectors below which there is too little to learn a rotation from; the binary store has the same bound."""


@dataclass(frozen=True, slots=True)
class HashStart:
    """A linear layer.

    Attributes:
        weight: float32 (d, D).
        bias: float32 (D,).
        stretch: how much longer a vector is behind the layer than before it, where none of its dimensions is lost.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    stretch: float


def hash_start(vectors: NDArray[np.float32], *, bits: int = 0, seed: int = 0) -> HashStart:
    """The layer for vectors like these, float32 (n, d).

    Args:
        bits: D; 0 for as many as there are dimensions.

    Raises:
        InvalidInput: more bits than dimensions, or no vectors.

    Cost: 2 s on one core for 20,000 x 384.
    """
    n, d = vectors.shape
    if not n or not 0 <= bits <= d:
        raise InvalidInput("bits", f"{bits} bits for {n} vectors of {d} dimensions; at most one a dimension")
    centre = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    rest = vectors - centre
    weight = _principal(rest, bits) if 0 < bits < d else np.eye(d, dtype=np.float32)
    reduced = rest @ weight
    width = weight.shape[1]
    weight = weight @ (fit_rotation(reduced, seed=seed) if n >= _ENOUGH else random_rotation(width, seed))
    size = float(np.abs(rest @ weight).mean(dtype=np.float64)) or 1.0
    weight = np.ascontiguousarray(weight / size, dtype=np.float32)
    return HashStart(weight, np.asarray(-(centre @ weight), np.float32), 1 / size)


def codes_stand_for(hashed: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a binary index of these passages ranks by: the vectors, float32 (n, D), that codes and factors stand for.

    Args:
        hashed: float32 (n, D), what the passages' hash layer gave.
    """
    fitted = fit_hash("sign", cast(Vectors, hashed), factor=True, seed=0)
    codes, factors = fitted.encode(hashed)
    return fitted.decode(codes, factors.astype(np.float16).astype(np.float32))


def _principal(rest: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """The directions in which centred vectors (n, d) differ most: float32 (d, bits), orthonormal."""
    spread = (rest.T @ rest).astype(np.float64) / len(rest)
    return np.ascontiguousarray(np.linalg.eigh(spread)[1][:, ::-1][:, :bits], dtype=np.float32)
