"""What the listwise schedules share: asking for orders, and one order out of all that was answered.

A schedule that is cut has the orders of a few lists and none of everything. What it then knows is put together by
Bradley-Terry with the first stage as prior (`aggregate/bradley_terry.py`): a passage that beat many, or good ones,
rises; one that was never shown stays about where the first stage has it.
"""

from collections.abc import Generator, Sequence
from typing import cast

import numpy as np

from spaniel.rerank.aggregate.table import aggregated
from spaniel.rerank.questions import Answer, Order, Outcome, Question, Spent, asked

__all__ = ["Orders"]


class Orders:
    """Asks for orders and keeps every answer, as wins.

    Attributes:
        wins: float64 (n, n), as `aggregate/wins.py` has it.
    """

    def __init__(self, n: int) -> None:
        self.wins = np.zeros((n, n))

    def ask(
        self, lists: Sequence[Sequence[int]], tops: Sequence[int | None] | None = None
    ) -> Generator[Sequence[Question], Sequence[Answer], list[tuple[int, ...]]]:
        """Ask for the orders of several lists side by side, each as far as its number in `tops` (all by default).

        Raises:
            Spent: as `questions.asked`; the answers that came are kept all the same.
        """
        tops = [None] * len(lists) if tops is None else tops
        questions = [Order(tuple(docs), top) for docs, top in zip(lists, tops, strict=True)]
        try:
            answers = yield from asked(questions)
        except Spent as spent:
            self._keep(questions, spent.answers)
            raise
        return self._keep(questions, answers)

    def ask_one(
        self, docs: Sequence[int], top: int | None = None
    ) -> Generator[Sequence[Question], Sequence[Answer], tuple[int, ...]]:
        """Ask for the order of one list, in a round of its own; see `ask`."""
        (order,) = yield from self.ask([docs], [top])
        return order

    def outcome(self, method: str = "bradley-terry", *, prior: float | None = None) -> Outcome:
        """The order that the answers tell, with the aggregator's scores; see `aggregate.table.aggregated`."""
        return aggregated(self.wins, method, prior=prior)

    def _keep(self, questions: Sequence[Order], answers: Sequence[Answer]) -> list[tuple[int, ...]]:
        """Each of the firsts that were asked for beats all behind it; those behind them tell nothing of each other."""
        orders = [cast("tuple[int, ...]", answer) for answer in answers]
        for question, order in zip(questions, orders, strict=False):
            places = np.asarray(order, np.int64)
            beats = np.triu(np.ones((len(places), len(places))), 1)
            beats[len(places) if question.top is None else question.top :] = 0.0
            self.wins[np.ix_(places, places)] += beats
        return orders
