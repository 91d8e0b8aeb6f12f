"""The greedy order: take who is preferred most on balance, forget it, and go on among the others.

Cohen, Schapire and Singer (Learning to order things, JAIR 1999, sec. 3, the algorithm Greedy-Order): the agreement
with the preferences is at least half of the best possible. The best aggregator of Gienapp et al. (ICTIR 2022) for the
probabilities of a pairwise cross-encoder.
"""

import numpy as np
from numpy.typing import NDArray

from .wins import Wins, checked, with_prior

__all__ = ["greedy"]


def greedy(wins: Wins, *, prior: float = 3.0) -> NDArray[np.float64]:
    """n for the first one taken, 1 for the last; equal balances are taken in first-stage order.

    Args:
        wins: float64 (n, n); `wins.Wins` says what it holds.
        prior: virtual comparisons of each passage, answered by the first stage (`wins.with_prior`).

    Returns:
        float64 (n,): whole numbers, each once.

    Raises:
        InvalidInput: `wins` or `prior` that cannot be.

    Cost: O(n^2).

    Example:
        >>> greedy(np.array([[0.0, 1, 1], [0, 0, 2], [0, 1, 0]]), prior=0).tolist()
        [3.0, 2.0, 1.0]
    """
    wins = with_prior(checked(wins, prior, "greedy"), prior)
    n = len(wins)
    balance = wins - wins.T
    potential = balance.sum(1)
    left = np.ones(n, np.bool_)
    scores = np.zeros(n)
    for score in range(n, 0, -1):
        best = _first_best(potential, left)
        scores[best] = score
        left[best] = False
        potential = potential - balance[:, best]
    return scores


def _first_best(potential: NDArray[np.float64], left: NDArray[np.bool_]) -> int:
    """The first of those left that have the largest potential, up to rounding."""
    rounded = np.round(np.where(left, potential, -np.inf), 9)
    return int(rounded.argmax())
