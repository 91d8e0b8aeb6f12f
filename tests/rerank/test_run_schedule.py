"""The driver on one query: counting, cutting, checking."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pytest
from contracts.toy_judge import exact

from spaniel.rerank.driver import run_schedule
from spaniel.rerank.questions import Kind, Order, Outcome, Prefer, Question, Rounds, Score
from spaniel.rerank.schedules.pointwise import Pointwise
from spaniel.retrieval.errors import SpanielError


@dataclass(frozen=True, slots=True)
class Fixed:
    """Asks given rounds, and returns the first-stage order."""

    given: tuple[tuple[Question, ...], ...]
    asks: Kind = "prefer"
    name: ClassVar[str] = "fixed"
    outcome: Outcome | None = None

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        for questions in self.given:
            answers = yield questions
            if len(answers) < len(questions):
                break
        return self.outcome or Outcome(tuple(range(n)))


def test_pointwise_sorts_and_counts() -> None:
    outcome, trace = run_schedule(Pointwise(), 4, exact([0.1, 3, 2, 3]), top=4)
    assert outcome.order == (1, 3, 2, 0)
    assert (trace.calls, trace.docs_read, trace.depth, trace.stopped) == (4, 4, 1, "")


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_order_is_nothing_asked_twice(n: int) -> None:
    outcome, trace = run_schedule(Pointwise(), n, exact([1.0]), top=10)
    assert outcome.order == tuple(range(n)) and trace.calls == n


def test_a_pair_costs_two_calls_and_is_known_the_other_way_round() -> None:
    schedule = Fixed(((Prefer(0, 1), Prefer(1, 0)), (Prefer(1, 0),), (Prefer(0, 2),)))
    shown = []
    answer = exact([1.0, 2.0, 3.0])

    def told(question: Question) -> float | tuple[int, ...]:
        shown.append(question)
        return answer(question)

    _, trace = run_schedule(schedule, 3, told, top=3, keep_log=True)
    assert shown == [Prefer(0, 1), Prefer(1, 0), Prefer(0, 2), Prefer(2, 0)]
    assert (trace.calls, trace.docs_read, trace.depth, trace.cached) == (4, 8, 2, 4)
    assert [asked.answer for asked in trace.log] == [0.0, 1.0, 1.0, 0.0]


def test_both_orders_cancel_a_bias_towards_the_first() -> None:
    schedule = Fixed(((Prefer(0, 1),),))
    _, trace = run_schedule(schedule, 2, lambda question: 0.9, top=2, keep_log=True)
    assert trace.log[0].answer == pytest.approx(0.5)


@pytest.mark.parametrize("calls", range(6))
def test_a_pair_is_paid_for_whole_or_not_asked(calls: int) -> None:
    schedule = Fixed(((Prefer(0, 1), Prefer(0, 2)),))
    _, trace = run_schedule(schedule, 3, exact([1, 2, 3]), top=3, budget_calls=calls, keep_log=True)
    assert len(trace.log) == min(calls // 2, 2)
    assert trace.calls == 2 * len(trace.log) and trace.stopped == ("" if calls >= 4 else "calls")


def test_one_random_order_is_the_same_for_both_questions_about_two() -> None:
    pairs = [(i, j) for i in range(8) for j in range(i)]
    schedule = Fixed((tuple(Prefer(i, j) for i, j in pairs), tuple(Prefer(j, i) for i, j in pairs)))
    shown: list[Question] = []
    _, trace = run_schedule(schedule, 8, lambda q: shown.append(q) or 1.0, top=8, both_orders="random")  # type: ignore[func-returns-value]
    assert trace.calls == trace.cached == len(pairs) == len(shown)
    turned = sum(1 for q in shown if isinstance(q, Prefer) and q.first < q.second)
    assert 0 < turned < len(pairs)


def wrong_questions() -> Iterator[tuple[Kind, Question]]:
    yield "prefer", Prefer(0, 0)
    yield "prefer", Prefer(0, 3)
    yield "prefer", Score(0)
    yield "score", Score(-1)
    yield "order", Order((0, 1, 1))
    yield "order", Order(())
    yield "order", Order((0, 1), top=3)


@pytest.mark.parametrize(("asks", "question"), list(wrong_questions()))
def test_questions_that_make_no_sense_are_the_schedules_fault(asks: Kind, question: Question) -> None:
    with pytest.raises(SpanielError, match="schedule fixed asks"):
        run_schedule(Fixed(((question,),), asks), 3, exact([1, 2, 3]), top=3)


def test_an_outcome_is_every_passage_once() -> None:
    with pytest.raises(SpanielError, match="no order of 3"):
        run_schedule(Fixed((), outcome=Outcome((0, 1, 1))), 3, exact([1, 2, 3]), top=3)
