"""From a schedule's questions to what the judge is shown, and from what it says back to answers.

One class for each way: a score by itself; a preference in both orders, in one order chosen at random or as asked; an
order; and preferences and orders of a judge that only scores, which cost a call for each passage and no more.

Showing a pair both ways and taking the mean, (p + 1 - p')/2, cancels what the place in the prompt does to the answer
(Qin et al., arXiv 2306.17563); one random order turns it into noise of mean zero at half the cost (arXiv 2605.14236).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, Protocol, TypeAlias, cast

from .judges.by_scores import order_of, preference
from .questions import Answer, Kind, Order, Prefer, Question, Score

__all__ = ["Asking", "BothOrders", "Known", "Shown", "asking_for", "number_of"]

BothOrders: TypeAlias = Literal["both", "random", "given"]

Shown: TypeAlias = tuple[tuple[int, ...], int | None]
"""The places that a call shows, in this order, and how many firsts are wanted of an order."""

Known: TypeAlias = Mapping[Shown, Answer]
"""What the judge said: of a pair, that the one shown first is better; of an order, places of passages."""


class Asking(Protocol):
    """How one kind of question reaches a judge."""

    def needs(self, question: Question) -> tuple[Shown, ...]:
        """The calls that it takes."""
        ...

    def answer(self, question: Question, known: Known) -> Answer:
        """The answer, when all of them are known."""
        ...


def asking_for(asks: Kind, *, by_scores: bool, symmetric: bool, both_orders: BothOrders, key: str) -> Asking:
    """The way for a schedule's kind of question.

    Args:
        by_scores: the judge only scores.
        symmetric: it does not care which is shown first; a pair is shown once.
        key: seed and query; what decides the random order of a pair.
    """
    if asks == "score":
        return _ScoreAlone()
    if asks == "order":
        return _OrderByScores() if by_scores else _OrderShown()
    if by_scores:
        return _PreferByScores()
    if symmetric:
        return _PreferOnce()
    ways: dict[BothOrders, Asking] = {"both": _PreferBoth(), "random": _PreferRandom(key), "given": _PreferGiven()}
    return ways[both_orders]


def number_of(key: str) -> int:
    """A number of 63 bits that a text decides, the same on every machine."""
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little") >> 1


class _ScoreAlone:
    def needs(self, question: Question) -> tuple[Shown, ...]:
        return (((cast("Score", question).doc,), None),)

    def answer(self, question: Question, known: Known) -> Answer:
        return known[(cast("Score", question).doc,), None]


class _PreferBoth:
    def needs(self, question: Question) -> tuple[Shown, ...]:
        pair = cast("Prefer", question)
        return (((pair.first, pair.second), None), ((pair.second, pair.first), None))

    def answer(self, question: Question, known: Known) -> Answer:
        there, back = self.needs(question)
        return (cast("float", known[there]) + 1 - cast("float", known[back])) / 2


class _PreferGiven:
    def needs(self, question: Question) -> tuple[Shown, ...]:
        pair = cast("Prefer", question)
        return (((pair.first, pair.second), None),)

    def answer(self, question: Question, known: Known) -> Answer:
        return known[self.needs(question)[0]]


class _PreferOnce:
    """Each two in one order, whichever of them is asked about."""

    def needs(self, question: Question) -> tuple[Shown, ...]:
        pair = cast("Prefer", question)
        low, high = sorted((pair.first, pair.second))
        return (((low, high), None),) if self._as_they_stand(low, high) else (((high, low), None),)

    def _as_they_stand(self, low: int, high: int) -> bool:
        return True

    def answer(self, question: Question, known: Known) -> Answer:
        (shown,) = self.needs(question)
        said = cast("float", known[shown])
        return said if shown[0][0] == cast("Prefer", question).first else 1 - said


@dataclass(frozen=True, slots=True)
class _PreferRandom(_PreferOnce):
    key: str

    def _as_they_stand(self, low: int, high: int) -> bool:
        return number_of(f"{self.key} {low} {high}") & 1 == 0


class _OrderShown:
    def needs(self, question: Question) -> tuple[Shown, ...]:
        wanted = cast("Order", question)
        return ((wanted.docs, wanted.top),)

    def answer(self, question: Question, known: Known) -> Answer:
        return known[self.needs(question)[0]]


class _PreferByScores:
    def needs(self, question: Question) -> tuple[Shown, ...]:
        pair = cast("Prefer", question)
        return (((pair.first,), None), ((pair.second,), None))

    def answer(self, question: Question, known: Known) -> Answer:
        first, second = (cast("float", known[shown]) for shown in self.needs(question))
        return preference(first, second)


class _OrderByScores:
    def needs(self, question: Question) -> tuple[Shown, ...]:
        return tuple(((doc,), None) for doc in cast("Order", question).docs)

    def answer(self, question: Question, known: Known) -> Answer:
        wanted = cast("Order", question)
        places = order_of([cast("float", known[shown]) for shown in self.needs(question)], wanted.top)
        return tuple(wanted.docs[place] for place in places)
