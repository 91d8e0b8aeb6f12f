"""Top-down partitioning: what it costs when few or many beat the pivot, and where a cut leaves things."""

from contracts.toy_judge import exact

from spaniel.rerank.driver import run_schedule
from spaniel.rerank.questions import Order
from spaniel.rerank.schedules.tdpart import TDPart


def test_a_first_stage_that_is_right_takes_two_rounds() -> None:
    _, trace = run_schedule(TDPart(), 100, exact(range(100, 0, -1)), top=10)
    assert (trace.calls, trace.docs_read, trace.depth) == (1 + 5, 20 + 80 + 5, 2)


def test_a_few_that_beat_the_pivot_take_one_call_more() -> None:
    utilities = [float(-place) for place in range(100)]
    for place in (40, 70, 99):
        utilities[place] = 50.0 + place
    outcome, trace = run_schedule(TDPart(), 100, exact(utilities), top=10)
    assert outcome.order[:10] == (99, 70, 40, 0, 1, 2, 3, 4, 5, 6)
    assert (trace.calls, trace.docs_read, trace.depth) == (7, 105 + 9 + 3, 3)


def test_the_wrong_way_round_it_partitions_again() -> None:
    outcome, trace = run_schedule(TDPart(), 100, exact(range(100)), top=10)
    assert outcome.order[:10] == tuple(range(99, 89, -1))
    assert trace.calls < 20


def test_more_firsts_than_a_window_holds() -> None:
    outcome, _ = run_schedule(TDPart(6), 40, exact(range(40)), top=40)
    assert outcome.order == tuple(range(39, -1, -1))


def test_by_hand() -> None:
    utilities = [3, 9, 1, 7, 2, 8, 5]
    _, trace = run_schedule(TDPart(4), 7, exact(utilities), top=2, keep_log=True)
    shown = [asked.question.docs for asked in trace.log if isinstance(asked.question, Order)]
    assert shown == [(0, 1, 2, 3), (3, 4, 5, 6), (1, 5)]
