"""One vector from the vectors of a text's tokens, for graphs that leave it to the caller."""

import numpy as np
from numpy.typing import NDArray

from .card import Pooling

__all__ = ["normalised", "pooled"]


def pooled(hidden: NDArray[np.float32], mask: NDArray[np.int64], pooling: Pooling) -> NDArray[np.float32]:
    """The mean of the tokens, the first or the last of them.

    Args:
        hidden: float32 (n, t, d), of every token.
        mask: int64 (n, t), 1 for tokens and 0 for padding, which is on the right.

    Returns:
        float32 (n, d).
    """
    if pooling == "cls":
        return np.asarray(hidden[:, 0])
    if pooling == "last":
        return np.asarray(hidden[np.arange(len(hidden)), mask.sum(axis=1) - 1])
    weights = mask.astype(np.float32)[:, :, None]
    return np.asarray((hidden * weights).sum(axis=1) / weights.sum(axis=1), np.float32)


def normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of length 1; a zero stays zero, and what holds NaN or infinity holds NaN."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
