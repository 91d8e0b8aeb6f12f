"""Quicksort in batches: everything is compared with one pivot in one round.

Wisznia et al., Are Optimal Algorithms Still Optimal?, arXiv 2505.24643: counted in batches and not in comparisons,
quicksort beats heapsort from two comparisons a batch on. The pivot is the median of three; only what can hold one of
the first `top` is sorted on, and both sides of a pivot at the same time.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from spaniel.rerank.questions import Kind, Outcome, Rounds, Spent

from .preferences import Matches, Preferences, together

__all__ = ["Quicksort"]


@dataclass(frozen=True, slots=True)
class Quicksort:
    """The first `top` sorted; behind them, the others as far as the pivots told them apart."""

    name: ClassVar[str] = "quicksort"
    asks: ClassVar[Kind] = "prefer"

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`. Cost: m pairs in two rounds for every stretch of m > 3 passages that is parted, 3 for
        one of 3, 1 for one of 2; two calls a pair in both orders. A full sort takes about 1.9 n log2(n) less n / 2
        pairs, the first 10 of 100 some 200 pairs in 15 to 20 rounds.

        Cut, it returns the stretches as far as they are parted.
        """
        seen, order = Preferences(n), list(range(n))
        with suppress(Spent):
            yield from seen.play(_sorted(order, 0, n, top))
        return Outcome(tuple(order))


def _sorted(order: list[int], low: int, high: int, wanted: int) -> Matches[None]:
    """Sort order[low:high] in place, as far as its first `wanted`."""
    if high - low < 2 or wanted < 1:
        return
    if high - low == 2:
        (first_won,) = yield [(order[low], order[low + 1])]
        order[low:high] = order[low:high] if first_won else order[low:high][::-1]
        return
    pivot, beats_it = yield from _median(order[low], order[(low + high - 1) // 2], order[high - 1])
    others = [place for place in order[low:high] if place not in beats_it and place != pivot]
    if others:
        won = yield [(place, pivot) for place in others]
        beats_it |= dict(zip(others, won, strict=True))
    better = [place for place in order[low:high] if place != pivot and beats_it[place]]
    worse = [place for place in order[low:high] if place != pivot and not beats_it[place]]
    order[low:high] = [*better, pivot, *worse]
    if not others:
        return  # three, in order
    middle = low + len(better)
    yield from together(
        [_sorted(order, low, middle, wanted), _sorted(order, middle + 1, high, wanted - len(better) - 1)]
    )


def _median(a: int, b: int, c: int) -> Matches[tuple[int, dict[int, bool]]]:
    """The middle one of three, and whether each of the two others beats it. In a circle, the middle one is b."""
    a_beats_b, b_beats_c, a_beats_c = yield [(a, b), (b, c), (a, c)]
    if a_beats_b == b_beats_c:
        return b, {a: a_beats_b, c: not b_beats_c}
    if a_beats_b != a_beats_c:
        return a, {b: not a_beats_b, c: not a_beats_c}
    return c, {a: a_beats_c, b: b_beats_c}
