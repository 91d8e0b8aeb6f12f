"""What every cut-off policy promises: inherit `CutoffContract` and parametrize its `policy`."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaniel.retrieval.protocols import CutoffPolicy
from spaniel.retrieval.types import Query, Ranking

from .toy import WordCount

__all__ = ["CutoffContract", "ranked"]

SCORES = st.lists(st.floats(-30, 30, width=32), max_size=40)
ODD = [
    [0.5],
    [0.0] * 12,
    [-1.0] * 3,
    [3e38, 0.0, -3e38],
    [1e-45, 0.0],
    [2.0, 1.0],
    [1e30, 1.0, 1.0, 1.0],
    list(np.linspace(5, 1, 200) + 0.25),
    [9.0, *[1.0] * 149],
]


def ranked(scores: list[float]) -> Ranking:
    """The scores, sorted, of passages 0, 1, 2, ..."""
    return Ranking.sorted(np.arange(len(scores)), scores)


class CutoffContract:
    """The suite. `policy` is parametrized indirectly; each must be safe to share between tests."""

    @pytest.fixture
    def policy(self, request: pytest.FixtureRequest) -> CutoffPolicy:
        given: CutoffPolicy = request.param
        return given

    def test_plays_the_role(self, policy: CutoffPolicy) -> None:
        assert isinstance(policy, CutoffPolicy)

    @given(scores=SCORES)
    @settings(
        max_examples=30,
        deadline=None,
        suppress_health_check=[HealthCheck.differing_executors, HealthCheck.function_scoped_fixture],
    )
    @pytest.mark.filterwarnings("ignore:.*these rankings hold places")
    def test_k_lies_within_the_ranking_and_is_explained(self, policy: CutoffPolicy, scores: list[float]) -> None:
        check(policy, ranked(scores))

    @pytest.mark.parametrize("place", range(len(ODD)))
    def test_odd_rankings(self, policy: CutoffPolicy, place: int) -> None:
        check(policy, ranked(ODD[place]))

    def test_nothing_found(self, policy: CutoffPolicy) -> None:
        assert policy.cut("q", Ranking.empty()) == 0
        assert policy.explain("q", Ranking.empty())["k"] == 0

    def test_what_passages_are_called_does_not_matter(self, policy: CutoffPolicy) -> None:
        scores = np.sort(np.random.default_rng(1).exponential(3, 60)).astype(np.float32)[::-1].tolist()
        assert policy.cut("q", Ranking.of(range(60), scores)) == policy.cut("q", Ranking.of(range(7, 67), scores))

    def test_texts_and_queries_are_taken(self, policy: CutoffPolicy) -> None:
        ranking = ranked([3.5, 2.25, 1.125, 0.5])
        assert policy.cut("a question", ranking) == policy.cut(Query("1", "a question"), ranking)

    def test_from_several_threads(self, policy: CutoffPolicy) -> None:
        rng = np.random.default_rng(2)
        rankings = [ranked(rng.exponential(3, 50).tolist()) for _ in range(40)]
        with ThreadPoolExecutor(4) as pool:
            at_once = list(pool.map(lambda ranking: policy.cut("q", ranking), rankings))
        assert at_once == [policy.cut("q", ranking) for ranking in rankings]

    @pytest.mark.filterwarnings("ignore:.*these rankings hold places")
    def test_is_a_stage_and_tells_why(self, policy: CutoffPolicy) -> None:
        words = WordCount(["key", "key key key", "cat", "key key"])
        (before,) = words.search(["key"])
        found = (words >> policy)("key")
        assert len(found) == policy.cut("key", before)
        assert found.trace[-1].why == policy.explain("key", before)
        assert f"k {len(found)}" in found.explain()


def check(policy: CutoffPolicy, ranking: Ranking) -> None:
    """cut and explain agree on a number within the ranking, again and again, and the reasons can be written."""
    k = policy.cut("q", ranking)
    why = policy.explain("q", ranking)
    assert type(k) is int and 0 <= k <= len(ranking)
    assert why["k"] == k == policy.cut("q", ranking)
    assert json.loads(json.dumps(why, allow_nan=False)) == dict(why)
