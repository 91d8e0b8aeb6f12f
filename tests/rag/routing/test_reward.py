"""What answers are worth."""

import pytest

from spaniel.rag.routing.reward import answer_metrics, composed, economy
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Answer, Citation

TEXT = "It was built in 1936. It holds water."
CITED = Citation((0, 21), "p", (0, 10), "built in 1936", True)


def test_metrics_of_an_answer() -> None:
    answer = Answer(TEXT, [CITED], usage={"tokens": 250})
    made = answer_metrics(answer, references=["it was built in 1936 it holds water"], limits={"tokens": 1000}, judged=1)
    assert made == {"answered": 1, "support": 0.5, "em": 1, "f1": 1, "judged": 1, "economy.tokens": 0.75}
    unverified = Citation((0, 21), "p", (0, 10), "built in 1936", False)
    assert answer_metrics(Answer(TEXT, [unverified]))["support"] == 0
    assert answer_metrics(Answer("", []), costs={"ms": 9}, limits={"ms": 3})["economy.ms"] == 0


def test_an_abstention_is_no_answer() -> None:
    made = answer_metrics(Answer("words", [CITED], abstained=True), references=["words"])
    assert made == {"answered": 0, "support": 0, "em": 0, "f1": 0}
    assert answer_metrics(Answer("", abstained=True), references=[""])["em"] == 1


def test_preferences_weigh() -> None:
    metrics = {"f1": 0.5, "economy.ms": 1.0, "clicks": 1.0}
    assert composed(metrics, {"f1": 1, "economy.ms": 0}) == 0.5
    assert composed(metrics, {"f1": 1, "clicks": 1}) == 0.75
    with pytest.raises(InvalidInput, match="clicks or votes alone"):
        composed(metrics, {"clicks": 1, "f1": 0})
    for preferences, said in (({"em": 1}, "no metric"), ({"f1": -1}, "at least 0"), ({}, "above 0")):
        with pytest.raises(InvalidInput, match=said):
            composed(metrics, preferences)


def test_what_cannot_be() -> None:
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        answer_metrics(Answer(""), judged=2)
    with pytest.raises(InvalidInput, match="no such cost"):
        answer_metrics(Answer(""), limits={"ms": 1})
    with pytest.raises(InvalidInput, match="above 0"):
        economy(1, 0)
