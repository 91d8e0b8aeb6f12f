"""What follows from comparisons when who beats a better one beats the worse one too: a graph and its closure.

Passages that beat each other in a circle are one tier (a strongly connected component): equally good, as far as the
judge can tell.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["Relations"]


class Relations:
    """Who is known to be better than whom.

    Attributes:
        reach: bool (n, n), closed: `reach[i, j]` when i beats j, perhaps by way of others; every passage reaches
            itself.
    """

    def __init__(self, n: int) -> None:
        self.reach: NDArray[np.bool_] = np.eye(n, dtype=np.bool_)

    def add(self, order: Sequence[int]) -> None:
        """Each of these beats all behind it. Cost: O(n^2) for each of them that was not known to beat the next."""
        for better, worse in pairwise(order):
            if not self.reach[better, worse]:
                self.reach |= np.outer(self.reach[:, better], self.reach[worse])

    def tiers(self) -> NDArray[np.int64]:
        """int64 (n,): the first place of the tier that each passage is in."""
        tiers: NDArray[np.int64] = (self.reach & self.reach.T).argmax(1)
        return tiers

    def n_better(self) -> NDArray[np.int64]:
        """int64 (n,): how many of other tiers are known to be better; less of them for better tiers, always."""
        better: NDArray[np.int64] = (self.reach & ~self.reach.T).sum(0)
        return better

    def n_worse(self) -> NDArray[np.int64]:
        """int64 (n,): how many of other tiers are known to be worse."""
        worse: NDArray[np.int64] = (self.reach & ~self.reach.T).sum(1)
        return worse

    def settled(self) -> NDArray[np.bool_]:
        """bool (n,): how it stands to every other is known."""
        settled: NDArray[np.bool_] = (self.reach | self.reach.T).min(1)
        return settled
