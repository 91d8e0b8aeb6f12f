"""Labels by the log-probabilities of a token."""

import math

import numpy as np
import pytest

from spaniel.rerank.llm.likelihood import label_logprobs, likeliest_first, preference


def test_forms_of_a_label_add_up() -> None:
    logprobs = label_logprobs(
        [{"A": math.log(0.3), " A": math.log(0.2), "▁B": math.log(0.4), "the": math.log(0.05)}], 2
    )
    assert logprobs is not None
    np.testing.assert_allclose(np.exp(logprobs), [0.5, 0.4])
    assert preference(logprobs) == pytest.approx(5 / 9)


def test_a_label_that_is_not_told_has_the_least() -> None:
    logprobs = label_logprobs([{"B": -0.01, "Passage": -5.0, "**": -7.0}], 3)
    assert logprobs is not None
    assert logprobs.tolist() == [-7.0, -0.01, -7.0]
    assert likeliest_first(logprobs) == (1, 0, 2)
    assert 0 < preference(logprobs) < 0.001


def test_the_token_where_labels_are_likeliest_counts() -> None:
    tokens = [{"Passage": -0.1, "A": -4.0, "B": -6.0}, {" B": -0.2, " A": -1.8}, {".": 0.0}]
    logprobs = label_logprobs(tokens, 2)
    assert logprobs is not None
    assert logprobs.tolist() == [-1.8, -0.2]


@pytest.mark.parametrize(
    "tokens", [[], [{}], [{"Sure": -0.1, "The": -2.0}], [{"A": -9.0, "Sure": 0.0}], [{"C": -0.1}], [{"A": math.nan}]]
)
def test_a_model_that_does_not_answer_with_a_label(tokens: list[dict[str, float]]) -> None:
    assert label_logprobs(tokens, 2) is None


def test_certainty_is_finite() -> None:
    logprobs = label_logprobs([{"A": 0.0, "B": -math.inf}], 2)
    assert logprobs is not None
    assert np.isfinite(logprobs).all()
    assert (preference(logprobs), preference(logprobs[::-1])) == (1.0, 0.0)
