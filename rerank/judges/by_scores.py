"""Preferences and orders that follow from scores.

A preference is the logistic of the difference, as the scores of cross-encoders are trained (RankNet, Burges et al.,
ICML 2005): above a half exactly when the first scores higher.
"""

from collections.abc import Sequence
from math import exp

__all__ = ["order_of", "preference"]


def preference(first: float, second: float) -> float:
    """That the first is the better one, 0 to 1; a half for equal scores, infinite ones too. `preference(a, b) +
    preference(b, a)` is 1, up to rounding."""
    if first == second:
        return 0.5
    difference = first - second
    if difference >= 0:
        return 1 / (1 + exp(-difference))
    grown = exp(difference)
    return grown / (1 + grown)


def order_of(scores: Sequence[float], top: int | None = None) -> tuple[int, ...]:
    """Places by descending score, ties as they stand; behind the `top` best, the others as they stand."""
    order = sorted(range(len(scores)), key=lambda place: -scores[place])
    if top is None or top >= len(order):
        return tuple(order)
    return (*order[:top], *sorted(order[top:]))
