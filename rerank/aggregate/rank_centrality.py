"""Rank Centrality: how often a walk that goes from each passage to those that beat it comes by.

Negahban, Oh and Shah (Iterative ranking from pair-wise comparisons, NIPS 2012, sec. 2): from i to j with probability
a_ij / d, where a_ij is the share of the comparisons of the two that j won and d the largest number of others that
anybody was compared with; the walk stays where it is with what is left. Under Bradley-Terry's model with enough
answers, what it comes to are the utilities' exponentials. The stationary distribution is solved for, not iterated, so
the result does not hang on a tolerance; both directions of a pair come from one matrix, so none gets the other's share.
"""

import numpy as np
from numpy.typing import NDArray

from .wins import Wins, checked, with_prior

__all__ = ["rank_centrality", "stationary"]

FLAT = 1e-9
"""Weight of a step to anywhere, so that there is one answer where the comparisons fall apart into groups."""


def rank_centrality(wins: Wins, *, prior: float = 3.0) -> NDArray[np.float64]:
    """Logarithms of the stationary probabilities times n, larger is better.

    Args:
        wins: float64 (n, n); `wins.Wins` says what it holds.
        prior: virtual comparisons of each passage, answered by the first stage (`wins.with_prior`); beside a pair that
            was compared, which counts as one however often, they weigh as much as their number.

    Returns:
        float64 (n,).

    Raises:
        InvalidInput: `wins` or `prior` that cannot be.

    Cost: O(n^3), one system of equations.

    Example:
        >>> rank_centrality(np.array([[0.0, 3], [1, 0]]), prior=0).round(3).tolist()  # 3/4 and 1/4, times 2
        [0.405, -0.693]
    """
    n = len(checked(wins, prior, "rank_centrality"))
    if n < 2:
        return np.zeros(n)
    total = wins + wins.T
    share = np.divide(wins, total, out=np.zeros_like(wins), where=total > 0)
    steps = with_prior(share, prior).T  # steps[i, j]: from i to j, who beat it
    steps += FLAT / n
    np.fill_diagonal(steps, 0.0)
    reach = (steps + steps.T).sum(1).max()
    steps /= reach
    np.fill_diagonal(steps, 1.0 - steps.sum(1))
    logarithms: NDArray[np.float64] = np.log(stationary(steps) * n)
    return logarithms


def stationary(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 (n,), positive, sum 1: p with p @ steps == p, for a chain (rows sum to 1) that gets everywhere.

    By elimination of one state after another (Grassmann, Taksar and Heyman, Operations Research 1985): no subtraction,
    so that small probabilities are as exact as large ones.
    """
    rates = steps.copy()
    for last in range(len(rates) - 1, 0, -1):
        rates[:last, last] /= rates[last, :last].sum()
        rates[:last, :last] += np.outer(rates[:last, last], rates[last, :last])
    visits = np.ones(len(rates))
    for state in range(1, len(rates)):
        visits[state] = visits[:state] @ rates[:state, state]
    probabilities: NDArray[np.float64] = visits / visits.sum()
    return probabilities
