"""PRP sliding-K: passes of bubble sort from the bottom; after K of them the first K are right.

Qin et al., arXiv 2306.17563, sec. 3.4; K is 10 there. It hardly moves what the first stage got right, and depends on
the first stage the more for it. The driver's cache answers neighbours that meet again in a later pass: near half of
all, where the whole list is sorted (Wisznia et al., arXiv 2505.24643).

A pass needs of the one before only that it is two steps ahead, so the passes can follow each other up the list
(`overlap`): the same pairs and the same order at the end, in n + K - 2 rounds and not K (n - 1) - K (K - 1) / 2.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from spaniel.rerank.questions import Kind, Outcome, Rounds, Spent
from spaniel.retrieval.errors import InvalidInput

from .preferences import Matches, Pair, Preferences

__all__ = ["Sliding"]


@dataclass(frozen=True, slots=True)
class Sliding:
    """Bubble passes from the bottom.

    Attributes:
        passes: K; None for as many as firsts have to be right.
        overlap: passes follow each other up the list, for who has no budget and wants to wait less. Without, one after
            the other as in the paper: the same calls, many times the rounds, but a budget that ends early has finished
            some passes and not just begun all.
    """

    name: ClassVar[str] = "sliding"
    asks: ClassVar[Kind] = "prefer"

    passes: int | None = None
    overlap: bool = False

    def __post_init__(self) -> None:
        if self.passes is not None and self.passes < 1:
            raise InvalidInput("sliding", f"passes is {self.passes}; it must be at least 1")

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`. Cost for K passes: K (n - 1) - K (K - 1) / 2 pairs asked, those that were asked before
        answered by the cache; two calls a pair in both orders. 100 passages, 10 passes: 945 pairs.

        Cut, it returns the list as it stands.
        """
        passes = min(self.passes or top, max(n - 1, 0))
        seen, order = Preferences(n), list(range(n))
        steps = _overlapping(n, passes) if self.overlap else _in_turn(n, passes)
        with suppress(Spent):
            yield from seen.play(_bubbled(order, steps))
        return Outcome(tuple(order))


def _in_turn(n: int, passes: int) -> list[list[int]]:
    """Rounds of upper positions to compare with the one below: one pass, then the next, each one shorter."""
    return [[upper] for done in range(passes) for upper in reversed(range(done, n - 1))]


def _overlapping(n: int, passes: int) -> list[list[int]]:
    """The same steps, each as early as the pass before allows: pass p is at position n - 2 - (round - 2 p)."""
    n_rounds = n - 1 + (passes - 1) if passes else 0
    rounds = [[n - 2 - (at - 2 * done) for done in range(passes)] for at in range(n_rounds)]
    return [[upper for done, upper in enumerate(row) if done <= upper <= n - 2] for row in rounds]


def _bubbled(order: list[int], steps: list[list[int]]) -> Matches[None]:
    """Take the steps, in place; those of one round share no position."""
    for uppers in steps:
        pairs: list[Pair] = [(order[upper], order[upper + 1]) for upper in uppers]
        won = yield pairs
        for upper, stays in zip(uppers, won, strict=True):
            if not stays:
                order[upper], order[upper + 1] = order[upper + 1], order[upper]
