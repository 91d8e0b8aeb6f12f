"""Rankings keep one total order and cannot be changed; bad values are named."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document, Query, Ranking, as_queries

# Few distinct scores, so that ties are common; one pair differs as float64 only.
SCORES = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 1.00000001, 3.5])
PAIRS = st.dictionaries(st.integers(0, 2**31 - 1), SCORES, max_size=30)


@given(PAIRS)
def test_sorted_is_descending_float32_score_then_ordinal(pairs: dict[int, float]) -> None:
    ranking = Ranking.sorted(list(pairs), list(pairs.values()))
    expected = sorted(pairs.items(), key=lambda item: (-float(np.float32(item[1])), item[0]))
    assert ranking.ids.tolist() == [id_ for id_, _ in expected]
    assert ranking.scores.tolist() == [float(np.float32(score)) for _, score in expected]
    assert Ranking.of(ranking.ids, ranking.scores) == ranking


@given(PAIRS, st.randoms())
def test_of_accepts_exactly_the_sorted_order(pairs: dict[int, float], random: object) -> None:
    ids = list(pairs)
    random.shuffle(ids)  # type: ignore[attr-defined]
    scores = [pairs[id_] for id_ in ids]
    right = Ranking.sorted(ids, scores)
    if right.ids.tolist() == ids:
        assert Ranking.of(ids, scores) == right
    else:
        with pytest.raises(InvalidInput, match="out of order"):
            Ranking.of(ids, scores)


@given(PAIRS, st.slices(30))
def test_slices_are_rankings(pairs: dict[int, float], place: slice) -> None:
    ranking = Ranking.sorted(list(pairs), list(pairs.values()))
    if place.step is not None and place.step < 1:
        with pytest.raises(InvalidInput, match="order"):
            ranking[place]
    else:
        assert list(ranking[place]) == list(ranking)[place]


@given(PAIRS, st.sets(st.integers(0, 2**31 - 1)))
def test_without(pairs: dict[int, float], extra: set[int]) -> None:
    ranking = Ranking.sorted(list(pairs), list(pairs.values()))
    dropped = set(list(pairs)[::2]) | extra
    assert list(ranking.without(dropped)) == [(id_, score) for id_, score in ranking if id_ not in dropped]


@pytest.mark.parametrize(
    ("ids", "scores", "named"),
    [
        ([1, 1], [2.0, 1.0], "twice"),
        ([-1], [2.0], "-1"),
        ([2**31], [2.0], "2147483648"),
        ([1, 2], [2.0], r"\(2,\)"),
        ([[1]], [[2.0]], r"\(1, 1\)"),
        ([1.5], [2.0], "integers"),
        ([1, 2], [2.0, float("nan")], "ordinal 2 is nan"),
        ([1], [float("inf")], "inf"),
        ([7], [1e39], "ordinal 7 is inf"),
    ],
)
def test_bad_values_are_named(ids: list[object], scores: list[float], named: str) -> None:
    for make in (Ranking.of, Ranking.sorted):
        with pytest.raises(InvalidInput, match=named):
            make(ids, scores)  # type: ignore[arg-type]


def test_wrong_dtypes_are_refused_by_the_constructor() -> None:
    with pytest.raises(InvalidInput, match="int64"):
        Ranking(np.array([1]), np.array([1.0], np.float32))  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="float64"):
        Ranking(np.array([1], np.int32), np.array([1.0]))  # type: ignore[arg-type]


def test_read_only_without_freezing_the_callers_arrays() -> None:
    ids, scores = np.array([3, 7], np.int32), np.array([2.0, 1.0], np.float32)
    ranking = Ranking(ids, scores)
    with pytest.raises(ValueError, match="read-only"):
        ranking.ids[0] = 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        ranking.ids = ids  # type: ignore[misc]
    ids[0] = 4  # still the caller's
    copied = Ranking.of(ids, scores)
    ids[0] = 5
    assert copied.ids.tolist() == [4, 7]


def test_rankings_compare_by_value() -> None:
    assert Ranking.of([1, 2], [3, 2]) == Ranking.sorted([2, 1], [2, 3])
    assert Ranking.of([1], [3]) != Ranking.of([1], [2])
    assert Ranking.of([1], [3]) != "ranking"
    assert Ranking.empty() == Ranking.of([], [])
    with pytest.raises(TypeError, match="unhashable"):
        hash(Ranking.empty())


def test_ranking_speaks() -> None:
    assert repr(Ranking.of([4, 1], [2.5, 0.125])) == "Ranking(2 passages: 4: 2.5, 1: 0.125)"
    assert Ranking.of([4, 1], [2.5, 0.125])[1] == (1, 0.125)
    assert "..." in repr(Ranking.of(range(9), range(9, 0, -1)))


def test_as_queries() -> None:
    assert [q.text for q in as_queries("one query, not letters")] == ["one query, not letters"]
    kept = Query("7", "b")
    first, second = as_queries(["a", kept])
    assert (first.id, first.text) == ("", "a")
    assert second is kept
    assert as_queries(kept) == [kept]
    with pytest.raises(InvalidInput, match="number 1 is int"):
        as_queries(["a", 3])  # type: ignore[list-item]


def test_documents_do_not_share_their_default_meta() -> None:
    assert Document("a", "x").meta is not Document("b", "y").meta
