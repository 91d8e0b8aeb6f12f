"""Rankings that hold places instead of scores.

A reranker whose method tells an order and nothing else scores n passages n, n - 1, ..., 1. That is enough to read them
and to fuse them by rank; a threshold, a calibration or a weighted sum would take the distances for something they are
not. Nothing in a `Ranking` says what its scores are, so that these are known by how they look.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from .types import Ranking

__all__ = ["FEWEST", "holds_places", "warn_of_places"]

FEWEST = 5
"""Fewer passages than this may well have scores that look like places."""


def holds_places(ranking: Ranking) -> bool:
    """Whether the first n passages score n, n - 1, ..., 1, n being the first one's score, or begin to.

    n is at least `FEWEST`, and so are the passages that are there. Behind the n, others may have scores below.

    Example:
        >>> holds_places(Ranking.of([4, 2, 7, 1, 9], [5, 4, 3, 2, 1])), holds_places(Ranking.of([4, 2], [0.9, 0.5]))
        (True, False)
    """
    if len(ranking) < FEWEST or ranking.scores[0] < FEWEST:
        return False
    head = ranking.scores[: int(ranking.scores[0])]
    return bool((head == head[0] - np.arange(len(head))).all() and head[0] % 1 == 0)


def warn_of_places(where: str, rankings: Sequence[Ranking]) -> None:
    """Warn (`UserWarning`) if one of the rankings holds places; `where` is who takes them for scores."""
    if any(map(holds_places, rankings)):
        said = "places (n, n - 1, ...), not scores: take a schedule that scores, such as pointwise, or fuse by rrf"
        warnings.warn(f"{where}: these rankings hold {said}", stacklevel=3)
