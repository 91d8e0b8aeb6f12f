import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spaniel.rerank.aggregate.bradley_terry import bradley_terry
from spaniel.rerank.aggregate.wins import prior_utilities
from spaniel.retrieval.errors import InvalidInput


def test_two_passages_are_as_far_apart_as_their_log_odds() -> None:
    u = bradley_terry(np.array([[0.0, 3.0], [1.0, 0.0]]), prior=0)
    assert u[0] - u[1] == pytest.approx(np.log(3), abs=1e-4)


def test_without_comparisons_the_first_stage_stands() -> None:
    np.testing.assert_allclose(bradley_terry(np.zeros((7, 7)), prior=2.0), prior_utilities(7), atol=1e-9)


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_compare(n: int) -> None:
    assert bradley_terry(np.zeros((n, n))).shape == (n,)


@given(arrays(np.float64, (6, 6), elements=st.integers(0, 5).map(float)), st.sampled_from([0.0, 0.01, 1.0, 30.0]))
def test_the_gradient_is_zero_at_what_comes_back(wins: np.ndarray, prior: float) -> None:
    """Checked against the definition, by loops; wins of who never lost included."""
    np.fill_diagonal(wins, 0.0)
    u = bradley_terry(wins, prior=prior)
    weight, mean = prior or 1e-6, prior_utilities(6) if prior else np.zeros(6)
    for i in range(6):
        slope = -weight * (u[i] - mean[i])
        for j in range(6):
            slope += wins[i, j] / (1 + np.exp(u[i] - u[j])) - wins[j, i] / (1 + np.exp(u[j] - u[i]))
        assert slope == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("wins", "prior", "says"),
    [
        (np.zeros((2, 3)), 1.0, "square"),
        (np.array([[0.0, -1.0], [0.0, 0.0]]), 1.0, "negative"),
        (np.array([[0.0, np.nan], [0.0, 0.0]]), 1.0, "NaN"),
        (np.eye(2), 1.0, "itself"),
        (np.zeros((2, 2)), -1.0, "prior is -1"),
    ],
)
def test_what_cannot_be_is_an_error(wins: np.ndarray, prior: float, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        bradley_terry(wins, prior=prior)
