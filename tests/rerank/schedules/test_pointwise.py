import numpy as np
from contracts.schedule import ScheduleContract
from contracts.toy_judge import exact
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rerank.driver import run_schedule
from spaniel.rerank.schedules.pointwise import Pointwise


class TestPointwise(ScheduleContract):
    schedule = Pointwise()


@given(st.lists(st.floats(-5, 5), min_size=0, max_size=8), st.integers(0, 8))
def test_it_sorts_what_it_could_pay_for(utilities: list[float], calls: int) -> None:
    n = len(utilities)
    outcome, trace = run_schedule(Pointwise(), n, exact(utilities), top=max(n, 1), budget_calls=calls)
    scored = min(calls, n)
    assert outcome.order[:scored] == tuple(sorted(range(scored), key=lambda doc: -utilities[doc]))
    assert outcome.order[scored:] == tuple(range(scored, n))
    assert (trace.calls, trace.docs_read, trace.depth) == (scored, scored, min(scored, 1))
    if scored == 0 < n:
        assert outcome.scores is None
    elif n:
        assert outcome.scores is not None
        assert outcome.scores[:scored].tolist() == [utilities[doc] for doc in outcome.order[:scored]]
        below = outcome.scores[scored:].astype(np.float32)
        assert (below < np.float32(outcome.scores[scored - 1])).all() and len(set(below.tolist())) <= 1


def test_a_budget_leaves_the_judges_scores_as_they_are() -> None:
    """Not n, n - 1, ...: a threshold behind it means the same with and without a budget."""
    answer = exact([0.9, 0.1, 0.4] + [0.01] * 6 + [0.8])
    for calls, kept in ((5, 2), (None, 3)):
        outcome, _ = run_schedule(Pointwise(), 10, answer, top=10, budget_calls=calls)
        assert outcome.scores is not None and (outcome.scores >= 0.3).sum() == kept
    lowest = -float(np.finfo(np.float64).max)
    outcome, _ = run_schedule(Pointwise(), 2, exact([lowest, 0.0]), top=1, budget_calls=1)
    assert outcome.scores is not None and outcome.scores.tolist() == [lowest, lowest]
