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
