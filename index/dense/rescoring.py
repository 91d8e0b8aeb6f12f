"""One ranking out of the candidates of several segments: merge, score the best again, keep the rest below them.

What comes first does not depend on how many are asked for: the best `candidates` by estimate are always the ones that
are scored again, so that a smaller k gives a prefix of a larger one.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .part import Found

__all__ = ["Scoring", "below", "followed", "in_order", "merged", "rescored"]

Scoring = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""int64 (n,) ordinals -> float32 (n,) better scores, in that order."""


def merged(
    ids: NDArray[np.int64], scores: NDArray[np.float32], most: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The best `most` of these, by descending score, ties by ascending ordinal; both (n,) in, both (m,) out."""
    order = np.lexsort((ids, -scores))[:most]
    return ids[order], scores[order]


def rescored(
    ids: NDArray[np.int64], estimates: NDArray[np.float32], candidates: int, scoring: Scoring
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The first `candidates` by better scores, then the others as they were, their scores moved below.

    Args:
        ids, estimates: both (n,), best first, as `merged` gives them.

    Returns:
        int64 (n,), float32 (n,): by descending score, ties by ascending ordinal.
    """
    head = ids[:candidates]
    top, scores = merged(head, scoring(head), len(head))
    rest = ids[candidates:]
    if len(rest) == 0:
        return top, scores
    lowered = below(scores[-1], rest, estimates[candidates:])
    return np.concatenate([top, rest]), np.concatenate([scores, lowered])


def below(floor: np.float32, ids: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """The scores, all moved down by one amount so that the first lies below `floor`; as they are if it does already.

    Args:
        ids, scores: both (n,), by descending score, ties by ascending ordinal.

    Returns:
        float32 (n,), still in this order: where rounding makes a tie that would be in the wrong order, the later one
        goes down to the next number. No value depends on those after it.
    """
    if len(scores) == 0 or scores[0] < floor:
        return scores
    # The difference first: it is 0 for the first score, which so lands exactly below the floor, however near 0 that is.
    moved = ((scores.astype(np.float64) - float(scores[0])) + float(_next_below(floor))).astype(np.float32)
    return in_order(ids, moved)


def followed(found: Found, more: Found) -> Found:
    """All of `found`, then what is new in `more`, its scores moved below."""
    if not len(found.rows):
        return more
    new = ~np.isin(more.rows, found.rows)
    scores = below(found.scores[-1], more.rows[new], more.scores[new])
    return Found(np.concatenate([found.rows, more.rows[new]]), np.concatenate([found.scores, scores]))


def in_order(ids: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """The scores, each at most as high as the order of the ids allows after the one before it: float32 (n,)."""
    wrong = (scores[1:] > scores[:-1]) | ((scores[1:] == scores[:-1]) & (ids[1:] < ids[:-1]))
    if not wrong.any():
        return scores
    kept = scores.copy()
    for place in range(int(np.argmax(wrong)) + 1, len(kept)):
        highest = kept[place - 1] if ids[place] > ids[place - 1] else _next_below(kept[place - 1])
        kept[place] = min(kept[place], highest)
    return kept


def _next_below(score: np.float32) -> np.float32:
    return np.float32(np.nextafter(np.float32(score), np.float32(-np.inf)))
