import numpy as np
import pytest

from spaniel.rerank.aggregate.table import AGGREGATORS, aggregated
from spaniel.rerank.aggregate.wins import wins_of_orders
from spaniel.retrieval.errors import InvalidInput

METHODS = pytest.mark.parametrize("method", AGGREGATORS)


@METHODS
@pytest.mark.parametrize("prior", [None, 0.0, 3.0])
def test_every_place_once_by_falling_scores(method: str, prior: float | None) -> None:
    rng = np.random.default_rng(1)
    wins = wins_of_orders([rng.permutation(12)[:5].tolist() for _ in range(6)], 12)
    outcome = aggregated(wins, method, prior=prior)
    assert sorted(outcome.order) == list(range(12))
    assert outcome.scores is not None
    assert (np.diff(outcome.scores) <= 0).all()


@METHODS
@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_without_comparisons_the_first_stage_order(method: str, n: int) -> None:
    assert aggregated(np.zeros((n, n)), method).order == tuple(range(n))


@METHODS
def test_answers_that_agree_are_followed(method: str) -> None:
    truth = (3, 0, 4, 1, 2)
    assert aggregated(wins_of_orders([truth] * 50, 5), method).order == truth


@METHODS
def test_ties_keep_the_first_stage_order(method: str) -> None:
    wins = wins_of_orders([(0, 1, 2, 3), (3, 2, 1, 0)], 4)
    assert aggregated(wins, method, prior=0.0).order == (0, 1, 2, 3)


def test_an_unknown_name_has_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="did you mean 'bradley-terry'"):
        aggregated(np.zeros((2, 2)), "bradley-tery")
