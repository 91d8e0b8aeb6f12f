"""BlitzRank and the relations that it keeps: closure against a plain one, and cost."""

import numpy as np
import pytest
from contracts.toy_judge import exact
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rerank.driver import run_schedule
from spaniel.rerank.questions import Order
from spaniel.rerank.schedules.blitzrank import BlitzRank
from spaniel.rerank.schedules.relations import Relations


@given(st.integers(1, 9), st.data())
def test_closure(n: int, data: st.DataObject) -> None:
    places = st.lists(st.integers(0, n - 1), unique=True)
    lists = data.draw(st.lists(places, max_size=5))
    relations = Relations(n)
    beats = {place: {place} for place in range(n)}
    for order in lists:
        relations.add(order)
        for i, doc in enumerate(order):
            beats[doc] |= set(order[i:])
    for via in range(n):
        for doc in range(n):
            beats[doc] |= beats[via] if via in beats[doc] else set()
    assert {doc: set(np.flatnonzero(relations.reach[doc]).tolist()) for doc in range(n)} == beats

    for doc in range(n):
        tier = {other for other in beats[doc] if doc in beats[other]}
        better = {other for other in range(n) if doc in beats[other]} - tier
        worse = beats[doc] - tier
        assert relations.tiers()[doc] == min(tier)
        assert (relations.n_better()[doc], relations.n_worse()[doc]) == (len(better), len(worse))
        assert relations.settled()[doc] == (len(better) + len(worse) + len(tier) == n)


@pytest.mark.parametrize(("size", "calls"), [(10, (12, 15)), (20, (6, 7))])
def test_calls_for_ten_of_a_hundred(size: int, calls: tuple[int, int]) -> None:
    draw = np.random.default_rng(1)
    for correlation in (0.0, 0.5, 2.0):
        utilities = draw.normal(size=100) - correlation * np.log1p(np.arange(100))
        outcome, trace = run_schedule(BlitzRank(size), 100, exact(utilities.tolist()), top=10)
        assert outcome.order[:10] == tuple(np.argsort(-utilities)[:10].tolist())
        assert calls[0] <= trace.calls <= calls[1]
        assert trace.depth == trace.calls - 100 // size + 1


def test_the_first_lists_are_the_first_stages_and_then_their_best() -> None:
    utilities = [float(-place) for place in range(7)]
    outcome, trace = run_schedule(BlitzRank(3), 7, exact(utilities), top=2, keep_log=True)
    shown = [asked.question.docs for asked in trace.log if isinstance(asked.question, Order)]
    assert shown[:3] == [(0, 1, 2), (3, 4, 5), (6, 0, 3)]  # 6 was never shown: it has the fewest known to be worse
    assert outcome.order[:2] == (0, 1)


def test_a_circle_is_a_tier() -> None:
    said = {(0, 1, 2): (0, 1, 2), (3, 4, 5): (3, 4, 5), (0, 3, 1): (1, 3, 0)}  # 1 > 3 > 0, and 0 > 1 was said before
    outcome, trace = run_schedule(BlitzRank(3), 6, lambda q: said[q.docs], top=3)  # type: ignore[union-attr]
    assert set(outcome.order[:3]) == {0, 1, 3} and trace.calls == 3
