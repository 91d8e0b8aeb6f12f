"""Asking pairs: what pairwise schedules share.

A schedule over pairs is written as *matches*: a generator that yields the pairs (a, b) of one round and is sent, for
each, whether a is the better. `together` runs several side by side, so that what does not depend on each other is one
round. `Preferences` asks the questions, remembers the answers and makes an order of them when the budget ends.

Who wins: an answer above a half is the first's, one below the second's. At a half (a tie, or a judge that changed its
mind when the order was turned round) the one that the first stage has first wins. That makes a total order of an exact
judge's answers, whatever the ties, and every method here finds its top.
"""

from collections.abc import Generator, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar, cast

from spaniel.rerank.aggregate.table import aggregated
from spaniel.rerank.aggregate.wins import Wins, wins_of_pairs
from spaniel.rerank.questions import Outcome, Prefer, Question, Spent, asked

__all__ = ["Matches", "Pair", "Preferences", "soonest", "together"]

T = TypeVar("T")
Pair: TypeAlias = tuple[int, int]
Matches: TypeAlias = Generator[list[Pair], Sequence[bool], T]
"""Yields the pairs of a round, is sent for each whether its first won, returns a T."""

PRIOR = 1.0
"""How much `likely` holds to the first stage. Measured on SciFact and NFCorpus: with 0.3 and a noisy judge, some orders
that are cut early fall below the first stage's; with 3 it learns half as fast."""

TIE = 1e-9
"""Closer to a half than this is a tie: the mean of two orders of one probability is a half only up to rounding."""


class Preferences:
    """The answers so far about the passages 0 to n - 1."""

    def __init__(self, n: int) -> None:
        self.n = n
        self._answers: dict[Pair, float] = {}

    def play(self, matches: Matches[T]) -> Generator[Sequence[Question], Sequence[Any], T]:
        """Ask what the matches ask, round by round; gives what they return.

        Raises:
            Spent: the budget ended; the answers that came are remembered.
        """
        try:
            pairs = next(matches)
            while True:
                pairs = matches.send((yield from self.ask(pairs)))
        except StopIteration as end:
            return cast(T, end.value)

    def ask(self, pairs: Sequence[Pair]) -> Generator[Sequence[Question], Sequence[Any], list[bool]]:
        """One round; for each pair whether its first won. No pair may stand twice in a round.

        Raises:
            Spent: as in `play`.
        """
        try:
            answers = yield from asked([Prefer(*pair) for pair in pairs])
        except Spent as spent:
            self._remember(pairs, spent.answers)
            raise
        self._remember(pairs, answers)
        return [_won(pair, cast(float, answer)) for pair, answer in zip(pairs, answers, strict=True)]

    def _remember(self, pairs: Sequence[Pair], answers: Sequence[Any]) -> None:
        for (first, second), answer in zip(pairs, answers, strict=False):  # fewer answers where the budget ended
            self._answers[min(first, second), max(first, second)] = answer if first < second else 1.0 - answer

    def wins(self) -> Wins:
        """float64 (n, n): every pair that was answered counts once (see `aggregate/wins.py`)."""
        return wins_of_pairs(list(self._answers), list(self._answers.values()), self.n)

    def by_place(self, heads: Sequence[int]) -> Outcome:
        """`heads`, which are known, then the others as the first stage has them."""
        found = set(heads)
        return Outcome((*heads, *(place for place in range(self.n) if place not in found)))

    def by_wins(self, heads: Sequence[int] = (), *, refit: bool = False) -> Outcome:
        """`heads`, which are known, then the others by `likely`; `refit` puts the heads in that order, too."""
        found, likely = set(heads), self.likely()
        first = [place for place in likely if place in found] if refit else heads
        return Outcome((*first, *(place for place in likely if place not in found)))

    def likely(self) -> tuple[int, ...]:
        """All places in the order most likely after all answers so far: Bradley-Terry, the first stage being the prior.

        What was never compared stands where the first stage has it. O(n^3).
        """
        return self.fitted().order

    def fitted(self, aggregate: str = "bradley-terry") -> Outcome:
        """`likely`, with its scores if they are what `aggregate` gives: those of two methods cannot be compared."""
        told = aggregated(self.wins(), "bradley-terry", prior=PRIOR)
        return told if aggregate == "bradley-terry" else Outcome(told.order)


def together(parts: Iterable[Matches[T]]) -> Matches[list[T]]:
    """Matches that do not depend on each other, side by side: a round has the pairs of all that still go on.

    Pairs of earlier parts come first: they are answered when the budget ends within the round. Gives what the parts
    return, in their order.
    """
    results: dict[int, T] = {}
    asking: dict[int, tuple[Matches[T], list[Pair]]] = {}
    for at, part in enumerate(parts):
        _step(part, None, at, asking, results)
    while asking:
        won = iter((yield [pair for _, pairs in asking.values() for pair in pairs]))
        for at, (part, pairs) in list(asking.items()):
            _step(part, [next(won) for _ in pairs], at, asking, results)
    return [results[at] for at in sorted(results)]


def soonest(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs of one round in the order in which they should be asked, were the budget to end within it.

    By the product of their ranks: what is near the top is worth knowing, and so is how it stands to all others.
    """
    return sorted(pairs, key=lambda pair: ((pair[0] + 1) * (pair[1] + 1), pair))


def _step(
    part: Matches[T],
    won: list[bool] | None,
    at: int,
    asking: dict[int, tuple[Matches[T], list[Pair]]],
    results: dict[int, T],
) -> None:
    """Send one part what it asked for; it then asks on, or has its result."""
    try:
        asking[at] = (part, next(part) if won is None else part.send(won))
    except StopIteration as end:
        asking.pop(at, None)
        results[at] = end.value


def _won(pair: Pair, answer: float) -> bool:
    """Whether the first of the pair won; a tie goes to the one that the first stage has first."""
    return pair[0] < pair[1] if abs(answer - 0.5) < TIE else answer > 0.5
