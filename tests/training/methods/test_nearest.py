"""The nearest of vectors that come piece by piece are those of sorting all of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.retrieval.types import Query
from spaniel.training.examples import Example
from spaniel.training.methods.nearest import FoundBefore, Nearest


@given(st.integers(0, 9), st.lists(st.integers(0, 9), max_size=5), st.integers(1, 15), st.integers(0, 5))
def test_they_are_those_of_sorting_all(n_queries: int, pieces: list[int], k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    queries, rows = (rng.integers(-2, 3, (n, 3)).astype(np.float32) for n in (n_queries, sum(pieces)))
    ordinals = np.sort(rng.choice(100, len(rows), replace=False))
    nearest = Nearest(queries, k)
    for start, length in zip(np.cumsum([0, *pieces]), pieces, strict=False):
        nearest.add(ordinals[start : start + length], rows[start : start + length])
    for query, ranking in zip(queries, nearest.rankings(), strict=True):
        scores = rows @ query
        order = np.lexsort((ordinals, -scores))[:k]
        assert ranking.ids.tolist() == ordinals[order].tolist()
        assert ranking.scores.tolist() == scores[order].tolist()


def test_more_queries_and_passages_than_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    queries, rows = (rng.integers(-3, 4, (n, 4)).astype(np.float32) for n in (150, 40))
    whole, pieces = Nearest(queries, 7), Nearest(queries, 7)
    whole.add(np.arange(40), rows)
    monkeypatch.setattr("spaniel.training.methods.nearest._ROWS", 9)
    pieces.add(np.arange(40), rows)
    assert [each.ids.tolist() for each in pieces.rankings()] == [each.ids.tolist() for each in whole.rankings()]


def test_what_was_found_before_is_given_by_question() -> None:
    nearest = Nearest(np.eye(2, dtype=np.float32), 2)
    nearest.add(np.array([4, 8]), np.array([[1, 0], [0.5, 1]], np.float32))
    retriever = FoundBefore([Example("a", "x", {}), Example("b", "y", {})], nearest, None)  # type: ignore[arg-type]
    second, first = retriever.search([Query("b", "y"), Query("a", "x")])
    assert (first.ids.tolist(), second.ids.tolist()) == ([4, 8], [8, 4])
    assert retriever.search([Query("b", "y")], k=1)[0].ids.tolist() == [8]
    with pytest.raises(ValueError, match="cannot be filtered"):
        retriever.search([Query("b", "y")], where={"year": 1})
