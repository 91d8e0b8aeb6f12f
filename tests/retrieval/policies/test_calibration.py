"""Scores become probabilities that come true; what cannot be fitted is said."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.fitting import calibration_error, fit_calibration, judged_scores
from spaniel.retrieval.policies.score_calibration import Calibration
from spaniel.retrieval.types import Ranking


def drawn(n: int, a: float, b: float, seed: int = 0) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Scores, and relevance drawn with probability sigmoid(a score + b)."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0.3, 0.2, n)
    return scores, rng.random(n) < Calibration(a, b).probabilities(scores)


def test_finds_what_the_scores_were_drawn_from() -> None:
    scores, relevant = drawn(100_000, 12.0, -6.0)
    fitted = fit_calibration(scores, relevant, note="drawn")
    assert fitted.a == pytest.approx(12.0, rel=0.05)
    assert fitted.b == pytest.approx(-6.0, rel=0.05)
    assert (fitted.n, fitted.n_relevant, fitted.note) == (100_000, int(relevant.sum()), "drawn")
    assert fitted.ece is not None and fitted.ece < 0.01
    assert fit_calibration(scores, relevant) == fit_calibration(scores, relevant)


def test_is_the_maximum_of_the_smoothed_likelihood() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    scores, relevant = drawn(300, 5.0, -3.0, seed=3)
    fitted = fit_calibration(scores, relevant)
    n = int(relevant.sum())
    targets = np.where(relevant, (n + 1) / (n + 2), 1 / (300 - n + 2))

    def loss(at: Any) -> float:
        z = at[0] * scores + at[1]
        return float((np.logaddexp(0, z) - targets * z).sum())

    best = optimize.minimize(
        loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000}
    )
    assert [fitted.a, fitted.b] == pytest.approx(best.x.tolist(), rel=1e-4)


def test_within_takes_out_what_whole_queries_differ_by() -> None:
    """Scores are relevance, noise and a level of the query; the standing tells the first of these apart."""
    rng = np.random.default_rng(0)
    queries = np.repeat(np.arange(200), 20)
    relevant = rng.random(4000) < 0.2
    scores = relevant + rng.normal(0, 0.5, 4000) + np.repeat(rng.normal(0, 5, 200), 20)
    alone = fit_calibration(scores, relevant, queries=queries)
    both = fit_calibration(scores, relevant, queries=queries, within=True, depth=20)
    assert alone.c == 0 and both.c > 1 and both.depth == 20

    def loss(calibration: Calibration) -> float:
        told = np.concatenate([calibration.probabilities(scores[queries == query]) for query in range(200)])
        return float(-np.log(np.where(relevant, told, 1 - told)).mean())

    assert loss(both) < 0.8 * loss(alone)
    ranking = Ranking.sorted(np.arange(30), np.arange(30.0))
    assert both.of(ranking) == pytest.approx(both.probabilities(np.arange(29.0, 9.0, -1)))
    with pytest.raises(InvalidInput, match="depends on the ranking"):
        both.score_at(0.5)
    with pytest.raises(InvalidInput, match="needs the query"):
        fit_calibration(scores, relevant, within=True)


def test_a_weight_that_would_be_negative_is_none() -> None:
    """Only the level of a query tells: within it, relevant passages stand lower."""
    rng = np.random.default_rng(0)
    queries = np.repeat(np.arange(200), 20)
    levels = np.repeat(rng.normal(0, 3, 200), 20)
    relevant = rng.random(4000) < Calibration(1.0, -1.0).probabilities(levels)
    scores = levels - relevant * 0.3 + rng.normal(0, 0.2, 4000)
    fitted = fit_calibration(scores, relevant, queries=queries, within=True)
    assert fitted.c == 0 < fitted.a
    assert fitted == fit_calibration(scores, relevant, queries=queries)


def test_temperature_leaves_zero_at_a_half() -> None:
    scores, relevant = drawn(20_000, 8.0, 0.0)
    fitted = fit_calibration(scores, relevant, intercept=False)
    assert fitted.b == 0.0
    assert fitted.a == pytest.approx(8.0, rel=0.1)
    assert fitted.probabilities([0.0]).tolist() == [0.5]


def test_temperature_is_not_for_scores_above_zero() -> None:
    scores = np.linspace(0.2, 0.9, 100)
    with pytest.raises(InvalidInput, match="slope") as caught:
        fit_calibration(scores, scores > 0.85, intercept=False)
    assert "intercept" in caught.value.hint


def test_large_and_separable_scores_are_fitted() -> None:
    for scale, shift in ((1e6, 0.0), (1e-6, 0.0), (1.0, 1e6)):
        fitted = fit_calibration(np.array([0.0, 1.0, 2.0, 3.0]) * scale + shift, [0, 0, 1, 1], folds=2)
        told = fitted.probabilities(np.array([0.0, 1.5, 3.0]) * scale + shift)
        assert told == pytest.approx([1 - told[2], 0.5, told[2]], abs=1e-4)
        assert told[2] > 0.7


@pytest.mark.parametrize(
    ("scores", "relevant", "said"),
    [
        ([1.0, 2.0], [0, 0], "no passage is relevant"),
        ([1.0, 2.0], [1, 1], "every passage is relevant"),
        ([1.0, 1.0], [1, 0], "all scores are 1"),
        ([1.0, np.nan], [1, 0], "not finite"),
        ([1.0], [1, 0], "must be"),
        ([1.0, 2.0, 3.0, 4.0], [1, 1, 0, 0], "do not score higher"),
    ],
)
def test_what_cannot_be_fitted(scores: Any, relevant: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        fit_calibration(scores, relevant)


def test_no_query_is_on_both_sides() -> None:
    with pytest.raises(InvalidInput, match="1 different"):
        fit_calibration([1.0, 2.0, 3.0], [0, 1, 1], queries=["q", "q", "q"])
    with pytest.raises(InvalidInput, match="2 queries"):
        fit_calibration([1.0, 2.0, 3.0], [0, 1, 1], queries=["q", "r"])
    # Each query has a level of its own: measured by score, the error hides it; by query it shows.
    rng = np.random.default_rng(1)
    levels = np.repeat(rng.normal(0, 3, 60), 50)
    relevant = rng.random(3000) < Calibration(1.0, 0.0).probabilities(levels)
    scores = levels + rng.normal(0, 0.1, 3000)
    by_query = fit_calibration(scores, relevant, queries=np.repeat(np.arange(60), 50)).ece
    by_score = fit_calibration(scores, relevant).ece
    assert by_query is not None and by_score is not None and by_query >= by_score


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1)), st.integers(1, 20), st.randoms())
def test_the_error_is_that_of_the_bins(told: Any, bins: int, random: Any) -> None:
    relevant = np.array([random.random() < 0.4 for _ in told])
    error = calibration_error(told, relevant, bins=bins)
    assert 0 <= error <= 1
    assert error >= abs(float(told.mean() - relevant.mean())) - 1e-9
    assert calibration_error(relevant.astype(float), relevant, bins=bins) == 0
    order = np.array(random.sample(range(len(told)), len(told)))
    assert calibration_error(told[order], relevant[order], bins=bins) == pytest.approx(error, abs=1e-9)


def test_the_error_of_known_bins() -> None:
    assert calibration_error([0.1] * 10 + [0.9] * 10, [0] * 10 + [1] * 10, bins=2) == pytest.approx(0.1)
    with pytest.raises(InvalidInput):
        calibration_error([], [])


def test_in_and_out_of_a_file(tmp_path: Path) -> None:
    fitted = Calibration(2.5, -1.0, 0.5, 50, 0.02, 100, 7, "cosine over bm25")
    fitted.save(tmp_path / "c.json")
    assert Calibration.read(tmp_path / "c.json") == fitted
    assert Calibration.from_json({"a": 1, "b": 0}) == Calibration(1, 0)


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"a": 1}', '{"a": "x", "b": 0}', '{"a": 1, "b": 0, "d": 2}', '{"a": -1, "b": 0}']
)
def test_files_that_hold_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text, "utf-8")
    with pytest.raises(InvalidInput):
        Calibration.read(tmp_path / "c.json")


def test_a_missing_file_and_odd_numbers() -> None:
    with pytest.raises(InvalidInput):
        Calibration.read("nowhere.json")
    for weights in ((float("nan"), 0.0), (0.0, 0.0), (-1.0, 0.0, 2.0), (1.0, 0.0, float("inf"))):
        with pytest.raises(InvalidInput):
            Calibration(*weights)
    with pytest.raises(InvalidInput):
        Calibration(1.0, 0.0, depth=0)
    with pytest.raises(InvalidInput):
        Calibration(1.0, 0.0).score_at(1.0)


@given(st.floats(0.01, 100), st.floats(-50, 50), st.floats(0.01, 0.99))
def test_the_score_of_a_probability(a: float, b: float, p: float) -> None:
    calibration = Calibration(a, b)
    assert calibration.probabilities([calibration.score_at(p)])[0] == pytest.approx(p, abs=1e-6)


def test_extreme_scores_do_not_overflow() -> None:
    assert Calibration(1e6, 0.0).probabilities([-1e30, 1e30]).tolist() == [0.0, 1.0]


def test_rankings_with_judgements() -> None:
    rankings = [Ranking.of([3, 1, 2], [0.9, 0.5, 0.1]), Ranking.empty(), Ranking.of([1], [0.2])]
    judged = judged_scores(rankings, [{3: 1, 2: 2, 9: 1}, {1: 1}, {1: 0}], depth=2)
    assert judged.scores == pytest.approx([0.9, 0.5, 0.2])
    assert judged.relevant.tolist() == [True, False, False]
    assert judged.queries.tolist() == [0, 0, 2]
    assert judged_scores(rankings, [{3: 1, 2: 2}, {}, {}], relevance=2).relevant.tolist() == [False, False, True, False]
    with pytest.raises(InvalidInput):
        judged_scores(rankings, [{}])
