"""Measures of single answers, against values worked out by hand."""

import pytest

from spaniel.eval.answering.gold import Gold
from spaniel.eval.answering.measures import answer_costs, answer_measures, without_markers
from spaniel.eval.measures.names import ANSWER_MEASURES
from spaniel.retrieval.types import Answer, Citation, Passage

TEXT = "Keys are rotated daily. Nobody knows why."
READ = (Passage("d#1", "d", 0, 23, TEXT[:23]), Passage("e", "e", 0, 5, "Other"))
RIGHT = Gold(("daily", "every day"), True, frozenset({"d", "x"}))
NONE = Gold(("",), False, frozenset())


def cites(passage_id: str, start: int, end: int, text: str) -> Citation:
    return Citation((0, 1), passage_id, (start, end), text, True)


def test_a_good_answer() -> None:
    answer = Answer("Rotated daily [1].", (cites("d#1", 9, 22, "rotated daily"),), passages=READ)
    found = answer_measures(answer, RIGHT, {"d#1": "d"}, {"d": TEXT})
    assert tuple(found) == ANSWER_MEASURES
    assert found["F1"] == pytest.approx(2 / 3)
    assert found["EM"] == 0
    assert (found["contains"], found["answered"], found["spans"], found["answer-in-context"]) == (1, 1, 1, 1)
    assert (found["citation-P"], found["citation-R"], found["context-R"]) == (1, 0.5, 0.5)


def test_a_citation_that_does_not_stand_there() -> None:
    wrong = (cites("d#1", 9, 22, "rotated daily"), cites("e", 0, 4, "made"), cites("gone", 0, 2, "up"))
    found = answer_measures(
        Answer("daily", wrong, passages=READ), RIGHT, {"d#1": "d", "e": "e"}, {"d": TEXT, "e": "Other"}
    )
    assert found["spans"] == pytest.approx(1 / 3)
    assert found["EM"] == 1
    assert (found["citation-P"], found["citation-R"]) == (pytest.approx(1 / 3), 0.5)


def test_silence_is_right_where_there_is_no_answer_and_wrong_where_there_is() -> None:
    silent = Answer("", abstained=True, reason="nothing fits", passages=READ)
    assert set(answer_measures(silent, NONE, {}, {}).values()) == {1.0, 0.0}
    unanswerable = answer_measures(silent, NONE, {}, {})
    assert [name for name, value in unanswerable.items() if not value] == ["answered"]
    answerable = answer_measures(silent, RIGHT, {}, {})
    assert (answerable["F1"], answerable["EM"], answerable["contains"], answerable["context-R"]) == (0, 0, 0, 0.5)
    said = answer_measures(
        Answer("daily", (cites("d#1", 0, 4, "Keys"),), passages=READ), NONE, {"d#1": "d"}, {"d": TEXT}
    )
    assert (said["F1"], said["contains"], said["citation-P"], said["citation-R"], said["spans"]) == (0, 0, 0, 0, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [("One [1]. Two [2, 3] [4-5].", "One. Two."), ("【1】x", "x"), ("see [note] 1", "see [note] 1"), ("", "")],
)
def test_markers_are_no_words(text: str, words: str) -> None:
    assert without_markers(text) == words


def test_costs() -> None:
    answer = Answer("x", usage={"prompt_tokens": 7, "answer_tokens": 2, "searches": 1}, passages=READ)
    assert answer_costs(answer) == {"tokens": 9, "searches": 1, "passages": 2, "model_calls": 0}
