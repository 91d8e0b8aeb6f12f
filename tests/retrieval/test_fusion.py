"""Each fusion equals its definition written with dicts."""

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.fusion import convex, interleave, minmax, rrf, weighted
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


def filled(ranking: Ranking, floor: float | None, longest: int) -> list[float]:
    """Its scores, and as many times the floor as it is shorter than the longest."""
    scores = [score for _, score in ranking]
    return scores if floor is None else scores + [floor] * (longest - len(scores))


def z_scores(scores: list[float]) -> list[float]:
    mean = sum(scores) / max(len(scores), 1)
    deviation = (sum((s - mean) ** 2 for s in scores) / max(len(scores), 1)) ** 0.5
    return [(score - mean) / deviation if len(set(scores)) > 1 else 0.0 for score in scores]


def stretched(scores: list[float]) -> list[float]:
    low, high = min(scores, default=0), max(scores, default=0)
    return [(score - low) / (high - low) if high > low else 1.0 for score in scores]


def as_they_are(scores: list[float]) -> list[float]:
    return scores


FLOOR = st.none() | st.floats(-200, 0).map(lambda value: round(value, 1))


@pytest.mark.parametrize(("fusion", "scale"), [(convex, z_scores), (minmax, stretched), (weighted, as_they_are)])
@given(st.data(), SEVERAL)
def test_weighted_sums(
    fusion: Callable[..., Ranking], scale: object, data: st.DataObject, rankings: list[Ranking]
) -> None:
    n = len(rankings)
    weights = data.draw(st.lists(st.floats(0, 2), min_size=n, max_size=n))
    floors = data.draw(st.none() | st.lists(FLOOR, min_size=n, max_size=n))
    longest = max(map(len, rankings))
    columns = [filled(r, f, longest) for r, f in zip(rankings, floors or [None] * n, strict=True)]
    values = [scale(column) for column in columns]  # type: ignore[operator]
    tables = [dict(zip(r.ids.tolist(), v, strict=False)) for r, v in zip(rankings, values, strict=True)]
    absent = [0.0 if fusion is minmax else min(v, default=0.0) for v in values]
    expected = {
        id_: sum(w * t.get(id_, a) for w, t, a in zip(weights, tables, absent, strict=True))
        for id_ in {id_ for table in tables for id_ in table}
    }
    assert_same(fusion(rankings, weights, floors=floors), expected)


def test_a_floor_tells_the_last_of_a_few_from_what_was_not_found() -> None:
    few, many = Ranking.of([4], [3.0]), Ranking.of([1, 4, 2, 3], [0.9, 0.8, 0.7, 0.6])
    assert convex([few, many]).ids[0] == 1  # a list of one has no deviation, so it says nothing
    assert convex([few, many], floors=[0.0, None]).ids[0] == 4


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
    assert weighted(rankings) == weighted(rankings, even)


def test_ties_break_by_ordinal() -> None:
    assert rrf([Ranking.of([9, 2], [2, 1]), Ranking.of([2, 9], [2, 1])]).ids.tolist() == [2, 9]


def test_bad_arguments_are_named() -> None:
    one = [Ranking.of([1], [1.0])]
    for fusion in (rrf, convex, minmax, weighted, interleave):
        with pytest.raises(InvalidInput, match="no rankings"):
            fusion([])
    with pytest.raises(InvalidInput, match="k is 0"):
        rrf(one, k=0)
    for weights in ([1.0, 2.0], [-1.0], [float("nan")], []):
        for fusion in (convex, minmax, weighted):
            with pytest.raises(InvalidInput, match="weights"):
                fusion(one, weights)
    for floors in ([], [0.0, 0.0], [float("nan")]):
        with pytest.raises(InvalidInput, match="floors"):
            convex(one, floors=floors)
