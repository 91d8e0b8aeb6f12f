"""What listwise schedules make of the answers when they are cut, or asked to refit."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from contracts.toy_judge import exact

from spaniel.rerank.aggregate.table import aggregated
from spaniel.rerank.driver import run_schedule
from spaniel.rerank.questions import Order, Outcome, Question, Rounds
from spaniel.rerank.schedules.blitzrank import BlitzRank
from spaniel.rerank.schedules.listed import Orders
from spaniel.rerank.schedules.setwise_heap import SetwiseHeap
from spaniel.rerank.schedules.tdpart import TDPart
from spaniel.rerank.schedules.tourrank import TourRank
from spaniel.rerank.trace import Asked

N = 31
PRIORS = {"tourrank": 2.0}


def told(log: Sequence[Asked], n: int, prior: float) -> tuple[int, ...]:
    """Bradley-Terry over every answer, whoever was not asked about in the old place."""
    wins = np.zeros((n, n))
    for each in log:
        assert isinstance(each.question, Order) and isinstance(each.answer, tuple)
        for i, better in enumerate(each.answer[: each.question.top]):
            for worse in each.answer[i + 1 :]:
                wins[better, worse] += 1
    seen = {doc for each in log if isinstance(each.question, Order) for doc in each.question.docs}
    rising = [doc for doc in aggregated(wins, prior=prior).order if doc in seen]
    return tuple(rising.pop(0) if place in seen else place for place in range(n))


@pytest.mark.parametrize(
    "schedule", [SetwiseHeap(4), TDPart(6), TDPart(3), TourRank(2, group=6), BlitzRank(5)], ids=repr
)
def test_cut_it_is_bradley_terry_over_what_was_shown(schedule: Any) -> None:
    answer = exact(np.random.default_rng(8).normal(size=N).tolist())
    _, whole = run_schedule(schedule, N, answer, top=5)
    for calls in range(whole.calls):
        outcome, trace = run_schedule(schedule, N, answer, top=5, budget_calls=calls, keep_log=True)
        assert outcome.order == told(trace.log, N, PRIORS.get(schedule.name, 1.0))


@pytest.mark.parametrize("schedule", [SetwiseHeap(4), TDPart(6), TourRank(2, group=6), BlitzRank(5)], ids=repr)
def test_refit_asks_the_same_and_leaves_the_order_to_all_answers(schedule: Any) -> None:
    answer = exact(np.random.default_rng(8).normal(size=N).tolist())
    _, plain = run_schedule(schedule, N, answer, top=5, keep_log=True)
    outcome, trace = run_schedule(replace(schedule, refit=True), N, answer, top=5, keep_log=True)
    assert trace.log == plain.log
    assert outcome.order == told(trace.log, N, PRIORS.get(schedule.name, 1.0))


def test_those_behind_the_firsts_that_were_asked_for_tell_nothing_of_each_other() -> None:
    orders = Orders(4)

    def rounds() -> Rounds:
        yield from orders.ask([[3, 1, 0], [2, 1]], [1, None])
        return Outcome((0, 1, 2, 3))

    game = rounds()
    questions: Sequence[Question] = next(game)
    assert questions == [Order((3, 1, 0), 1), Order((2, 1))]
    with pytest.raises(StopIteration):
        game.send([(1, 3, 0), (2, 1)])
    assert {tuple(pair) for pair in np.argwhere(orders.wins).tolist()} == {(1, 3), (1, 0), (2, 1)}
