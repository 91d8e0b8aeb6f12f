"""KwikSort: quicksort over preferences that need not be transitive.

Ailon, Charikar and Newman (Aggregating inconsistent information, JACM 2008, sec. 3): pick a pivot at random, put
those preferred to it before it and the others behind, and go on in both parts; the expected disagreement is within a
constant of the best possible, where every pair was compared. A pair that was not, or was a tie, keeps the first-stage
order; on sparse comparisons most pairs are decided so, and other aggregators are better.

Passages are sorted by their places in the result. (A published code pairs the passages with the inverse permutation
instead, and loses what it has sorted.)
"""

import numpy as np
from numpy.typing import NDArray

from .wins import Wins, checked, with_prior

__all__ = ["kwiksort"]


def kwiksort(wins: Wins, *, prior: float = 1.0, seed: int = 0) -> NDArray[np.float64]:
    """n for the first, 1 for the last.

    Args:
        wins: float64 (n, n); `wins.Wins` says what it holds.
        prior: virtual comparisons of each passage, answered by the first stage (`wins.with_prior`).
        seed: of the pivots.

    Returns:
        float64 (n,): whole numbers, each once.

    Raises:
        InvalidInput: `wins` or `prior` that cannot be.

    Cost: O(n log n) comparisons expected, O(n^2) at worst.

    Example:
        >>> kwiksort(np.array([[0.0, 0, 1], [1, 0, 2], [0, 0, 0]]), prior=0).tolist()
        [2.0, 3.0, 1.0]
    """
    wins = with_prior(checked(wins, prior, "kwiksort"), prior)
    n = len(wins)
    balance = np.round(wins - wins.T, 9)
    rng = np.random.default_rng(seed)
    order: list[int] = []
    parts = [np.arange(n)]
    while parts:
        part = parts.pop()
        if len(part) < 2:
            order += part.tolist()
            continue
        pivot = part[rng.integers(len(part))]
        over = balance[part, pivot]
        before = (over > 0) | ((over == 0) & (part < pivot))
        behind = ~before & (part != pivot)
        parts += [part[behind], part[part == pivot], part[before]]  # the last is taken first
    scores = np.zeros(n)
    scores[order] = np.arange(n, 0, -1)
    return scores
