"""The knapsack against every set there is."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rag.packing.knapsack import Knapsack, knapsack
from spaniel.retrieval.errors import InvalidInput
from tests.contracts.packer import PackerContract, candidates_of, words


class TestAsItIs(PackerContract):
    packer = Knapsack()


class TestSharp(PackerContract):
    packer = Knapsack(sharpness=3.5, links=0.0, depth=4, order="source")


ITEMS = st.lists(st.tuples(st.integers(-1, 6), st.integers(0, 9)), max_size=7)


def best(items: list[tuple[int, int]], budget: int) -> tuple[int, tuple[int, ...]]:
    """The greatest worth, and the smallest places that reach it out of what is worth anything."""
    useful = [place for place, (worth, _) in enumerate(items) if worth > 0]
    sets = [each for n in range(len(useful) + 1) for each in combinations(useful, n)]
    fitting = [each for each in sets if sum(items[place][1] for place in each) <= budget]
    worths = {each: sum(items[place][0] for place in each) for each in fitting}
    top = max(worths.values())
    # of two sets worth the same, the one that has the first place in which they differ
    return top, max((each for each in fitting if worths[each] == top), key=lambda each: [-p for p in (*each, 99)])


@given(ITEMS, st.integers(1, 25))
def test_the_best_set(items: list[tuple[int, int]], budget: int) -> None:
    worths, prices = (np.array([item[i] for item in items], kind) for i, kind in ((0, np.float64), (1, np.int64)))
    assert tuple(knapsack(worths, prices, budget)) == best(items, budget)[1]


@given(ITEMS, st.integers(1, 60), st.integers(1, 12))
def test_rounded_up_it_keeps_the_budget_and_what_it_promises(
    items: list[tuple[int, int]], budget: int, steps: int
) -> None:
    worths, prices = (np.array([item[i] for item in items], kind) for i, kind in ((0, np.float64), (1, np.int64)))
    taken = knapsack(worths, prices, budget, steps=steps)
    assert prices[taken].sum() <= budget
    step = -(-budget // steps)
    smaller = budget - (len(items) + 1) * (step - 1)
    if smaller >= 0:
        assert worths[taken].sum() >= best(items, smaller)[0]


def test_two_short_ones_beat_a_long_one() -> None:
    texts = ["one two three four", "Y", "Z", "no no no"]
    candidates = candidates_of(texts, [1.0, 0.9, 0.8, 0.0])
    packed = Knapsack(sharpness=1.0).pack("", candidates, budget_tokens=4, count=words)
    assert [each.text for each in packed.excerpts] == ["Y", "Z"]
    assert packed.numbers["worth"] == pytest.approx(1.7)


def test_settings_that_cannot_be() -> None:
    with pytest.raises(InvalidInput, match="sharpness is 0; it must be above 0"):
        Knapsack(sharpness=0.0)
