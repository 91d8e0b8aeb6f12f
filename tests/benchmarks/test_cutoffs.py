"""The experiment with cut-offs: its measures, and how a setting is chosen."""

import numpy as np
import pytest

from benchmarks.cutoff_lists import DEPTH, Lists
from benchmarks.cutoffs import Halves, cheapest, compared, f1, ndcg, oracle, recall


def drawn(n: int, seed: int) -> Lists:
    """Lists in which the first relevant passage stands at the top of every other query."""
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.exponential(1.0, (n, DEPTH)).astype(np.float32))[:, ::-1].copy()
    grades = np.zeros((n, DEPTH), np.int16)
    easy = rng.random(n) < 0.5
    scores[easy, 0] += 5
    grades[np.arange(n), np.where(easy, 0, rng.integers(0, 30, n))] = 1
    ideal = np.tile([1] + [0] * 9, (n, 1)).astype(np.int16)
    texts = [f"q{i}" for i in range(n)]
    return Lists(
        "drawn", "test", "bm25", texts, texts, scores, grades, np.full((n, DEPTH), 50.0), ideal, np.ones(n, int)
    )


def test_measures_of_what_is_kept() -> None:
    lists = drawn(2, 0).some(np.array([0, 1]))
    lists.grades[:] = 0
    lists.grades[0, [1, 4]] = 1
    lists.n_relevant[:] = [2, 1]
    lists.ideal[0, :2] = 1
    kept = np.array([2, 3])
    assert recall(lists, kept).tolist() == [0.5, 0.0]
    assert f1(lists, kept).tolist() == [0.5, 0.0]
    assert ndcg(lists, kept)[0] == pytest.approx(1 / np.log2(3) / (1 + 1 / np.log2(3)))
    assert oracle(lists, np.array([5, 5])).tolist() == [5, 1]
    assert oracle(lists, np.array([3, 3])).tolist() == [2, 1]


def test_two_settings_are_mixed_to_what_is_wanted() -> None:
    part = Halves.__new__(Halves)
    part.fit = drawn(40, 1)
    part.fit.grades[:] = 0
    part.fit.grades[:20, 0], part.fit.grades[20:, 9] = 1, 1
    settings = [np.full(40, k) for k in (1, 5, 10)]
    mix = cheapest([settings], [part], 0.75)
    assert mix == {0: 0.5, 2: 0.5}
    assert cheapest([settings], [part], 0.5) == {0: 1.0}
    assert cheapest([settings[:2]], [part], 0.6) is None


def test_a_policy_that_sees_which_queries_are_easy_reads_less() -> None:
    result = compared([Halves(drawn(60, 2), drawn(60, 3))], [10])
    rows = result["fixed"]["10"]["families"]
    assert rows["priced"]["fewer"]["share"] > 0.1
    assert rows["priced"]["fewer"]["share"] > rows["fixed-k"]["fewer"]["share"]
    assert rows["oracle"]["recall"]["difference"] == 0
