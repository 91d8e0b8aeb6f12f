"""An answer for people and as JSON."""

import json

from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.types import Answer, Citation, Passage, StageRecord

DECISION = Decision("d-1", "one", ("none", "one"), (0.25, 0.75), policy="thompson", explored=True)
ANSWER = Answer(
    "Every year [1].",
    (Citation((0, 15), "keys", (12, 22), "every year", True),),
    usage={"model_calls": 1},
    trace=(StageRecord("bm25", 0, 10, 0.5), StageRecord("pack top-k", 10, 2, 0.01)),
    question="how often?",
    passages=(Passage("keys", "keys", 0, 39, "Rotate keys every year."),),
    dropped={"no_such_excerpt": 2},
    confidence=0.75,
    decisions={"route": DECISION},
    finish="stop",
    notes=("beware",),
    ms=1.5,
)


def test_explain_shows_stages_decisions_and_what_was_dropped() -> None:
    lines = ANSWER.explain().splitlines()
    assert lines[0].split() == ["stage", "in", "out", "ms"]
    assert lines[1].split() == ["bm25", "-", "10", "0.50"]
    assert lines[3].split() == ["total", "1.50"]
    assert lines[4:] == [
        "route: one (probability 0.750, explored; thompson)",
        "citations: 1 verified, dropped: no_such_excerpt 2",
        "confidence: 0.75",
        "usage: model_calls 1",
        "note: beware",
    ]
    assert "abstained: nothing there" in Answer("", abstained=True, reason="nothing there", cached=True).explain()


def test_json_has_the_documented_shape_and_no_texts_of_passages() -> None:
    told = json.loads(json.dumps(ANSWER.to_dict()))
    assert told["citations"] == [
        {
            "id": "keys",
            "doc_id": "",
            "start": 12,
            "end": 22,
            "text": "every year",
            "verified": True,
            "answer_span": [0, 15],
        }
    ]
    assert (told["answer"], told["abstained"], told["reason"]) == ("Every year [1].", False, "")
    assert told["decisions"] == {"route": {"id": "d-1", "arm": "one", "propensity": 0.75}}
    assert told["passages"] == ["keys"] and "Rotate" not in json.dumps(told)
