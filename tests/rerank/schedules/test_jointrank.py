"""JointRank: cost, and that its order is the aggregator's over the blocks."""

import numpy as np
import pytest
from contracts.toy_judge import exact

from spaniel.rerank.aggregate.table import aggregated
from spaniel.rerank.aggregate.wins import wins_of_orders
from spaniel.rerank.driver import run_schedule
from spaniel.rerank.questions import Order
from spaniel.rerank.schedules.jointrank import JointRank


@pytest.mark.parametrize(
    ("schedule", "n", "calls"),
    [
        (JointRank(20, 4), 100, 20),
        (JointRank(20, 2), 100, 10),
        (JointRank(10, 2), 100, 20),
        (JointRank(20, 4), 90, 18),
        (JointRank(20, 4), 93, 19),
        (JointRank(20, 3), 20, 3),
        (JointRank(10, 2, "latin-square"), 100, 20),
        (JointRank(14, 2, "triangular"), 105, 15),
        (JointRank(20, 2, "random"), 100, 10),
    ],
    ids=repr,
)
def test_calls(schedule: JointRank, n: int, calls: int) -> None:
    _, trace = run_schedule(schedule, n, exact(range(n)), top=10)
    assert (trace.calls, trace.depth) == (calls, 1)
    assert trace.docs_read == n * schedule.replicas


@pytest.mark.parametrize(
    ("aggregate", "prior", "cut_prior"),
    [("bradley-terry", 0.25, 0.25), ("bradley-terry", 0.0, 0.0), ("bradley-terry", None, 2.0), ("win-rate", 0.25, 2.0)],
)
@pytest.mark.parametrize("calls", [9, None])
def test_the_order_is_the_aggregators(aggregate: str, prior: float | None, cut_prior: float, calls: int | None) -> None:
    utilities = np.random.default_rng(4).normal(size=37).tolist()
    schedule = JointRank(10, 3, aggregate=aggregate, prior=prior)
    outcome, trace = run_schedule(schedule, 37, exact(utilities), top=10, seed=3, budget_calls=calls, keep_log=True)
    orders = [
        sorted(asked.question.docs, key=lambda doc: -utilities[doc])
        for asked in trace.log
        if isinstance(asked.question, Order)
    ]
    assert len(orders) == (calls or 12)
    whole = 0.04 * 3 * 9 if prior is None else prior
    how = (aggregate, whole) if calls is None else ("bradley-terry", cut_prior)  # cut, always Bradley-Terry
    wanted = aggregated(wins_of_orders(orders, 37), how[0], prior=how[1])
    assert outcome.order == wanted.order
    if aggregate != how[0]:
        assert outcome.scores is None
    else:
        assert outcome.scores is not None and wanted.scores is not None
        np.testing.assert_array_equal(outcome.scores, wanted.scores)


def test_passages_that_no_block_has_shown_keep_their_places() -> None:
    outcome, trace = run_schedule(JointRank(), 100, exact(range(100)), top=10, budget_calls=2, keep_log=True)
    seen = {doc for asked in trace.log if isinstance(asked.question, Order) for doc in asked.question.docs}
    assert len(seen) == 40 and outcome.scores is not None
    alone = [place for place in range(1, 100) if place not in seen]
    assert all(outcome.scores[place] == outcome.scores[place - 1] for place in alone)
    assert 2 < len(set(outcome.scores.tolist())) <= 40  # logits, as without a budget
    assert all(outcome.order[place] == place for place in range(100) if place not in seen)
    assert set(outcome.order[:10]) - set(range(10))  # and those that were shown change theirs


def test_no_block_of_one_is_asked() -> None:
    _, trace = run_schedule(JointRank(2, 2, "latin-square"), 3, exact(range(3)), top=1, keep_log=True)
    assert all(len(asked.question.docs) == 2 for asked in trace.log if isinstance(asked.question, Order))


@pytest.mark.parametrize(("design", "n", "largest"), [("latin-square", 120, 11), ("triangular", 60, 11)])
def test_a_query_with_too_many_passages_gets_larger_blocks(design: str, n: int, largest: int) -> None:
    """It may stand among others, whose calls are paid for: an error would throw them away."""
    _, trace = run_schedule(JointRank(10, 2, design), n, exact(range(n)), top=10, keep_log=True)
    lists = [asked.question.docs for asked in trace.log if isinstance(asked.question, Order)]
    assert max(map(len, lists)) <= largest and sum(map(len, lists)) == 2 * n
    _, trace = run_schedule(JointRank(10, 2, design), 40, exact(range(40)), top=10)
    assert trace.docs_read == 80
