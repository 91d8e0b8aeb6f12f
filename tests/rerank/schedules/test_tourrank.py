"""TourRank: stages and groups, points, and a plain tournament to compare with."""

import numpy as np
import pytest
from contracts.toy_judge import exact

from spaniel.rerank.driver import run_schedule
from spaniel.rerank.questions import Order
from spaniel.rerank.schedules.tourrank import TourRank


@pytest.mark.parametrize("tournaments", [1, 2, 10])
def test_what_a_hundred_cost(tournaments: int) -> None:
    _, trace = run_schedule(TourRank(tournaments), 100, exact(range(100)), top=10)
    assert (trace.calls, trace.docs_read, trace.depth) == (13 * tournaments, 185 * tournaments, 5)


@pytest.mark.parametrize(
    ("n", "stages"),
    [
        (100, [(20, 10)] * 5 + [(10, 4)] * 5 + [(20, 10), (10, 5), (5, 2)]),
        (55, [(11, 4)] * 5 + [(20, 10), (10, 5), (5, 2)]),
        (43, [(15, 7), (14, 7), (14, 6), (20, 10), (10, 5), (5, 2)]),
        (10, [(10, 5), (5, 2)]),
        (3, [(3, 2)]),
        (2, [(2, 1)]),
    ],
)
def test_groups_and_how_many_go_on(n: int, stages: list[tuple[int, int]]) -> None:
    _, trace = run_schedule(TourRank(1), n, exact(range(n)), top=2, keep_log=True)
    questions = [asked.question for asked in trace.log if isinstance(asked.question, Order)]
    assert [(len(question.docs), question.top) for question in questions] == stages


def test_first_groups_are_dealt_from_the_first_stage() -> None:
    _, trace = run_schedule(TourRank(1), 100, exact(range(100)), top=10, keep_log=True)
    dealt = [sorted(asked.question.docs) for asked in trace.log[:5] if isinstance(asked.question, Order)]
    assert dealt == [list(range(i, 100, 5)) for i in range(5)]


@pytest.mark.parametrize("n", [100, 77, 12, 5])
def test_points_are_those_of_a_plain_tournament(n: int) -> None:
    utilities = np.random.default_rng(n).normal(size=n).tolist()
    outcome, trace = run_schedule(TourRank(3), n, exact(utilities), top=5, keep_log=True)
    points = dict.fromkeys(range(n), 0)
    for asked in trace.log:
        assert isinstance(asked.question, Order)
        for doc in sorted(asked.question.docs, key=lambda doc: -utilities[doc])[: asked.question.top]:
            points[doc] += 1
    assert [points[doc] for doc in outcome.order] == sorted(points.values(), reverse=True)
    assert outcome.order[0] == int(np.argmax(utilities))


def test_stages_of_seven_hundred() -> None:
    _, trace = run_schedule(TourRank(1), 700, exact(range(700)), top=10)
    assert trace.depth == 7  # 500 of 700 is too many: 200, 100, 50, 20, 10, 5, 2
