"""Runs schedules against judges: batches over queries, both orders, cache, budget, trace."""

from collections.abc import Callable

from .asking import BothOrders, asking_for
from .budget import Budget
from .play import Play
from .questions import Answer, Order, Outcome, Prefer, Question, Score
from .schedules.base import Schedule
from .trace import Trace

__all__ = ["run_schedule"]


def run_schedule(
    schedule: Schedule,
    n: int,
    answer: Callable[[Question], Answer],
    *,
    top: int,
    seed: int = 0,
    budget_calls: int | None = None,
    both_orders: BothOrders = "both",
    keep_log: bool = False,
) -> tuple[Outcome, Trace]:
    """One query, answered by a function: for tests, simulations and judges of one's own.

    Args:
        answer: is given what the judge is shown, as a question: `Prefer(a, b)` for a shown before b (asked again as
            `Prefer(b, a)` under `both_orders="both"`), `Order(docs)` in the order shown.
        budget_calls: the schedule is cut there.

    Raises:
        SpanielError: the schedule asks what makes no sense, asks on after the end, or gives no order.
    """
    play = Play(
        schedule,
        n,
        asking_for(schedule.asks, by_scores=False, symmetric=False, both_orders=both_orders, key=str(seed)),
        schedule.asks,
        Budget(calls=budget_calls),
        keep_log=keep_log,
    )
    play.begin(top=top, seed=seed)
    while play.outcome is None:
        round_, play.todo = play.todo, []
        for docs, first in round_:
            play.take((docs, first), answer(_question(schedule, docs, first)))
    return play.outcome, play.trace


def _question(schedule: Schedule, docs: tuple[int, ...], top: int | None) -> Question:
    """What is shown, as a question."""
    if schedule.asks == "score":
        return Score(docs[0])
    return Prefer(docs[0], docs[1]) if schedule.asks == "prefer" else Order(docs, top)
