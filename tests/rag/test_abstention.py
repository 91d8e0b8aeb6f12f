"""A threshold keeps the risk that it promises, as often as it promises."""

import doctest

import numpy as np
import pytest

import spaniel.rag.abstention
from spaniel.rag.abstention import threshold_at_risk
from spaniel.retrieval.errors import InvalidInput


def world(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Confidences that are uniform, and answers that are wrong with probability 1 - confidence."""
    draw = np.random.default_rng(seed)
    sure = draw.random(n)
    return sure, draw.random(n) > sure


def test_the_true_risk_is_above_the_promise_in_few_draws() -> None:
    broken = covered = 0
    for seed in range(40):
        found = threshold_at_risk(*world(2000, seed), risk=0.2, delta=0.1)
        # Above t the mean of 1 - confidence is (1 - t) / 2.
        broken += (1 - min(found.threshold, 1.0)) / 2 > 0.2
        covered += found.coverage > 0.2
    assert broken <= 4 and covered >= 38


def test_more_judged_answers_let_more_through() -> None:
    few, many = (threshold_at_risk(*world(n, 1), risk=0.2).coverage for n in (200, 20_000))
    assert 0 < few < many <= 0.4


def test_equal_confidences_go_together() -> None:
    found = threshold_at_risk([0.9] * 50 + [0.5] * 50, [False] * 99 + [True], risk=0.2)
    assert (found.threshold, found.coverage, found.risk) == (0.5, 1.0, 0.01)


def test_where_no_promise_can_be_kept_nothing_is_answered() -> None:
    for wrong in ([True, False], [False, False]):
        found = threshold_at_risk([0.9, 0.8], wrong, risk=0.1)
        assert found.threshold > 1 and found.coverage == 0 and found.n == 2


@pytest.mark.parametrize(
    ("sure", "wrong", "values"),
    [
        ([], [], {"risk": 0.1}),
        ([0.5], [True, False], {"risk": 0.1}),
        ([1.5], [True], {"risk": 0.1}),
        ([float("nan")], [True], {"risk": 0.1}),
        ([0.5], [2], {"risk": 0.1}),
        ([0.5], [True], {"risk": 0}),
        ([0.5], [True], {"risk": 0.1, "delta": 1}),
    ],
)
def test_what_cannot_be_used_is_named(sure: list[float], wrong: list[int], values: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        threshold_at_risk(sure, wrong, **values)


def test_examples() -> None:
    assert doctest.testmod(spaniel.rag.abstention).failed == 0
