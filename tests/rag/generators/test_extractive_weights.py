"""What the extractive generator ships: weights that load and fit the code, and that answer on real questions."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import spaniel as sp
from spaniel.eval.measures.answers import contains_answer
from spaniel.index.analysis import ANALYZER_VERSION
from spaniel.rag.generators.extractive.features import FEATURES
from spaniel.rag.generators.extractive.frequencies import english_rarity
from spaniel.rag.generators.extractive.generator import Extractive
from spaniel.rag.generators.extractive.questions import KINDS
from spaniel.rag.generators.extractive.settings import Weights, shipped
from spaniel.rag.generators.extractive.spans import SPAN_FEATURES, span_weights
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.prompt import Excerpt, Prompt
from spaniel.retrieval.types import Passage


@pytest.mark.parametrize("encoder", [False, True])
@pytest.mark.parametrize("spans", [False, True])
def test_every_use_has_weights(encoder: bool, spans: bool) -> None:
    weights = shipped(encoder=encoder, spans=spans)
    assert ("cosine" in weights.sentence) is encoder is ("cosine" in weights.answer)
    assert ("span" in weights.answer) is spans and weights.note
    assert set(weights.sentence) == set(FEATURES) - (set() if encoder else {"cosine"})
    # More agreement never makes an answer less likely, nor does a missing number or name make it more so.
    assert all((value < 0) is (name in ("numbers", "names")) for name, value in weights.answer.items())


def test_short_answers_have_weights_for_every_kind() -> None:
    assert {kind: row.shape for kind, row in span_weights().items()} == dict.fromkeys(KINDS, (len(SPAN_FEATURES),))
    assert all(np.isfinite(row).all() for row in span_weights().values())


def test_the_table_of_terms_is_of_this_analyser() -> None:
    head = files("spaniel.rag.generators.extractive").joinpath("english_terms.txt").read_text("utf-8").splitlines()[:2]
    assert f"Analyser english, version {ANALYZER_VERSION}." in head[1]
    rarity = english_rarity()
    assert 0 <= rarity("from") < 0.15 < rarity("river") < 0.7 < rarity("xylograph") == 1


@pytest.mark.parametrize(
    "values",
    [{"sentence": {"luck": 1.0}}, {"answer": {"luck": 1.0}}, {"answer_bias": float("nan")}, {"threshold": 1.2}],
)
def test_weights_that_cannot_be_are_named(values: dict[str, object]) -> None:
    given: dict[str, object] = {"sentence": {}, "answer": {}, "answer_bias": 0.0, "threshold": 0.5}
    with pytest.raises(InvalidInput):
        Weights(**{**given, **values})  # type: ignore[arg-type]


def test_it_answers_questions_of_people(shared_data: Path) -> None:
    """The first 150 questions of SQuAD 2.0 dev that have an answer, each with its paragraph: bounds far from chance."""
    loaded = sp.collection(shared_data / "squad-v2.0-dev")
    paragraphs = {document.id: document for document in loaded.documents()}
    generator, right, given = Extractive(max_sentences=1), 0, 0
    for id_, question in list(loaded.queries.items())[:150]:
        paragraph = paragraphs[str(loaded.query_meta[id_]["context_id"])]
        passage = Passage(paragraph.id, paragraph.id, 0, len(paragraph.text), paragraph.text, paragraph.title)
        pieces = list(generator.generate(Prompt(question, (Excerpt.whole(passage, score=1.0),))))
        golds = loaded.query_meta[id_]["answers"]
        assert isinstance(golds, list)
        given += pieces[-1].finish == "stop"
        right += contains_answer(pieces[0].text, [str(gold) for gold in golds]) > 0
    assert given > 120 and right > 0.7 * given
