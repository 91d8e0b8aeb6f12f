"""The matrix of wins that all aggregators read, and how answers become one.

`wins[i, j]` is how much i was preferred to j in all: 1 for every clear answer, a half to each for a tie, a probability
where the judge gives one. Pairs that were never compared are 0 both ways; the diagonal is 0.

What the first stage believes enters as virtual comparisons (`with_prior`), so that a passage that nobody compared
stands where the first stage has it, and the graph of comparisons is always connected.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput

__all__ = ["Wins", "checked", "prior_utilities", "wins_of_orders", "wins_of_pairs", "with_prior"]

Wins = NDArray[np.float64]
"""float64 (n, n); see above."""

SPREAD = 0.7
"""How fast the first stage's belief falls with the logarithm of the rank, in logits."""


def wins_of_pairs(pairs: Sequence[tuple[int, int]], preferences: Sequence[float], n: int) -> Wins:
    """Of answers to `Prefer`: pairs (first, second) of places below n, and how much the first was preferred, 0 to 1."""
    wins = np.zeros((n, n))
    if pairs:
        first, second = np.asarray(pairs, np.int64).T
        preferred = np.asarray(preferences, np.float64)
        np.add.at(wins, (first, second), preferred)
        np.add.at(wins, (second, first), 1.0 - preferred)
    return wins


def wins_of_orders(orders: Iterable[Sequence[int]], n: int) -> Wins:
    """Of answers to `Order`: places below n, best first; each wins once over every later one."""
    wins = np.zeros((n, n))
    for order in orders:
        places = np.asarray(order, np.int64)
        wins[np.ix_(places, places)] += np.triu(np.ones((len(places), len(places))), 1)
    return wins


def prior_utilities(n: int) -> NDArray[np.float64]:
    """float64 (n,): what the first stage believes of its places, in logits: -SPREAD ln(rank)."""
    return -SPREAD * np.log(1.0 + np.arange(n, dtype=np.float64))


def with_prior(wins: Wins, prior: float) -> Wins:
    """`wins` and for each passage `prior` virtual comparisons, shared out over all others, answered by the first stage.

    The first stage prefers i to j with probability sigmoid(u_i - u_j), u being `prior_utilities`.
    """
    n = len(wins)
    if n < 2 or prior == 0:
        return wins
    utilities = prior_utilities(n)
    virtual = prior / (n - 1) / (1.0 + np.exp(utilities[None, :] - utilities[:, None]))
    np.fill_diagonal(virtual, 0.0)
    return wins + virtual


def checked(wins: Wins, prior: float, where: str) -> Wins:
    """`wins`, if it is what an aggregator can read.

    Raises:
        InvalidInput: not square, negative or not finite values, a diagonal that is not 0, or a prior below 0.
    """
    if wins.ndim != 2 or wins.shape[0] != wins.shape[1]:
        raise InvalidInput(where, f"wins has the shape {wins.shape}; it must be square")
    if not np.isfinite(wins).all() or (wins < 0).any():
        raise InvalidInput(where, "wins has negative or infinite values, or NaN")
    if wins.diagonal().any():
        raise InvalidInput(where, f"place {int(wins.diagonal().argmax())} is compared with itself")
    if not 0 <= prior < np.inf:
        raise InvalidInput(where, f"prior is {prior}; it must be at least 0")
    return wins
