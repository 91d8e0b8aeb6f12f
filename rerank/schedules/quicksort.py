"""Quicksort in batches: everything is compared with one pivot in one round.

Wisznia et al., Are Optimal Algorithms Still Optimal?, arXiv 2505.24643: counted in batches and not in comparisons,
quicksort beats heapsort from two comparisons a batch on. The pivot is the median of three; only what can hold one of
the first `top` is sorted on, and both sides of a pivot at the same time. A judge without an order in mind, one that
always says "the first" and is not asked both ways, takes the square of calls: n^2 / 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

from spaniel.rerank.questions import Kind, Outcome, Rounds, Spent

from .preferences import Matches, Pair, Preferences

__all__ = ["Quicksort"]

MANY = 100
"""Up to here the median of three is kept to, however it cuts: the worst orders of a hundred are cheap still."""


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
            yield from seen.play(sorting.sorted(top))
        except Spent:
            return Outcome(sorting.with_stretches_by(seen.likely()))
        return Outcome(tuple(sorting.order))


@dataclass(slots=True)
class _Cut:
    """A stretch of the order that is being parted.

    Attributes:
        low: where it begins.
        places: what stands there, as the order has them.
        wanted: as far as so many firsts it has to be sorted.
        lopsided: many are left, and the cut before took less than an eighth off.
        pivot: chosen by the first pairs.
        beats: of those compared with the pivot, whether they beat it.
    """

    low: int
    places: list[int]
    wanted: int
    lopsided: bool = False
    pivot: int = -1
    beats: dict[int, bool] = field(default_factory=dict)

    def trio(self) -> tuple[int, int, int]:
        """The first, the middle and the last, whose median will be the pivot. Where they are the wrong ones again and
        again (some orders of hundreds of passages take the square of calls), those at the quarters."""
        n = len(self.places)
        at = (n // 4, n // 2, 3 * n // 4) if self.lopsided else (0, (n - 1) // 2, n - 1)
        return self.places[at[0]], self.places[at[1]], self.places[at[2]]

    def firsts(self) -> list[Pair]:
        """The pairs that choose the pivot; the only one of two."""
        first, middle, last = self.trio()
        return [(first, last)] if len(self.places) == 2 else [(first, middle), (middle, last), (first, last)]

    def choose(self, won: Sequence[bool]) -> None:
        """Take their answers."""
        first, middle, last = self.trio()
        self.pivot, self.beats = (last, {first: won[0]}) if len(self.places) == 2 else _median(first, middle, last, won)

    def others(self) -> list[int]:
        """Those that were not compared with the pivot yet."""
        return [place for place in self.places if place not in self.beats and place != self.pivot]


@dataclass(slots=True)
class _Sorting:
    """A list being sorted in place.

    Attributes:
        order: as far as it is.
        settled: positions whose passage will not move again.
    """

    order: list[int]
    settled: set[int]

    def sorted(self, wanted: int) -> Matches[None]:
        """Sort the order as far as its first `wanted`: all stretches that are left side by side, two rounds each time.

        A list of stretches and no recursion: a judge that always says the same takes two passages off at a time, and
        is as deep as half their number.
        """
        cuts = [_Cut(0, list(self.order), wanted)]
        while cuts := [cut for cut in cuts if len(cut.places) > 1 and cut.wanted > 0]:
            won = iter((yield [pair for cut in cuts for pair in cut.firsts()]))
            for cut in cuts:
                cut.choose([next(won) for _ in cut.firsts()])
                if not cut.others():  # two or three are as far as they can be
                    self._part(cut)
            cuts = [cut for cut in cuts if cut.others()]
            won = iter((yield [(place, cut.pivot) for cut in cuts for place in cut.others()]))
            for cut in cuts:
                cut.beats |= {place: next(won) for place in cut.others()}
            cuts = [part for cut in cuts for part in self._part(cut)]

    def _part(self, cut: _Cut) -> list[_Cut]:
        """What beat the pivot, the pivot, and the others; gives both sides, to be sorted on."""
        better = [place for place in cut.places if place != cut.pivot and cut.beats[place]]
        worse = [place for place in cut.places if place != cut.pivot and not cut.beats[place]]
        self.order[cut.low : cut.low + len(cut.places)] = [*better, cut.pivot, *worse]
        middle = cut.low + len(better)
        self.settled.add(middle)
        parts = ((cut.low, better, cut.wanted), (middle + 1, worse, cut.wanted - len(better) - 1))
        n = len(cut.places)
        return [_Cut(low, part, wanted, len(part) > MANY and 8 * len(part) > 7 * n) for low, part, wanted in parts]

    def with_stretches_by(self, likely: Sequence[int]) -> tuple[int, ...]:
        """The order, what lies between settled positions put into the order of `likely`."""
        rank, order = {place: at for at, place in enumerate(likely)}, list[int]()
        for before, settled in pairwise([-1, *sorted(self.settled), len(self.order)]):
            order += sorted(self.order[before + 1 : settled], key=rank.__getitem__)
            order += self.order[settled : settled + 1]
        return tuple(order)


def _median(a: int, b: int, c: int, won: Sequence[bool]) -> tuple[int, dict[int, bool]]:
    """The middle one of three, and whether each of the two others beats it. In a circle, the middle one is b.

    Args:
        won: whether a beats b, b beats c, and a beats c.
    """
    a_beats_b, b_beats_c, a_beats_c = won
    if a_beats_b == b_beats_c:
        return b, {a: a_beats_b, c: not b_beats_c}
    if a_beats_b != a_beats_c:
        return a, {b: not a_beats_b, c: not a_beats_c}
    return c, {a: a_beats_c, b: b_beats_c}
