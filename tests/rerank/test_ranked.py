"""`rerank`: texts in, texts out."""

import numpy as np
import pytest
from contracts.toy_judge import ToyJudge

from spaniel.rerank.ranked import rerank
from spaniel.retrieval.errors import InvalidInput
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
