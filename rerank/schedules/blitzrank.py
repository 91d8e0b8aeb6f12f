"""All that follows from the orders of small lists, until the firsts stand in relation to everybody.

BlitzRank (Contextual AI, arXiv 2602.05448): every answered list of `size` passages goes into a graph as all its pairs,
and who beats a better one beats the worse one too (`relations.py`; a circle is a tier of equals). The next list takes
one passage of each of the tiers that are not settled, those with the fewest known betters first, then those with the
fewest known to be worse. It ends when the `top` with the fewest betters are settled.

The two tiers with the fewest betters are never related (of two related ones the worse has more betters), so that each
list tells something new, and this ends. The first n // size lists are the first stage's own and do not depend on any
answer; they are asked in one round, which the paper's code does one after another: same questions, less waiting.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spaniel.rerank.questions import Answer, Kind, Outcome, Question, Rounds, Spent
from spaniel.retrieval.errors import InvalidInput

from .listed import Orders
from .relations import Relations

__all__ = ["BlitzRank"]


@dataclass(frozen=True, slots=True)
class BlitzRank:
    """Ask until the firsts follow.

    Attributes:
        size: passages in a list, 2 or more.
        refit: when all is answered, leave the order to Bradley-Terry over all answers, as after a cut, instead of the
            method's own rule, which goes by the last answers: better with a judge that errs, not exact with one that
            does not (docs/schedules.md).

    Raises:
        InvalidInput: `size` below 2.
    """

    name: ClassVar[str] = "blitzrank"
    asks: ClassVar[Kind] = "order"
    size: int = 20
    refit: bool = False

    def __post_init__(self) -> None:
        if self.size < 2:
            raise InvalidInput("blitzrank", f"size is {self.size}; it must be at least 2")

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`.

        Cost, measured for n = 100, top = 10 and a judge without contradictions: 6 to 7 calls with lists of 20, 13 to 14
        with lists of 10; the first n // size in one round, then one after another.

        Cut, the order is `Orders.outcome`, which also orders the passages of a tier.
        """
        orders, relations = Orders(n), Relations(n)
        try:
            yield from self._settle(n, top, orders, relations)
        except Spent:
            return Outcome(orders.outcome().order)
        if self.refit:
            return Outcome(orders.outcome().order)
        better = relations.n_better()
        return Outcome(tuple(sorted(orders.outcome().order, key=lambda doc: better[doc])))

    def _settle(
        self, n: int, top: int, orders: Orders, relations: Relations
    ) -> Generator[Sequence[Question], Sequence[Answer], None]:
        lists = [list(range(at, at + self.size)) for at in range(0, n - self.size + 1, self.size)]
        while n > 1:
            for order in (yield from orders.ask(lists)):
                relations.add(order)
            better = relations.n_better()
            ranking = np.lexsort((np.arange(n), relations.n_worse(), better))
            settled = relations.settled()
            if settled[ranking[:top]].all():
                return
            # one of each tier that is not settled: its first, as the first stage has it
            tiers = relations.tiers()
            lists = [[doc for doc in ranking.tolist() if tiers[doc] == doc and not settled[doc]][: self.size]]
