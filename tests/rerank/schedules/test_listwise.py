"""What all listwise schedules have to do: a judge without mistakes, every number of passages, every cut, seeds."""

import numpy as np
import pytest
from contracts.toy_judge import exact
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.rerank.driver import run_schedule
from spaniel.rerank.questions import Answer, Order, Question
from spaniel.rerank.schedules.base import Schedule
from spaniel.rerank.schedules.blitzrank import BlitzRank
from spaniel.rerank.schedules.jointrank import JointRank
from spaniel.rerank.schedules.setwise_heap import SetwiseHeap
from spaniel.rerank.schedules.setwise_insertion import SetwiseInsertion
from spaniel.rerank.schedules.tdpart import TDPart
from spaniel.rerank.schedules.tourrank import TourRank
from spaniel.rerank.schedules.window import Window
from spaniel.retrieval.errors import InvalidInput

# made small, so that a few passages take several lists
SORTING: list[Schedule] = [
    SetwiseHeap(size=2),
    SetwiseHeap(size=3),
    SetwiseHeap(size=5),
    SetwiseInsertion(size=2),
    SetwiseInsertion(size=4),
    TDPart(window=2),
    TDPart(window=3),
    TDPart(window=6),
    BlitzRank(size=2),
    BlitzRank(size=3),
    BlitzRank(size=6),
]
OTHERS: list[Schedule] = [
    Window(window=6, step=3),
    Window(window=4, step=1, passes=2),
    TourRank(tournaments=1, group=4),
    TourRank(tournaments=3, group=6),
    JointRank(size=5, replicas=3),
    JointRank(size=6, replicas=2, design="latin-square"),
    JointRank(size=8, replicas=4, design="triangular"),
    JointRank(size=5, replicas=2, design="random", aggregate="win-rate", prior=0.5),
]
EVERY = SORTING + OTHERS


@pytest.mark.parametrize("schedule", SORTING, ids=repr)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_judge_without_mistakes_gives_the_true_firsts(schedule: Schedule, data: st.DataObject) -> None:
    utilities = data.draw(st.lists(st.integers(0, 12), max_size=24))
    top = data.draw(st.integers(1, max(len(utilities), 1)))
    outcome, _ = run_schedule(schedule, len(utilities), exact(utilities), top=top)
    assert [utilities[doc] for doc in outcome.order[:top]] == sorted(utilities, reverse=True)[:top]


@pytest.mark.parametrize("schedule", EVERY, ids=repr)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 8, 23])
def test_any_number_of_passages(schedule: Schedule, n: int) -> None:
    outcome, trace = run_schedule(schedule, n, exact(range(n)), top=max(min(n, 3), 1))
    assert (trace.calls > 0) == (n > 1)
    if n == 2:
        assert outcome.order == (1, 0)


def noisy(seed: int) -> list[float]:
    return np.random.default_rng(seed).normal(size=23).tolist()


@pytest.mark.parametrize("schedule", EVERY, ids=repr)
def test_cut_at_every_call_it_gives_an_order(schedule: Schedule) -> None:
    answer = exact(noisy(1))
    whole, trace = run_schedule(schedule, 23, answer, top=5)
    for calls in range(trace.calls):
        outcome, cut = run_schedule(schedule, 23, answer, top=5, budget_calls=calls)  # checks that it is an order
        assert cut.calls == calls and cut.stopped == "calls"
        if not calls:
            assert outcome.order == tuple(range(23))
    outcome, trace = run_schedule(schedule, 23, answer, top=5, budget_calls=trace.calls)
    assert outcome.order == whole.order and not trace.stopped


@pytest.mark.parametrize("schedule", EVERY, ids=repr)
def test_a_judge_at_odds_with_itself_ends_too(schedule: Schedule) -> None:
    draw = np.random.default_rng(5)

    def answer(question: Question) -> Answer:
        assert isinstance(question, Order)
        return tuple(draw.permutation(question.docs).tolist())

    for top in (1, 6, 23):
        run_schedule(schedule, 23, answer, top=top)


@pytest.mark.parametrize("schedule", EVERY, ids=repr)
def test_seed_decides(schedule: Schedule) -> None:
    answer = exact(noisy(2))
    logs = [run_schedule(schedule, 23, answer, top=5, seed=seed, keep_log=True)[1].log for seed in (7, 7, 8)]
    assert logs[0] == logs[1]
    if isinstance(schedule, TourRank | JointRank):
        assert logs[0] != logs[2]


@pytest.mark.parametrize("schedule", [*SORTING, *OTHERS[:4]], ids=repr)
def test_right_lists_are_left_alone(schedule: Schedule) -> None:
    outcome, _ = run_schedule(schedule, 23, exact(range(23, 0, -1)), top=5)
    assert outcome.order[:5] == (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Window(step=20), "step is 20"),
        (lambda: Window(step=0), "step is 0"),
        (lambda: Window(passes=0), "passes is 0"),
        (lambda: SetwiseHeap(size=1), "size is 1"),
        (lambda: SetwiseInsertion(size=1), "size is 1"),
        (lambda: TDPart(window=1), "window is 1"),
        (lambda: TourRank(tournaments=0), "tournaments is 0"),
        (lambda: TourRank(group=3), "group is 3"),
        (lambda: BlitzRank(size=1), "size is 1"),
        (lambda: JointRank(size=1), "size is 1"),
        (lambda: JointRank(replicas=0), "replicas is 0"),
        (lambda: JointRank(prior=-1), "prior is -1"),
        (lambda: JointRank(design="latin-sqare"), "'latin-square'"),
        (lambda: JointRank(aggregate="win-rat"), "'win-rate'"),
    ],
)
def test_settings_that_cannot_be(make: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()  # type: ignore[operator]
