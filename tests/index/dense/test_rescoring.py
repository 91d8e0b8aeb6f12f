"""Merging and rescoring against definitions in plain Python, and the order that rankings promise."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spaniel.index.dense.rescoring import below, in_order, merged, rescored
from spaniel.retrieval.types import Ranking

SCORES = st.lists(st.integers(-8, 8).map(lambda step: step / 4), min_size=1, max_size=30)


def ranked(scores: list[float], seed: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    ids = np.random.default_rng(seed).permutation(100)[: len(scores)].astype(np.int64)
    return merged(ids, np.array(scores, np.float32), len(scores))


@given(SCORES, st.integers(0, 99), st.integers(1, 40))
def test_merged_is_a_sort(scores: list[float], seed: int, most: int) -> None:
    ids = np.random.default_rng(seed).permutation(100)[: len(scores)].astype(np.int64)
    got_ids, got = merged(ids, np.array(scores, np.float32), most)
    expected = sorted(zip((-s for s in scores), ids.tolist(), strict=True))[:most]
    assert [(-float(s), i) for s, i in zip(got, got_ids.tolist(), strict=True)] == expected


@given(SCORES, SCORES, st.integers(0, 99), st.integers(1, 40))
def test_rescored_keeps_the_order_of_a_ranking(better: list[float], scores: list[float], seed: int, top: int) -> None:
    ids, estimates = ranked(scores, seed)
    exact = {ordinal: better[ordinal % len(better)] for ordinal in ids.tolist()}

    def scoring(wanted: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.array([exact[ordinal] for ordinal in wanted.tolist()], np.float32)

    new_ids, new = rescored(ids, estimates, top, scoring)
    Ranking.of(new_ids, new)  # refuses any other order
    assert new_ids[top:].tolist() == ids[top:].tolist()
    assert sorted(new_ids[:top].tolist()) == sorted(ids[:top].tolist())
    assert [exact[i] for i in new_ids[:top].tolist()] == new[:top].tolist()
    for k in range(top, len(ids)):  # what comes first does not depend on what comes after
        fewer_ids, fewer = rescored(ids[:k], estimates[:k], top, scoring)
        assert fewer_ids.tolist() == new_ids[:k].tolist()
        assert fewer.tolist() == new[:k].tolist()


def test_scores_that_lie_below_already_stay() -> None:
    scores = np.array([0.5, 0.25], np.float32)
    assert below(np.float32(0.75), np.array([1, 0]), scores) is scores


def test_just_below_zero_is_below() -> None:
    """The number below 0 is lost in any sum with a larger one."""
    lowered = below(np.float32(0), np.array([5, 20]), np.array([0.25, 0], np.float32))
    assert lowered[0] < 0
    assert lowered[1] == -0.25


def test_ties_that_rounding_makes_are_put_in_order() -> None:
    """Far below, neighbouring numbers become one; ordinals that descend there need scores that do."""
    tiny = np.array([1 + 2**-23, 1, 1 - 2**-24], np.float32)
    lowered = below(np.float32(-1e6), np.array([9, 5, 7]), tiny)
    Ranking.of(np.array([9, 5, 7]), lowered)
    assert lowered[0] < -1e6


def test_in_order_touches_nothing_that_is() -> None:
    scores = np.array([1, 1, 0], np.float32)
    assert in_order(np.array([3, 4, 1]), scores) is scores
    assert in_order(np.array([4, 3, 1]), scores).tolist() == [1, np.nextafter(np.float32(1), np.float32(0)), 0]
