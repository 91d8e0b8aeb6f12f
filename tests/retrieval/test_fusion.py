"""Each fusion equals its definition written with dicts."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.fusion import convex, interleave, minmax, rrf
from spaniel.retrieval.types import Ranking

VALUES = st.floats(-100, 100, width=32).map(lambda value: round(value, 1))
RANKINGS = st.dictionaries(st.integers(0, 20), VALUES, max_size=12).map(
    lambda pairs: Ranking.sorted(list(pairs), list(pairs.values()))
)
SEVERAL = st.lists(RANKINGS, min_size=1, max_size=4)


def assert_same(found: Ranking, expected: dict[int, float]) -> None:
    """Same passages, scores equal to rounding, in the order of their own scores."""
    assert sorted(found.ids.tolist()) == sorted(expected)
    wanted = [expected[id_] for id_, _ in found]
    np.testing.assert_allclose(found.scores, wanted, rtol=1e-5, atol=1e-5)
    assert Ranking.of(found.ids, found.scores) == found


@given(SEVERAL, st.integers(1, 100), st.none() | st.integers(1, 5))
def test_rrf(rankings: list[Ranking], k: int, depth: int | None) -> None:
    expected: dict[int, float] = defaultdict(float)
    for ranking in rankings:
        for rank, (id_, _) in enumerate(list(ranking)[:depth], 1):
            expected[id_] += 1 / (k + rank)
    assert_same(rrf(rankings, k=k, depth=depth), expected)


def z_scores(ranking: Ranking) -> dict[int, float]:
    scores = [score for _, score in ranking]
    mean = sum(scores) / max(len(scores), 1)
    deviation = (sum((s - mean) ** 2 for s in scores) / max(len(scores), 1)) ** 0.5
    return {id_: (score - mean) / deviation if len(set(scores)) > 1 else 0.0 for id_, score in ranking}


def stretched(ranking: Ranking) -> dict[int, float]:
    scores = [score for _, score in ranking]
    low, high = min(scores, default=0), max(scores, default=0)
    return {id_: (score - low) / (high - low) if high > low else 1.0 for id_, score in ranking}


@given(st.data(), SEVERAL)
def test_convex(data: st.DataObject, rankings: list[Ranking]) -> None:
    weights = data.draw(st.lists(st.floats(0, 2), min_size=len(rankings), max_size=len(rankings)))
    tables = [z_scores(ranking) for ranking in rankings]
    ids = {id_ for table in tables for id_ in table}
    expected = {
        id_: sum(w * t.get(id_, min(t.values(), default=0.0)) for w, t in zip(weights, tables, strict=True))
        for id_ in ids
    }
    assert_same(convex(rankings, weights), expected)


@given(st.data(), SEVERAL)
def test_minmax(data: st.DataObject, rankings: list[Ranking]) -> None:
    weights = data.draw(st.lists(st.floats(0, 2), min_size=len(rankings), max_size=len(rankings)))
    tables = [stretched(ranking) for ranking in rankings]
    ids = {id_ for table in tables for id_ in table}
    expected = {id_: sum(w * t.get(id_, 0.0) for w, t in zip(weights, tables, strict=True)) for id_ in ids}
    assert_same(minmax(rankings, weights), expected)


@given(SEVERAL, st.none() | st.integers(1, 5))
def test_interleave(rankings: list[Ranking], depth: int | None) -> None:
    dealt: list[int] = []
    for turn in range(max(map(len, rankings)) if depth is None else depth):
        for ranking in rankings:
            if turn < len(ranking) and int(ranking.ids[turn]) not in dealt:
                dealt.append(int(ranking.ids[turn]))
    found = interleave(rankings, depth=depth)
    assert found.ids.tolist() == dealt
    assert found.scores.tolist() == list(range(len(dealt), 0, -1))


@given(SEVERAL)
def test_equal_weights_are_the_default(rankings: list[Ranking]) -> None:
    even = [1 / len(rankings)] * len(rankings)
    assert convex(rankings) == convex(rankings, even)
    assert minmax(rankings) == minmax(rankings, even)


def test_ties_break_by_ordinal() -> None:
    assert rrf([Ranking.of([9, 2], [2, 1]), Ranking.of([2, 9], [2, 1])]).ids.tolist() == [2, 9]


def test_bad_arguments_are_named() -> None:
    one = [Ranking.of([1], [1.0])]
    for fusion in (rrf, convex, minmax, interleave):
        with pytest.raises(InvalidInput, match="no rankings"):
            fusion([])
    with pytest.raises(InvalidInput, match="k is 0"):
        rrf(one, k=0)
    for weights in ([1.0, 2.0], [-1.0], [float("nan")], []):
        for weighted in (convex, minmax):
            with pytest.raises(InvalidInput, match="weights"):
                weighted(one, weights)
