"""Samples of pairs: as many as they say, spread evenly, and the orders made of them."""

from typing import get_args

import numpy as np
import pytest
from contracts import pairwise_references as plain
from contracts.toy_judge import exact
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rerank.aggregate.table import AGGREGATORS
from spaniel.rerank.driver import run_schedule
from spaniel.rerank.schedules.sampled import Design, Sampled
from spaniel.retrieval.errors import InvalidInput

DESIGNS: tuple[Design, ...] = get_args(Design)


@given(st.integers(0, 40), st.sampled_from(DESIGNS), st.floats(0.01, 1), st.integers(1, 7), st.integers(0, 5))
def test_every_pair_once_and_as_many_as_said(n: int, design: Design, rate: float, skip: int, seed: int) -> None:
    pairs = Sampled(design, rate, skip).chosen(n, seed=seed)
    assert len(set(pairs)) == len(pairs) and all(0 <= first < second < n for first, second in pairs)
    all_of_them = n * (n - 1) // 2
    if n < 3 or rate == 1:
        assert len(pairs) == all_of_them
    elif design == "random":
        assert len(pairs) == max(1, round(rate * all_of_them))
    else:
        w = max(1, int(rate * (n - 1) / 2 + 1e-9))
        assert len(pairs) == n * w
        assert (np.bincount(np.ravel(pairs), minlength=n) == 2 * w).all(), "everybody meets equally many"


@given(st.integers(3, 40), st.integers(1, 12))
def test_skips_leave_nobody_in_a_group_of_their_own(n: int, skip: int) -> None:
    reached, pairs = {0}, Sampled("skip", 0.01, skip).chosen(n, seed=0)
    for _ in range(n):
        reached |= {place for pair in pairs if reached & set(pair) for place in pair}
    assert reached == set(range(n))


def test_skip_and_window_are_what_the_paper_draws() -> None:
    """10 passages, 4 others for each: distances 1 and 2, and 3 and 6 on a circle."""

    def distances(design: Design) -> set[int]:
        return {min(b - a, 10 - b + a) for a, b in Sampled(design, 0.45, 3).chosen(10, seed=0)}

    assert distances("window") == {1, 2} and distances("skip") == {3, 4}


def test_a_random_sample_is_the_seeds() -> None:
    sample = Sampled("random", 0.3)
    assert sample.chosen(30, seed=1) == sample.chosen(30, seed=1) != sample.chosen(30, seed=2)


@pytest.mark.parametrize("aggregate", sorted(AGGREGATORS))
@pytest.mark.parametrize("design", DESIGNS)
def test_one_round_then_an_order_better_than_the_first_stages(design: Design, aggregate: str) -> None:
    utilities = np.random.default_rng(4).permutation(50).tolist()
    outcome, trace = run_schedule(Sampled(design, aggregate=aggregate), 50, exact(utilities), top=10)
    assert trace.depth == 1 and trace.calls == 2 * (350 if design != "random" else 368)
    assert trace.docs_read == 2 * trace.calls
    assert sum(utilities[place] for place in outcome.order[:10]) > sum(utilities[:10])
    assert outcome.scores is not None and np.all(np.diff(outcome.scores) <= 0)


@pytest.mark.parametrize("design", DESIGNS)
def test_cut_at_every_pair_the_order_is_whole(design: Design) -> None:
    table = plain.preferences(12, seed=2)
    for budget in range(0, 60, 2):
        outcome, trace = run_schedule(Sampled(design), 12, plain.answering(table), top=5, budget_calls=budget)
        assert trace.calls <= budget
        if budget == 0:
            assert outcome.order == tuple(range(12))


@pytest.mark.parametrize(
    "wrong",
    [
        {"pairs": "near"},
        {"rate": 0.0},
        {"rate": 1.5},
        {"rate": float("nan")},
        {"skip": 0},
        {"aggregate": "elo2"},
        {"prior": -1.0},
    ],
    ids=repr,
)
def test_settings_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Sampled(**wrong)  # type: ignore[arg-type]
