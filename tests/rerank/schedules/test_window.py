"""RankGPT's window: its cost, what a pass carries up, and the last window of a list that steps do not divide."""

import pytest
from contracts.toy_judge import exact
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rerank.driver import run_schedule
from spaniel.rerank.questions import Order
from spaniel.rerank.schedules.window import Window


@pytest.mark.parametrize(
    ("n", "window", "step", "calls"),
    [(100, 20, 10, 9), (95, 20, 10, 9), (20, 20, 10, 1), (21, 20, 10, 2), (7, 4, 1, 4)],
)
def test_calls(n: int, window: int, step: int, calls: int) -> None:
    _, trace = run_schedule(Window(window, step, passes=1), n, exact(range(n)), top=5)
    assert (trace.calls, trace.depth) == (calls, calls)
    assert calls == -(-max(n - window, 0) // step) + 1


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(2, 8), st.integers(1, 7), st.integers(1, 30))
def test_it_goes_over_the_list_as_often_as_the_firsts_wanted_take(
    utilities: list[int], window: int, step: int, top: int
) -> None:
    schedule, n = Window(window, min(step, window - 1)), len(utilities)
    outcome, trace = run_schedule(schedule, n, exact(utilities), top=top)
    right = min(top, n)
    assert [utilities[doc] for doc in outcome.order[:right]] == sorted(utilities, reverse=True)[:right]
    assert n > window or trace.calls == (n > 1)


def test_what_a_hundred_cost() -> None:
    _, trace = run_schedule(Window(), 100, exact(range(100)), top=10)
    assert (trace.calls, trace.docs_read, trace.depth) == (9, 180, 9)
    _, trace = run_schedule(Window(), 100, exact(range(100)), top=20)
    assert (trace.calls, trace.docs_read, trace.depth) == (18, 360, 18)


def test_where_the_windows_lie() -> None:
    _, trace = run_schedule(Window(4, 2), 7, exact([0] * 7), top=1, keep_log=True)
    assert [asked.question for asked in trace.log] == [Order((3, 4, 5, 6)), Order((1, 2, 3, 4)), Order((0, 1, 2))]


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(2, 8), st.integers(1, 7), st.integers(1, 3))
def test_each_pass_makes_as_many_right_as_windows_overlap(
    utilities: list[int], window: int, step: int, passes: int
) -> None:
    schedule = Window(window, min(step, window - 1), passes)
    outcome, _ = run_schedule(schedule, len(utilities), exact(utilities), top=1)
    right = passes * (schedule.window - schedule.step)
    assert [utilities[doc] for doc in outcome.order[:right]] == sorted(utilities, reverse=True)[:right]


def test_a_second_pass_over_a_right_list_is_known_already() -> None:
    _, trace = run_schedule(Window(passes=2), 100, exact(range(100, 0, -1)), top=10)
    assert (trace.calls, trace.cached) == (9, 9)
