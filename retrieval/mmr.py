"""Maximal marginal relevance: an order in which each passage is relevant and unlike those before it.

Carbonell and Goldstein, SIGIR 1998: take next the passage with the greatest
`weight * relevance - (1 - weight) * max similarity to a passage already taken`. Greedy; the first is the most relevant.
"""

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidInput

__all__ = ["checked_weight", "mmr"]


def mmr(
    relevance: NDArray[np.floating], vectors: NDArray[np.float32], *, weight: float = 0.7, k: int | None = None
) -> NDArray[np.int64]:
    """Places in the order in which they are taken: int64 (min(k, n),).

    Args:
        relevance: float (n,), best scaled to 0..1 like the similarities it is weighed against.
        vectors: float32 (n, d), of length 1; similarities are their dot products, those below 0 count as 0.
        weight: of relevance, 0 to 1; 1 keeps the order of relevance.
        k: how many to take; all by default.

    Ties go to the smaller place. Cost: O(k n d).

    Raises:
        InvalidInput: a weight out of range, or arrays that do not fit.

    Example:
        >>> twins = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
        >>> mmr(np.array([1.0, 0.9, 0.5]), twins, weight=0.5).tolist()
        [0, 2, 1]
    """
    n = len(relevance)
    checked_weight(weight)
    if relevance.shape != (n,) or vectors.ndim != 2 or len(vectors) != n:
        raise InvalidInput("mmr", f"relevance {relevance.shape} and vectors {vectors.shape}; must be (n,) and (n, d)")
    wanted = n if k is None else min(k, n)
    closest = np.zeros(n)
    wide = vectors.astype(np.float64)
    left = weight * relevance.astype(np.float64)
    taken = np.empty(wanted, np.int64)
    for rank in range(wanted):
        place = int(np.argmax(left - (1.0 - weight) * closest))
        taken[rank] = place
        left[place] = -np.inf
        similarity = np.einsum("nd,d->n", wide, wide[place])
        np.maximum(closest, similarity, out=closest)
    return taken


def checked_weight(weight: float) -> float:
    """The weight of relevance, itself.

    Raises:
        InvalidInput: not between 0 and 1.
    """
    if not 0 <= weight <= 1:
        raise InvalidInput("mmr", f"weight is {weight}; it must lie between 0 and 1")
    return weight
