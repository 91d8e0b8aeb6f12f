"""Policies keep a head of the ranking, within their bounds, and compose with `>>`."""

from typing import Any

import numpy as np
import pytest
from contracts.toy import WordCount
from hypothesis import given
from hypothesis import strategies as st

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.cumulative import CumulativeProbability
from spaniel.retrieval.policies.score_calibration import Calibration
from spaniel.retrieval.policies.threshold import Threshold
from spaniel.retrieval.protocols import CutoffPolicy
from spaniel.retrieval.types import Ranking

SCORES = st.lists(st.floats(-20, 20, width=32), max_size=30)
CALIBRATION = Calibration(0.7, -0.3)


def ranked(scores: list[float]) -> Ranking:
    return Ranking.sorted(np.arange(len(scores)), scores)


@given(SCORES, st.floats(-20, 20), st.integers(0, 5), st.one_of(st.none(), st.integers(5, 9)))
def test_threshold_by_score(scores: list[float], least: float, min_k: int, max_k: int | None) -> None:
    kept = Threshold(min_score=least, min_k=min_k, max_k=max_k).cut("q", ranked(scores))
    enough = sum(np.float32(score) >= np.float32(least) for score in scores)
    assert kept == min(max(enough, min_k), len(scores), len(scores) if max_k is None else max_k)


def test_a_score_reaches_a_threshold_that_is_written_alike() -> None:
    assert Threshold(min_score=0.7).cut("q", ranked([0.7])) == 1


@given(SCORES, st.floats(0.01, 0.99))
def test_threshold_by_probability(scores: list[float], least: float) -> None:
    ranking = ranked(scores)
    kept = Threshold(min_probability=least, calibration=CALIBRATION).cut("q", ranking)
    assert kept == sum(1 / (1 + np.exp(-(0.7 * float(score) - 0.3))) >= least for _, score in ranking)


@given(SCORES, st.floats(0.01, 1.0), st.sampled_from(["all", "any"]), st.one_of(st.none(), st.integers(1, 10)))
def test_cumulative_is_the_shortest_head(scores: list[float], mass: float, of: Any, depth: int | None) -> None:
    mass = min(mass, 0.99)
    ranking = ranked(scores)
    kept = CumulativeProbability(mass, Calibration(0.7, -0.3, depth=depth), of, min_k=0).cut("q", ranking)
    p = [1 / (1 + np.exp(-(0.7 * score - 0.3))) for _, score in ranking[:depth]]

    def reached(k: int) -> float:
        return 1 - float(np.prod([1 - each for each in p[:k]])) if of == "any" else sum(p[:k]) / sum(p)

    if kept < len(p):
        assert reached(kept) >= mass - 1e-9
    if kept > 1:
        assert reached(kept - 1) < mass + 1e-9
    assert (kept == 0) == (not scores)


def test_bounds_of_cumulative() -> None:
    sure = ranked([9.0, -9.0, -9.0])
    assert CumulativeProbability(0.9).cut("q", sure) == 1
    assert CumulativeProbability(0.9, min_k=2).cut("q", sure) == 2
    assert CumulativeProbability(0.9, min_k=5).cut("q", sure) == 3
    flat = ranked([0.0] * 20)
    assert CumulativeProbability(0.9).cut("q", flat) == 18
    assert CumulativeProbability(0.9, max_k=4).cut("q", flat) == 4
    assert CumulativeProbability(0.9, of="any").cut("q", flat) == 4
    assert CumulativeProbability(1.0).cut("q", flat) == 20
    hopeless = ranked([-1e4] * 5)
    assert CumulativeProbability(0.9).cut("q", hopeless) == 1
    assert CumulativeProbability(0.9, of="any").cut("q", hopeless) == 5


def test_a_threshold_on_where_a_score_stands_in_its_ranking() -> None:
    standing = Calibration(0.0, -1.0, 1.0, depth=4)
    policy = Threshold(min_probability=0.5, calibration=standing)
    for level in (0.0, 100.0):
        assert policy.cut("q", ranked([level + 9, level + 8, level + 1, level])) == 1
    assert policy.cut("q", ranked([1e3, 9, 8, 1, 0])) == 1
    assert policy.cut("q", ranked([5.0] * 4)) == 0


@pytest.mark.parametrize("policy", [Threshold(min_score=2.0), CumulativeProbability(0.7)])
def test_they_are_stages(policy: CutoffPolicy) -> None:
    assert isinstance(policy, CutoffPolicy)
    pipeline = WordCount(["key", "key key key", "cat", "key key"]) >> policy
    [ranking] = pipeline.search(["key"])
    assert ranking.ids.tolist() == [1, 3]
    assert pipeline.name == f"words >> {policy.name}"  # type: ignore[attr-defined]
    assert policy.cut("key", Ranking.empty()) == 0


@pytest.mark.parametrize("policy", [Threshold(min_score=2.0), CumulativeProbability(0.7)])
def test_places_bring_a_warning(policy: CutoffPolicy) -> None:
    with pytest.warns(UserWarning, match="these rankings hold places"):
        policy.cut("key", ranked([7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Threshold(),
        lambda: Threshold(min_score=1.0, min_probability=0.5),
        lambda: Threshold(min_score=float("nan")),
        lambda: Threshold(min_probability=0.5),
        lambda: Threshold(min_probability=1.0, calibration=CALIBRATION),
        lambda: Threshold(min_score=1.0, min_k=-1),
        lambda: Threshold(min_score=1.0, min_k=3, max_k=2),
        lambda: CumulativeProbability(0.0),
        lambda: CumulativeProbability(1.0, of="any"),
        lambda: CumulativeProbability(0.5, of="most"),  # type: ignore[arg-type]
        lambda: CumulativeProbability(0.5, max_k=0),
    ],
)
def test_options_are_checked(make: Any) -> None:
    with pytest.raises(InvalidInput):
        make()
