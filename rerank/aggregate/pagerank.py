"""PageRank over edges from loser to winner: who is beaten lends its weight to those that beat it.

Brin and Page (Computer Networks 1998); over comparisons, Gienapp et al. (ICTIR 2022, sec. 3.3), and the default of
JointRank (Dedov, ICTIR 2025). Under noise it is the weakest of the aggregators here (docs/aggregators.md): a passage
lives on the few that lost to it, and a passage that beat one strong passage by chance inherits its weight.
"""

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput

from .rank_centrality import stationary
from .wins import Wins, checked, with_prior

__all__ = ["pagerank"]


def pagerank(wins: Wins, *, prior: float = 3.0, damping: float = 0.85) -> NDArray[np.float64]:
    """Probabilities, larger is better.

    Args:
        wins: float64 (n, n); `wins.Wins` says what it holds.
        prior: virtual comparisons of each passage, answered by the first stage (`wins.with_prior`). The papers have 0.
        damping: how often the walk follows an edge instead of going anywhere, 0 to 1, not 1.

    Returns:
        float64 (n,), sum 1. Who never lost goes anywhere.

    Raises:
        InvalidInput: `wins`, `prior` or `damping` that cannot be.

    Cost: O(n^3), one system of equations.

    Example:
        >>> pagerank(np.array([[0.0, 1], [0, 0]]), prior=0).round(3).tolist()
        [0.649, 0.351]
    """
    if not 0 <= damping < 1:
        raise InvalidInput("pagerank", f"damping is {damping}; it must be at least 0 and below 1")
    n = len(checked(wins, prior, "pagerank"))
    if n < 2:
        return np.ones(n)
    edges = with_prior(wins, prior).T  # edges[i, j]: from i to j, who beat it
    lost = edges.sum(1, keepdims=True)
    followed = np.divide(edges, lost, out=np.full((n, n), 1.0 / n), where=lost > 0)
    return stationary(damping * followed + (1.0 - damping) / n)
