"""Elo ratings: every comparison moves the winner up and the loser down, by how surprising it was.

Elo (The Rating of Chessplayers, 1978), as for chat models (Chiang et al., Chatbot Arena, 2024). It was made for
results that come one after another and depends on their order; here that order is fixed: rounds of a round-robin
tournament (the circle method), in which everybody plays once a round, so that the late comparisons, which weigh most,
are about everybody. Who has all results at hand does better with Bradley-Terry, whose stochastic gradient this is.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput

from .wins import Wins, checked, prior_utilities

__all__ = ["circle", "elo"]

LOGIT = 400.0 / np.log(10.0)
"""Points that a logit is worth."""


def elo(wins: Wins, *, prior: float = 0.3, k: float = 30.0, initial: float = 1000.0) -> NDArray[np.float64]:
    """Ratings in Elo's points (400 are odds of 10 to 1), larger is better.

    Args:
        wins: float64 (n, n); `wins.Wins` says what it holds.
        prior: how much of the first stage's utilities the ratings start with: all with 1, with 0 everybody starts at
            `initial`.
        k: points that a comparison moves at most. The comparisons of one pair are one match, of its weight.
        initial: the mean at the start.

    Returns:
        float64 (n,).

    Raises:
        InvalidInput: `wins`, `prior` or `k` that cannot be.

    Cost: O(n^2), n vectors.

    Example:
        >>> elo(np.array([[0.0, 1], [0, 0]]), prior=0).tolist()
        [1015.0, 985.0]
    """
    if not 0 < k < np.inf:
        raise InvalidInput("elo", f"k is {k}; it must be above 0")
    n = len(checked(wins, prior, "elo"))
    utilities = prior * prior_utilities(n)
    ratings: NDArray[np.float64] = initial + LOGIT * (utilities - utilities.mean() if n else utilities)
    for first, second in circle(n):
        won, lost = wins[first, second], wins[second, first]
        expected = 1.0 / (1.0 + np.exp((ratings[second] - ratings[first]) / LOGIT))
        moved = k * (won - (won + lost) * expected)
        ratings[first] += moved
        ratings[second] -= moved
    return ratings


@lru_cache(maxsize=64)
def circle(n: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rounds of (firsts, seconds): every pair of 0 to n - 1 in one of them, everybody at most once a round."""
    seats = n + n % 2
    rounds = []
    for turn in range(seats - 1):
        around = [seats - 1, *((turn + i) % (seats - 1) for i in range(seats - 1))]
        pairs = [(around[i], around[seats - 1 - i]) for i in range(seats // 2)]
        met = np.array([(min(pair), max(pair)) for pair in pairs if max(pair) < n], np.int64).reshape(-1, 2)
        rounds.append((met[:, 0], met[:, 1]))
    return rounds
