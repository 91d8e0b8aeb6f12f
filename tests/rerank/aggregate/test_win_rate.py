import numpy as np

from spaniel.rerank.aggregate.win_rate import win_rate
from spaniel.rerank.aggregate.wins import wins_of_orders, wins_of_pairs


def test_wins_over_comparisons() -> None:
    wins = wins_of_pairs([(0, 1), (1, 2), (0, 2), (2, 0)], [1.0, 0.5, 1.0, 1.0], 3)
    assert win_rate(wins, prior=0).tolist() == [2 / 3, 0.25, 0.5]


def test_who_was_never_compared_has_a_half_without_a_prior() -> None:
    assert win_rate(wins_of_orders([(1, 0)], 3), prior=0).tolist() == [0.0, 1.0, 0.5]


def test_without_comparisons_the_prior_falls_with_the_place() -> None:
    rates = win_rate(np.zeros((5, 5)), prior=1.0)
    assert (np.diff(rates) < 0).all()
    assert rates[0] + rates[-1] < 1.1
