"""Static hard negatives: which of a ranking they are, and what is drawn of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.retrieval.types import Ranking
from spaniel.training.examples import Example
from spaniel.training.methods.hard import HardNegatives, best_rows, kept_negatives, positive_score
from spaniel.training.settings import settings_for

SETTINGS = settings_for("star", relative_margin=0.0, rank_to=3)
EXAMPLE = Example("q", "", {5: 1, 8: 2})
IDS, SCORES = np.array([9, 8, 4, 5, 3, 2, 1]), np.array([0.9, 0.8, 0.79, 0.5, 0.4, 0.3, 0.2], np.float32)


def kept(**changed: object) -> list[int]:
    settings = replace(SETTINGS, **changed)
    best = positive_score(EXAMPLE, Ranking.of(IDS, SCORES))
    return kept_negatives(EXAMPLE, IDS, SCORES, best, settings).tolist()


def test_ranks_count_without_the_positives() -> None:
    assert kept() == [9, 4, 3]
    assert kept(rank_from=1, rank_to=3) == [4, 3]


def test_what_scores_nearly_as_high_as_the_best_positive_is_left_out() -> None:
    assert kept(relative_margin=0.05) == [3, 2, 1]  # at most .8 - .04


def test_without_a_positive_in_the_ranking_nothing_is_compared() -> None:
    assert positive_score(Example("q", "", {77: 1}), Ranking.of(IDS, SCORES)) is None
    assert kept_negatives(EXAMPLE, IDS, SCORES, None, replace(SETTINGS, relative_margin=0.5)).tolist() == [9, 4, 3]


@given(st.lists(st.lists(st.integers(0, 99), max_size=5, unique=True), max_size=4), st.integers(0, 7))
def test_draws_are_of_the_question_s_own_without_repeats(rows: list[list[int]], count: int) -> None:
    hard = HardNegatives(len(rows))
    hard.fill(rows)
    for place, row in enumerate(rows):
        drawn = hard.drawn(place, count, np.random.default_rng(place))
        assert set(drawn) <= set(row) and len(set(drawn)) == len(drawn) == min(count, len(row))


@given(st.integers(1, 9), st.integers(1, 12), st.integers(1, 15), st.integers(0, 5))
def test_best_rows_are_those_of_sorting_all(n_queries: int, n_rows: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    queries, rows = (rng.integers(-2, 3, (n, 3)).astype(np.float32) for n in (n_queries, n_rows))
    found, scores = best_rows(queries, rows, k)
    products = queries @ rows.T
    for place, row in enumerate(products):
        np.testing.assert_array_equal(scores[place], -np.sort(-row)[: min(k, n_rows)])
        np.testing.assert_array_equal(row[found[place]], scores[place])
        assert len(set(found[place].tolist())) == min(k, n_rows)


def test_best_rows_without_ties_at_the_end_go_by_row() -> None:
    rows = np.array([[1.0], [2.0], [2.0], [0.0]], np.float32)
    assert best_rows(np.ones((1, 1), np.float32), rows, 3)[0].tolist() == [[1, 2, 0]]


def test_nothing_to_draw() -> None:
    hard = HardNegatives(2)
    assert hard.drawn(1, 3, np.random.default_rng(0)) == []


@pytest.mark.parametrize("count", [0, 1])
def test_draws_repeat_by_seed(count: int) -> None:
    hard = HardNegatives(1)
    hard.fill([list(range(50))])
    first, second = (hard.drawn(0, count, np.random.default_rng([3, 1])) for _ in range(2))
    assert first == second
