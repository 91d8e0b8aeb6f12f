"""`rerank`: texts in, texts out."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from contracts.toy_judge import ToyJudge

from spaniel.rerank.client import RerankClient
from spaniel.rerank.judges.base import Call, Judge, Judged
from spaniel.rerank.judges.open import open_judge
from spaniel.rerank.judges.oracle import OracleJudge
from spaniel.rerank.ranked import rerank
from spaniel.rerank.reranker import Rerank
from spaniel.rerank.schedules.pointwise import Pointwise
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.policies.threshold import Threshold
from spaniel.retrieval.types import Document, Passage, Query

JUDGE = ToyJudge({"0": 1.0, "1": 3.0, "2": 2.0, "d": 5.0, "p": 4.0})


def test_texts_in_order() -> None:
    found = rerank("which", ["a", "b", "c"], JUDGE)
    assert [(each.index, each.score, each.id, each.text) for each in found] == [
        (1, 3.0, "1", "b"),
        (2, 2.0, "2", "c"),
        (0, 1.0, "0", "a"),
    ]
    assert rerank("which", ["a", "b", "c"], JUDGE, top_n=1) == found[:1]
    assert found[0].to_dict() == {"index": 1, "score": 3.0, "id": "1", "text": "b"}


def test_documents_and_passages_keep_their_ids() -> None:
    passage = Passage("p", "whole", 3, 7, "some", "Title")
    found = rerank("which", ["a", Document("d", "text", "Title"), passage], JUDGE, schedule="pointwise")
    assert [each.id for each in found] == ["d", "p", "0"]
    assert found[1].passage is passage and found[0].passage.title == "Title"


def test_one_query_and_many_are_the_same() -> None:
    queries = [Query("q1", "one"), "two", Query("", "three")]
    lists = [["a", "b", "c"], ["c"], ["b", "a"]]
    assert rerank(queries, lists, JUDGE) == [
        rerank(query, texts, JUDGE) for query, texts in zip(queries, lists, strict=True)
    ]
    assert rerank([], [], JUDGE) == []
    assert rerank("which", [], JUDGE) == []


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidInput, match="1 lists of passages for 2 queries"):
        rerank(["a", "b"], [["c"]], JUDGE)
    with pytest.raises(InvalidInput, match="passages is one text"):
        rerank("a", "b", JUDGE)
    with pytest.raises(InvalidInput, match="passage 1 is int"):
        rerank("a", ["b", 3], JUDGE)  # type: ignore[list-item]
    with pytest.raises(InvalidInput, match="top_n is 0"):
        rerank("a", ["b"], JUDGE, top_n=0)
    asked = len(JUDGE.asked)
    for wrong in ({"top_n": 2.5}, {"retries": 1.5}, {"seed": "x"}, {"concurrency": 2.5}, {"top_n": "3"}):
        with pytest.raises(InvalidInput, match="it must be a whole number"):
            rerank("a", ["b", "c"], JUDGE, **wrong)  # type: ignore[call-overload]
    assert len(JUDGE.asked) == asked
    assert len(rerank("a", ["b", "c"], JUDGE, top_n=np.int64(1), seed=np.int64(3))) == 1  # type: ignore[call-overload]


class Longest(Judge):
    """A judge of one's own that forgets `super().__init__()`."""

    name, kinds = "longest", frozenset({"score"})

    def __init__(self) -> None:
        self.asked = 0

    def _score(self, calls: Sequence[Call]) -> Judged:
        self.asked += len(calls)
        return Judged([len(call.passages[0].text) for call in calls], [1] * len(calls))


def test_a_judge_need_not_call_its_base() -> None:
    judge = Longest()
    assert [each.index for each in rerank("q", ["a", "bb"], judge)] == [1, 0]
    assert judge.usage() == {"model_calls": 0, "tokens": 2, "truncated": 0}


def test_what_a_judge_gives_is_checked() -> None:
    class Wrong(Longest):
        def _score(self, calls: Sequence[Call]) -> Any:
            return self.said

    judge = Wrong()
    for said, told in [
        ([1.0, 2.0], "longest: _score gave list; it must give Judged"),
        (Judged(["x", "y"], [0, 0]), "'x' is no answer"),  # type: ignore[list-item]
    ]:
        judge.said = said  # type: ignore[attr-defined]
        with pytest.raises(ModelError, match=told):
            rerank("q", ["a", "bb"], judge)


@pytest.mark.parametrize("blank", ["", " \n", Query("q1", "")])
def test_a_query_without_text_is_not_asked_about(blank: str | Query) -> None:
    judge = Longest()
    assert [each.index for each in rerank(blank, ["a", "bb", "cc"], judge)] == [0, 1, 2]
    several = rerank([blank, "q"], [["a", "bb"], ["a", "bb"]], judge, schedule="heapsort")
    assert [[each.index for each in row] for row in several] == [[0, 1], [1, 0]] and judge.asked == 2
    oracle = OracleJudge({"q1": {"1": 1}})
    if isinstance(blank, Query):
        assert rerank(blank, ["a", "bb", "cc"], oracle)[0].index == 1


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: rerank("q", ["a"], None), "judge is NoneType"),
        (lambda: rerank(None, ["a"], Longest()), "query is NoneType"),
        (lambda: rerank("q", None, Longest()), "passages is NoneType"),
        (lambda: rerank("q", ["a"], Longest(), schedule=3), "schedule: is int"),
        (lambda: rerank("q", ["a"], Longest(), schedule=Pointwise), "the class Pointwise"),
        (lambda: rerank("q", ["a"], Longest(), budget=1), "budget is int"),
        (lambda: Rerank(None), "judge is NoneType"),
        (lambda: Rerank(Longest(), budget=1), "budget is int"),
        (lambda: Rerank(Longest(), depth="x"), "depth is 'x'"),
        (lambda: Rerank(Longest()).rerank(None, [], None), "queries: is NoneType"),
        (lambda: open_judge(3), "judge: is int"),
        (lambda: RerankClient(None), "URL is NoneType"),
        (lambda: RerankClient("http://localhost:1").rerank(3, ["a"]), "the query is 3"),
        (lambda: RerankClient("http://localhost:1").rerank("q", 3), "documents must be a list"),
        (lambda: RerankClient("http://localhost:1").rerank("q", ["a", 3]), "documents must be a list"),
        (lambda: Threshold(min_score="x"), "min_score is 'x'"),
        (lambda: Threshold(min_probability="x"), "min_probability is 'x'"),
    ],
)
def test_arguments_of_other_types_are_named(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        call()
