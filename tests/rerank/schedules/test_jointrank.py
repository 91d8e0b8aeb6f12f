"""JointRank: cost, and that its order is the aggregator's over the blocks."""

import numpy as np
import pytest
from contracts.toy_judge import exact

from spaniel.rerank.aggregate.table import aggregated
from spaniel.rerank.aggregate.wins import wins_of_orders
from spaniel.rerank.driver import run_schedule
from spaniel.rerank.questions import Order
from spaniel.rerank.schedules.jointrank import JointRank
from spaniel.retrieval.errors import InvalidInput


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


@pytest.mark.parametrize("aggregate", ["bradley-terry", "win-rate"])
@pytest.mark.parametrize("calls", [9, None])
def test_the_order_is_the_aggregators(aggregate: str, calls: int | None) -> None:
    utilities = np.random.default_rng(4).normal(size=37).tolist()
    schedule = JointRank(10, 3, aggregate=aggregate, prior=0.25)
    outcome, trace = run_schedule(schedule, 37, exact(utilities), top=10, seed=3, budget_calls=calls, keep_log=True)
    orders = [
        sorted(asked.question.docs, key=lambda doc: -utilities[doc])
        for asked in trace.log
        if isinstance(asked.question, Order)
    ]
    assert len(orders) == (calls or 12)
    how = (aggregate, 0.25) if calls is None else ("bradley-terry", 2.0)  # cut, always with the first stage
    wanted = aggregated(wins_of_orders(orders, 37), how[0], prior=how[1])
    assert outcome.order == wanted.order
    assert outcome.scores is not None and wanted.scores is not None
    np.testing.assert_array_equal(outcome.scores, wanted.scores)


def test_passages_that_no_block_has_shown_keep_their_places() -> None:
    outcome, trace = run_schedule(JointRank(), 100, exact(range(100)), top=10, budget_calls=2, keep_log=True)
    seen = {doc for asked in trace.log if isinstance(asked.question, Order) for doc in asked.question.docs}
    assert len(seen) == 40 and outcome.scores is None
    assert all(outcome.order[place] == place for place in range(100) if place not in seen)
    assert set(outcome.order[:10]) - set(range(10))  # and those that were shown change theirs


def test_no_block_of_one_is_asked() -> None:
    _, trace = run_schedule(JointRank(2, 2, "latin-square"), 3, exact(range(3)), top=1, keep_log=True)
    assert all(len(asked.question.docs) == 2 for asked in trace.log if isinstance(asked.question, Order))


def test_a_design_without_room_says_which_size_it_needs() -> None:
    with pytest.raises(InvalidInput, match="size is 9; make it 10"):
        run_schedule(JointRank(9, 2, "latin-square"), 100, exact(range(100)), top=10)
