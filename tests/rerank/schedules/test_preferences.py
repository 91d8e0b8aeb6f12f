"""Asking pairs: matches side by side, what is remembered when the budget ends, and the orders made of it."""

import numpy as np
import pytest

from spaniel.rerank.questions import Prefer, Spent
from spaniel.rerank.schedules.preferences import Matches, Pair, Preferences, soonest, together


def ladder(places: list[int]) -> Matches[int]:
    """The best of them, one after the other; a round each."""
    best = places[0]
    for place in places[1:]:
        (stays,) = yield [(best, place)]
        best = best if stays else place
    return best


def test_side_by_side_takes_as_many_rounds_as_the_longest() -> None:
    matches = together([ladder([0, 1, 2]), ladder([3]), ladder([4, 5]), ladder([6, 7, 8, 9])])
    rounds: list[list[Pair]] = [next(matches)]
    with pytest.raises(StopIteration) as end:
        while True:
            rounds.append(matches.send([a > b for a, b in rounds[-1]]))
    assert end.value.value == [2, 3, 5, 9]
    assert rounds == [[(0, 1), (4, 5), (6, 7)], [(1, 2), (7, 8)], [(8, 9)]]


def test_nothing_side_by_side_is_no_round() -> None:
    with pytest.raises(StopIteration) as end:
        next(together([ladder([3])]))
    assert end.value.value == [3]


def test_answers_that_came_before_the_end_are_remembered_once() -> None:
    seen = Preferences(4)
    asking = seen.play(together([ladder([0, 1, 2]), ladder([3, 2])]))
    assert next(asking) == [Prefer(0, 1), Prefer(3, 2)]
    assert asking.send([0.0, 1.0]) == [Prefer(1, 2)]
    with pytest.raises(Spent):
        asking.send([])
    expected = np.zeros((4, 4))
    expected[1, 0] = expected[3, 2] = 1
    assert np.array_equal(seen.wins(), expected)
    again = seen.ask([(0, 1)])
    next(again)
    with pytest.raises(StopIteration):
        again.send([0.25])
    assert (seen.wins()[0, 1], seen.wins()[1, 0]) == (0.25, 0.75)


def test_orders_behind_the_heads() -> None:
    seen = Preferences(6)
    asking = seen.ask([(4, 5), (5, 3), (5, 2), (5, 1), (5, 0)])
    next(asking)
    with pytest.raises(StopIteration) as end:
        asking.send([0.5, 1.0, 1.0, 1.0, 0.5])
    assert end.value.value == [True, True, True, True, False], "ties go to the smaller place"
    assert seen.by_place([4, 2]).order == (4, 2, 0, 1, 3, 5)
    assert seen.likely()[:2] == (0, 5), "who beat many comes up, behind the first that it did not beat"
    assert seen.by_wins([3, 5]).order[:3] == (3, 5, 0)
    assert seen.by_wins([3, 5], refit=True).order[:3] == (5, 3, 0)


def test_nothing_known_is_the_first_stages_order() -> None:
    assert Preferences(5).likely() == (0, 1, 2, 3, 4)
    assert Preferences(0).by_wins().order == ()


def test_pairs_near_the_top_come_soonest() -> None:
    assert soonest([(1, 2), (0, 3), (0, 1), (2, 3)]) == [(0, 1), (0, 3), (1, 2), (2, 3)]
