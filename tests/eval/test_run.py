"""Runs: columns, order, cuts, passages to documents."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.eval.run import Run, StageColumns
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Ranking

IDS = st.text("abcxyz", min_size=1, max_size=2)
SCORES = st.sampled_from([0.0, 1.0, 1.00000001, -2.5, 3.25])
RANKINGS = st.dictionaries(IDS, st.dictionaries(IDS, SCORES, max_size=8).map(lambda d: list(d.items())), max_size=5)


def expected(ranking: list[tuple[str, float]]) -> list[str]:
    """Ids by descending float32 score, ties as given."""
    return [id_ for id_, _ in sorted(ranking, key=lambda pair: -np.float32(pair[1]))]


def ids(run: Run, query_id: str) -> list[str]:
    return [id_ for id_, _ in run.ranking(query_id)]


@given(RANKINGS)
def test_rankings_are_sorted_and_ties_stay(rankings: dict[str, list[tuple[str, float]]]) -> None:
    run = Run.from_rankings(rankings, name="r")
    assert run.query_ids == tuple(rankings)
    assert {query: ids(run, query) for query in rankings} == {q: expected(r) for q, r in rankings.items()}


@given(RANKINGS, st.randoms(use_true_random=False))
def test_lists_in_any_order_say_the_same(rankings: dict[str, list[tuple[str, float]]], random: object) -> None:
    rows = [(q, d, s) for q, r in rankings.items() for d, s in r]
    random.shuffle(rows)  # type: ignore[attr-defined]
    run = Run.from_lists([r[0] for r in rows], [r[1] for r in rows], [str(r[2]) for r in rows], name="r")
    for query in run.query_ids:
        assert ids(run, query) == expected([(d, s) for q, d, s in rows if q == query])


def test_ordinals_become_ids() -> None:
    first = [Ranking.of([7, 3], [2.0, 1.0]), Ranking.empty()]
    second = [Ranking.of([3], [0.5]), Ranking.empty()]
    run = Run.from_ordinals(
        ["q1", "q2"], {"bm25": first, "rerank": second}, lambda used: [f"p{n}" for n in used], name="r"
    )
    assert [id_ for id_, _ in run.ranking("q1", stage="bm25")] == ["p7", "p3"]
    assert ids(run, "q1") == ["p3"]
    assert run.query_ids == ("q1", "q2")
    assert ids(run, "q2") == ids(run, "never asked") == []


@given(RANKINGS, st.integers(1, 4))
def test_self_is_dropped_before_the_cut(rankings: dict[str, list[tuple[str, float]]], k: int) -> None:
    run = Run.from_rankings(rankings, name="r").without_self().cut(k)
    for query, ranking in rankings.items():
        assert ids(run, query) == [id_ for id_ in expected(ranking) if id_ != query][:k]


@given(RANKINGS)
def test_a_document_stands_where_its_best_passage_does(rankings: dict[str, list[tuple[str, float]]]) -> None:
    run = Run.from_rankings(rankings, name="r").max_passage(lambda passage: passage[0])
    for query, ranking in rankings.items():
        assert ids(run, query) == list(dict.fromkeys(id_[0] for id_ in expected(ranking)))
        best: dict[str, float] = {}
        for id_, score in ranking:
            best[id_[0]] = max(best.get(id_[0], -np.inf), float(np.float32(score)))
        assert dict(run.ranking(query)) == best


def test_stages_are_all_rolled_up_but_only_the_result_is_cut() -> None:
    rankings = [Ranking.of([0, 1, 2], [3.0, 2.0, 1.0])]
    run = Run.from_ordinals(["q"], {"a": rankings, "b": rankings}, lambda used: [f"p{n}" for n in used], name="r")
    documents = run.max_passage({"p0": "x", "p1": "x", "p2": "y"}).cut(1)
    assert [id_ for id_, _ in documents.ranking("q", stage="a")] == ["x", "y"]
    assert ids(documents, "q") == ["x"]
    with pytest.raises(InvalidInput, match="'p2' has no document"):
        run.max_passage({"p0": "x", "p1": "x"})


def test_flat_columns_name_every_stage() -> None:
    rankings = [Ranking.of([0, 1], [3.0, 2.0])]
    run = Run.from_ordinals(["q"], {"a": rankings, "b": rankings}, lambda used: [f"p{n}" for n in used], name="r")
    flat = {name: column.tolist() for name, column in run.columns().items()}
    assert flat == {
        "query": ["q"] * 4,
        "passage": ["p0", "p1"] * 2,
        "rank": [1, 2] * 2,
        "score": [3.0, 2.0] * 2,
        "stage": ["a", "a", "b", "b"],
    }


@pytest.mark.parametrize(
    ("rankings", "named"),
    [
        ({"q": [("a", 1.0), ("a", 0.5)]}, "'a' stands twice under query 'q'"),
        ({"q": [("a", float("nan"))]}, "'a': the score is nan"),
        ({"q": [("a", 1e39)]}, "'a': the score is 1e\\+39"),
        ({"q": [("a", None)]}, "'a': the score is None; it must be finite"),
        ({"q": [(7, 1.0)]}, "document id 7 is int"),
        ({7: [("a", 1.0)]}, "query id 7 is int"),
    ],
)
def test_bad_rankings_are_named(rankings: dict[str, list[tuple[str, float]]], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        Run.from_rankings(rankings, name="r")


def stage(offsets: list[int], ids: list[int], scores: list[float]) -> StageColumns:
    return StageColumns(np.array(offsets, "i8"), np.array(ids, "i4"), np.array(scores, "f4"))


@pytest.mark.parametrize(
    ("offsets", "scores", "named"),
    [
        ([0, 3], [2.0, 1.0], "do not cover"),
        ([1, 2], [2.0, 1.0], "do not cover"),
        ([0, 2, 1, 2], [2.0, 1.0], "do not cover"),
        ([0, 2], [1.0, 2.0], "row 1 .* is higher"),
        ([0, 2], [1.0, np.nan], "row 1 is nan"),
    ],
)
def test_bad_columns_are_refused(offsets: list[int], scores: list[float], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        stage(offsets, [0, 1], scores)


def test_bad_runs_are_refused() -> None:
    good = stage([0, 1, 2], [0, 0], [1.0, 2.0])
    assert Run("r", ("q", "p"), ("a",), {"s": good}).stages["s"] is good
    for query_ids, document_ids, stages, named in [
        (("q", "q"), ("a",), {"s": good}, "query 'q' stands there twice"),
        (("q",), ("a",), {"s": good}, "covers 2 queries"),
        (("q", "p"), (), {"s": good}, "points outside"),
        (("q", "p"), ("a", "a"), {"s": good}, "stands twice in document_ids"),
        (("q", "p"), ("a",), {}, "no stages"),
    ]:
        with pytest.raises(InvalidInput, match=named):
            Run("r", query_ids, document_ids, stages)
    with pytest.raises(InvalidInput, match="no stage 'x'"):
        Run("r", ("q", "p"), ("a",), {"s": good}).ranking("q", stage="x")
