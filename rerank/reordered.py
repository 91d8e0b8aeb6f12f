"""A ranking whose first passages stand in a new order."""

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.types import Ranking

from .questions import Outcome

__all__ = ["reordered", "scores_of"]

_LOWEST = np.float32(-np.inf)
_MOST = float(np.finfo(np.float32).max) / 4  # room for what is shifted below


def reordered(ranking: Ranking, outcome: Outcome) -> Ranking:
    """The ranking with its first len(outcome.order) passages in the outcome's order; the others stay behind.

    Scores are `scores_of(outcome)` as float32, and behind them the ranking's own, shifted to begin 1 below the last of
    those. A score that would put passages of the new order the wrong way round (a tie whose later one has the smaller
    ordinal, a rounding) is written one representable step lower.
    """
    n = len(outcome.order)
    if not n:
        return ranking
    order = np.array(outcome.order, np.int64)
    new = scores_of(outcome).clip(-_MOST, _MOST)
    behind = ranking.scores[n:].astype(np.float64)
    shifted = new[-1] - 1 + (behind - behind[0] if len(behind) else behind).clip(-_MOST, 0)
    ids = np.concatenate([ranking.ids[order], ranking.ids[n:]])
    return Ranking(ids, _in_order(ids, np.concatenate([new, shifted]).astype(np.float32)))


def scores_of(outcome: Outcome) -> NDArray[np.float64]:
    """float64 (n,): the outcome's scores, or n, n - 1, ..., 1 where the method gives an order alone."""
    if outcome.scores is not None:
        return outcome.scores
    return np.arange(len(outcome.order), 0, -1, dtype=np.float64)


def _in_order(ids: NDArray[np.int32], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """The scores, lowered where they would not give this order: falling, equal ones by ascending ordinal."""
    fine = (scores[1:] < scores[:-1]) | ((scores[1:] == scores[:-1]) & (ids[1:] > ids[:-1]))
    for place in (np.flatnonzero(~fine) + 1).tolist():
        while place < len(scores) and not _follows(ids, scores, place):
            scores[place] = np.nextafter(scores[place - 1], _LOWEST)
            place += 1
    return scores


def _follows(ids: NDArray[np.int32], scores: NDArray[np.float32], place: int) -> bool:
    before, here = scores[place - 1], scores[place]
    return bool(here < before or (here == before and ids[place] > ids[place - 1]))
