"""A run of answers over a small collection: figures, comparisons, confidence, failures, the results folder."""

import json
from pathlib import Path

import numpy as np
import pytest
from contracts.pets_collection import DOCUMENTS, write_pets

import spaniel
from spaniel.eval.answering.abstention import abstention_figures
from spaniel.eval.answering.evaluate import evaluate_answers
from spaniel.eval.answering.gold import gold_of
from spaniel.eval.collections import Collection
from spaniel.eval.measures.abstention import aurc
from spaniel.eval.measures.names import ANSWER_MEASURES
from spaniel.eval.results_reader import read_results
from spaniel.retrieval.errors import InvalidInput, LimitExceeded, ModelError
from spaniel.retrieval.types import Answer, Citation, Passage


@pytest.fixture
def small(tmp_path: Path) -> Collection:
    return spaniel.collection(write_pets(tmp_path / "pets"), all=True)


class Knows:
    """Answers from the sentence whose subject the question names; `wrong` questions get another's answer."""

    def __init__(self, *, silent: bool = True, fails: tuple[str, ...] = ()) -> None:
        self.silent, self.fails = silent, fails

    def ask(self, question: str) -> Answer:
        subject = question.split()[2]
        if subject in self.fails:
            raise ModelError("the server went away")
        found = [(id_, text) for id_, text in DOCUMENTS.items() if text.split()[0].lower() == subject]
        if not found and self.silent:
            return Answer("", abstained=True, reason="nothing", confidence=0.1)
        id_, text = found[0] if found else ("d0", DOCUMENTS["d0"])
        said = text.split()[1]
        start = text.index(said)
        passage = Passage(id_, id_, 0, len(text), text)
        citation = Citation((0, len(said)), id_, (start, start + len(said)), said, True)
        usage = {"prompt_tokens": 20, "answer_tokens": 2, "searches": 1, "model_calls": 1}
        return Answer(f"{said} [1]", (citation,), usage=usage, passages=(passage,), confidence=0.9 if found else 0.3)


def test_figures_comparisons_and_costs(small: Collection) -> None:
    report = evaluate_answers({"silent": Knows(), "talks": Knows(silent=False)}, small)
    assert report.scores["silent"].query_ids == ("q0", "q1", "q2", "q3")
    assert report.mean("silent", "F1") == 1.0
    assert report.mean("talks", "F1") == 0.75
    assert report.mean("talks", "spans") == 1.0
    assert report.mean("silent", "answered") == 0.75
    first, second = report.results.pipelines
    assert list(first.measures) == list(ANSWER_MEASURES)
    assert first.cost is not None
    assert (first.cost.tokens, first.cost.tokens_per_query, first.cost.searches_per_query) == (66, 16.5, 0.75)
    assert first.abstention is not None
    assert (first.abstention.answered, first.abstention.n, first.abstention.risk) == (3, 4, 0.0)
    assert second.abstention is not None
    assert second.abstention.aurc == pytest.approx(aurc([0.9, 0.9, 0.9, 0.3], [0, 0, 0, 1]))
    [lost] = [one for one in report.results.comparisons if one.measure == "F1"]
    assert (lost.baseline, lost.system, lost.difference) == ("silent", "talks", -0.25)
    text = str(report)
    for said in ("citation-P", "AURC", "Searches/question", "3 of 4", "without a warm-up"):
        assert said in text


def test_the_results_folder_holds_every_answer_and_can_be_read_again(small: Collection, tmp_path: Path) -> None:
    report = evaluate_answers({"silent": Knows(), "talks": Knows(silent=False)}, small)
    folder = report.save(tmp_path / "out")
    records = [json.loads(line) for line in (folder / "per-query.jsonl").read_text().splitlines()]
    assert records[0]["gold"] == ["bark"]
    answer = records[0]["pipelines"]["talks"]["answer"]
    assert answer["citations"] == [{"id": "d0", "start": 5, "end": 10, "text": "bark."}]
    assert records[3]["pipelines"]["silent"]["answer"]["abstained"]
    read_results(folder)
    page = (folder / "report.html").read_text()
    assert "When it answers" in page
    assert "No answer: nothing" in page


def test_the_same_questions_of_a_sample_whatever_the_threads(small: Collection) -> None:
    one = evaluate_answers({"a": Knows()}, small, questions=2, seed=3)
    several = evaluate_answers({"a": Knows()}, small, questions=2, seed=3, threads=3)
    assert one.scores["a"].query_ids == several.scores["a"].query_ids
    assert len(one.scores["a"].query_ids) == 2
    for name in ANSWER_MEASURES:
        assert np.array_equal(one.scores["a"].values[name], several.scores["a"].values[name])


def test_a_failure_is_counted_told_and_scored_as_silence(small: Collection) -> None:
    report = evaluate_answers({"a": Knows(fails=("cats",))}, small)
    assert report.scores["a"].of("q1")["F1"] == 0
    assert "1 of 4 questions failed" in report.results.pipelines[0].warnings[0]
    assert "the server went away" in str(report)


class Dead:
    def __init__(self, error: Exception) -> None:
        self.error, self.calls = error, 0

    def ask(self, question: str) -> Answer:
        self.calls += 1
        raise self.error


def test_what_fails_from_the_start_ends_the_run(small: Collection) -> None:
    # Four questions are too few to give up on; a spent budget ends it at once.
    assert evaluate_answers({"a": Dead(ModelError("down"))}, small).mean("a", "answered") == 0
    dead = Dead(LimitExceeded("tokens", 12, 10))
    with pytest.raises(LimitExceeded):
        evaluate_answers({"a": dead}, small)
    assert dead.calls == 1


def test_what_cannot_be_evaluated_is_refused(small: Collection, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nothing that answers"):
        evaluate_answers({}, small)
    with pytest.raises(InvalidInput, match="nothing is called 'b'"):
        evaluate_answers({"a": Knows()}, small, baseline="b")
    with pytest.raises(InvalidInput, match="must be at least 1"):
        evaluate_answers({"a": Knows()}, small, questions=0)
    (small.path / "answers.jsonl").unlink()
    with pytest.raises(InvalidInput, match="has no answers"):
        gold_of(spaniel.collection(small.path))


def test_confidence_without_meaning_lies_at_random_and_its_interval_holds_it() -> None:
    rng = np.random.default_rng(5)
    f1 = rng.integers(0, 2, 400).astype(np.float64)
    answers = [Answer("x", confidence=float(sure)) for sure in rng.random(400)]
    found = abstention_figures(answers, f1, confidence=0.95, seed=1)
    assert found.low < found.aurc < found.high
    assert found.low < found.random < found.high
    perfect = [Answer("x", confidence=float(value)) for value in f1]
    assert abstention_figures(perfect, f1, confidence=0.95, seed=1).excess == pytest.approx(0.0)
