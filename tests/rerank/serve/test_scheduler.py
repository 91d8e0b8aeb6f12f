"""Turns and batches."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rerank.serve.scheduler import Turn, VirtualTime, best_run


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.data(), st.integers(1, 200), st.integers(1, 12))
def test_no_run_around_the_pair_has_more_tokens_for_its_cost(
    lengths: list[int], data: st.DataObject, budget: int, limit: int
) -> None:
    lengths.sort()
    head = data.draw(st.integers(0, len(lengths) - 1))
    run = best_run(np.array(lengths), head, budget=budget, limit=limit)
    chosen = lengths[run]
    assert run.start <= head < run.stop
    assert len(chosen) == 1 or (max(chosen) * len(chosen) <= budget and len(chosen) <= limit)

    def worth(start: int, stop: int) -> float:
        return sum(lengths[start:stop]) / ((stop - start) * lengths[stop - 1] + 12)

    def fits(start: int, stop: int) -> bool:
        size = stop - start
        return size == 1 or (size <= limit and size * lengths[stop - 1] <= budget)

    widest = {
        stop: min(starts)
        for stop in range(head + 1, len(lengths) + 1)
        if (starts := [start for start in range(head + 1) if fits(start, stop)])
    }
    assert worth(run.start, run.stop) >= max(worth(start, stop) for stop, start in widest.items()) - 1e-12


def test_pairs_of_one_length_fill_the_budget() -> None:
    assert best_run(np.array([10] * 20), 7, budget=80, limit=64) == slice(0, 8)
    assert best_run(np.array([10, 10, 500]), 2, budget=80, limit=64) == slice(2, 3)


def test_time_runs_slower_the_more_requests_wait() -> None:
    time = VirtualTime(100)
    time.served(60, 2)
    time.served(70, 0)
    assert (time.now, time.begin(30), time.begin(130)) == (100, 100, 130)
    assert [time.turn(tag) for tag in (0, 99, 100, 250)] == [0, 0, 1, 2]


def test_inside_a_turn_the_earliest_deadline_goes_first() -> None:
    assert sorted([Turn(1, 1.0, 1, 0), Turn(0, 9.0, 2, 1), Turn(0, 9.0, 2, 0), Turn(0, 3.0, 3, 0)]) == [
        Turn(0, 3.0, 3, 0),
        Turn(0, 9.0, 2, 0),
        Turn(0, 9.0, 2, 1),
        Turn(1, 1.0, 1, 0),
    ]
