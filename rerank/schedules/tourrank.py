"""Tournaments in which groups send their best on to the next stage; points are counted over several tournaments.

Chen et al., TourRank, arXiv 2406.11678, sec. 3: of 100 passages 50 go on, then 20, 10, 5 and 2, and each stage that a
passage gets through is a point. Groups are dealt out from the ranking so far like cards, so that the strong meet late,
and shown in random order. Tournaments have nothing to do with each other and are played side by side.

For other numbers than 100 the stages are those of the series 1, 2, 5, 10, ... down to 2 that let at most two thirds
of those before go on. Equal points are told apart by what the judge said of the passages within their groups
(`listed.Orders.outcome`); the paper leaves them in first-stage order, which gives the two finalists away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from spaniel.rerank.questions import Kind, Outcome, Rounds, Spent
from spaniel.rerank.whole import MOST, check_whole
from spaniel.retrieval.errors import InvalidInput

from .listed import Orders

__all__ = ["TourRank"]

PRIOR = 2.0
"""Weight of the first stage: that of JointRank, which asks about as much of every passage."""


@dataclass(frozen=True, slots=True)
class TourRank:
    """Count the stages that a passage gets through.

    Attributes:
        tournaments: played side by side, their points added up; at most 1,000.
        group: passages in a list, at most; 4 or more.
        refit: when all is answered, leave the order to Bradley-Terry over all answers, as after a cut, instead of the
            method's own rule, which goes by the last answers: better with a judge that errs, not exact with one that
            does not (docs/schedules.md).

    Raises:
        InvalidInput: a value that cannot be.
    """

    name: ClassVar[str] = "tourrank"
    asks: ClassVar[Kind] = "order"
    tournaments: int = 2
    group: int = 20
    refit: bool = False

    def __post_init__(self) -> None:
        check_whole("tourrank", "tournaments", self.tournaments, least=1, most=MOST)
        if self.group < 4:  # up to 3.7 times as many play as go on; each group sends somebody
            raise InvalidInput("tourrank", f"group is {self.group}; it must be at least 4")

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`.

        Cost: 13 calls a tournament for n = 100 and groups of 20 (5 + 5 + 1 + 1 + 1), 185 passages read, depth 5.

        Cut, the order is `Orders.outcome`: passages of groups that were not asked keep their places.
        """
        orders = Orders(n)
        tournaments = [_Tournament(n, np.random.default_rng([seed, i])) for i in range(self.tournaments)]
        try:
            for n_on in _stages(n):
                groups = [tournament.groups(n_on, self.group) for tournament in tournaments]
                lists, shares = zip(*(group for drawn in groups for group in drawn), strict=True)
                answers = iter((yield from orders.ask(lists, shares)))
                for tournament, drawn in zip(tournaments, groups, strict=True):
                    tournament.send_on([next(answers)[:share] for _, share in drawn])
        except Spent:
            return Outcome(orders.outcome(prior=PRIOR).order)
        told = orders.outcome(prior=PRIOR).order
        if self.refit:
            return Outcome(told)
        points = sum((tournament.points for tournament in tournaments), np.zeros(n))
        return Outcome(tuple(sorted(told, key=lambda doc: -points[doc])))


class _Tournament:
    """One tournament.

    Attributes:
        points: float64 (n,).
        alive: who is still in it, by points, then in first-stage order.
    """

    def __init__(self, n: int, draw: np.random.Generator) -> None:
        self.points: NDArray[np.float64] = np.zeros(n)
        self.alive = list(range(n))
        self.draw = draw

    def groups(self, n_on: int, size: int) -> list[tuple[list[int], int]]:
        """Deal out who is alive; each group with how many of it go on."""
        n_groups = _number_of_groups(len(self.alive), n_on, size)
        shares = [n_on // n_groups + (i < n_on % n_groups) for i in range(n_groups)]
        dealt = [np.asarray(self.alive[i::n_groups]) for i in range(n_groups)]
        return [(self.draw.permutation(group).tolist(), share) for group, share in zip(dealt, shares, strict=True)]

    def send_on(self, winners: Sequence[Sequence[int]]) -> None:
        """A point for each winner of each group; they are alive."""
        on = sorted(doc for group in winners for doc in group)
        self.points[on] += 1
        self.alive = on


def _stages(n: int) -> list[int]:
    """How many go on, stage by stage: 50, 20, 10, 5, 2 of 100."""
    series = [(1, 2, 5)[i % 3] * 10 ** (i // 3) for i in range(1, 3 * len(str(n)))]
    stages, left = [], n
    for n_on in reversed(series):
        if 3 * n_on <= 2 * left:
            stages.append(n_on)
            left = n_on
    return [1] if n == 2 else stages


def _number_of_groups(n: int, n_on: int, size: int) -> int:
    """As few as are no larger than `size`, all alike where that takes at most twice as many."""
    least = -(-n // size)
    even = [count for count in range(least, min(2 * least, n_on) + 1) if gcd(n, n_on) % count == 0]
    return min(even, default=least)
