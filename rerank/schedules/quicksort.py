"""Quicksort in batches: everything is compared with one pivot in one round.

Wisznia et al., Are Optimal Algorithms Still Optimal?, arXiv 2505.24643: counted in batches and not in comparisons,
quicksort beats heapsort from two comparisons a batch on. The pivot is the median of three; only what can hold one of
the first `top` is sorted on, and both sides of a pivot at the same time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
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
        one of 3, 1 for one of 2; two calls a pair in both orders. The first 10 of 100: some 200 pairs in 10 to 20
        rounds.

        Cut, it returns the stretches that are parted, each in the order most likely after all answers.
        """
        seen, sorting = Preferences(n), _Sorting(list(range(n)), set())
        try:
            yield from seen.play(sorting.sorted(0, n, top))
        except Spent:
            return Outcome(sorting.with_stretches_by(seen.likely()))
        return Outcome(tuple(sorting.order))


@dataclass(slots=True)
class _Sorting:
    """A list being sorted in place.

    Attributes:
        order: as far as it is.
        settled: positions whose passage will not move again.
    """

    order: list[int]
    settled: set[int]

    def sorted(self, low: int, high: int, wanted: int) -> Matches[None]:
        """Sort order[low:high] as far as its first `wanted`."""
        stretch = self.order[low:high]
        if len(stretch) < 2 or wanted < 1:
            return
        if len(stretch) == 2:
            (first_won,) = yield [(stretch[0], stretch[1])]
            self.order[low:high] = stretch if first_won else stretch[::-1]
            self.settled |= {low, low + 1}
            return
        pivot, beats_it = yield from _median(stretch[0], stretch[(len(stretch) - 1) // 2], stretch[-1])
        others = [place for place in stretch if place not in beats_it and place != pivot]
        if others:
            beats_it |= dict(zip(others, (yield [(place, pivot) for place in others]), strict=True))
        better = [place for place in stretch if place != pivot and beats_it[place]]
        worse = [place for place in stretch if place != pivot and not beats_it[place]]
        self.order[low:high] = [*better, pivot, *worse]
        middle = low + len(better)
        self.settled.add(middle)
        if others:  # three are as far as they can be
            rest = wanted - len(better) - 1
            yield from together([self.sorted(low, middle, wanted), self.sorted(middle + 1, high, rest)])

    def with_stretches_by(self, likely: Sequence[int]) -> tuple[int, ...]:
        """The order, what lies between settled positions put into the order of `likely`."""
        rank, order = {place: at for at, place in enumerate(likely)}, list[int]()
        for before, settled in pairwise([-1, *sorted(self.settled), len(self.order)]):
            order += sorted(self.order[before + 1 : settled], key=rank.__getitem__)
            order += self.order[settled : settled + 1]
        return tuple(order)


def _median(a: int, b: int, c: int) -> Matches[tuple[int, dict[int, bool]]]:
    """The middle one of three, and whether each of the two others beats it. In a circle, the middle one is b."""
    a_beats_b, b_beats_c, a_beats_c = yield [(a, b), (b, c), (a, c)]
    if a_beats_b == b_beats_c:
        return b, {a: a_beats_b, c: not b_beats_c}
    if a_beats_b != a_beats_c:
        return a, {b: not a_beats_b, c: not a_beats_c}
    return c, {a: a_beats_c, b: b_beats_c}
