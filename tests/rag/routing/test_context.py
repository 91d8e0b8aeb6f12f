"""What an index says of a question, and of an answer to it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from contracts.toy import WordCount
from contracts.toy_encoder import ToyEncoder

import spaniel as sp
from spaniel.index.sparse.feedback import TermFeedback
from spaniel.rag.routing.context import QuestionContext, context_of
from spaniel.rag.routing.drafts import DRAFT_FEATURES, PAIRED_FEATURES, DraftCheck
from spaniel.rag.routing.rewrites import Expand
from spaniel.retrieval.errors import InvalidInput

QUESTION = "When was the Hoover Dam built?"


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sp.Index]:
    texts = ["The Hoover Dam was built in 1936.", "A dam in a river.", "The river Rhine.", "Nothing else."]
    documents = [sp.Document(f"d{n}", text, "Dams" if n == 1 else "") for n, text in enumerate(texts)]
    with sp.build(documents, tmp_path_factory.mktemp("kb") / "kb", dense=ToyEncoder(), store="float32") as opened:
        yield opened


def test_every_group_is_there(kb: sp.Index) -> None:
    context = context_of(kb)
    values = dict(zip(context.names, context(QUESTION), strict=True))
    assert len(values) == context.dimension and values["asks_when"] == 1
    assert 0 < values["bm25.top"] < 1 and values["rarity_most"] > 0.6
    assert not any(name.startswith("bm25") for name in context_of(kb, search=False).names)
    assert (
        QuestionContext().dimension == len(QuestionContext()(QUESTION)) == len(context_of(kb, search=False).names) - 7
    )


def test_vectors_count_too(kb: sp.Index) -> None:
    searches = {"bm25": kb.bm25(5), "dense": kb.dense(k=5, encoder=ToyEncoder()), "toy": WordCount(["a dam"])}
    context = QuestionContext(None, searches, depth=5)
    values = dict(zip(context.names, context(QUESTION), strict=True))
    assert {"dense.top", "bm25&dense"} <= set(values) and np.isfinite(list(values.values())).all()


def test_a_supported_draft_looks_otherwise_than_an_invented_one(kb: sp.Index) -> None:
    check = DraftCheck(kb.bm25(10))
    right = dict(zip(DRAFT_FEATURES, check.of(QUESTION, "1936"), strict=True))
    wrong = dict(zip(DRAFT_FEATURES, check.of(QUESTION, "1812"), strict=True))
    assert right["in_first"] == right["in_any"] == right["rank"] == right["cover_of_best"] == 1
    assert wrong["in_any"] == wrong["cover"] == 0 and wrong["unknown"] == 1
    assert right["gain"] > wrong["gain"] == 0
    empty = dict(zip(DRAFT_FEATURES, check.of(QUESTION, ""), strict=True))
    assert empty["empty"] == 1 and empty["in_any"] == 0
    assert check.of("absent", "absent").shape == (len(DRAFT_FEATURES),)
    assert dict(zip(DRAFT_FEATURES, check.of("a dam", "Dams"), strict=True))["is_title"] == 1


def test_pairs(kb: sp.Index) -> None:
    check = DraftCheck(kb.bm25(10))
    both = check.pair(QUESTION, "in 1936", "1936")
    assert both.shape == (len(PAIRED_FEATURES),) and both[-2] == 0 and both[-1] == pytest.approx(2 / 3)
    assert both[: len(DRAFT_FEATURES)].tolist() == check.of(QUESTION, "in 1936").tolist()
    assert check.pair(QUESTION, "1936", "the 1936.")[-2:].tolist() == [1, 1]


def test_expand_keeps_the_question_for_vectors(kb: sp.Index) -> None:
    made = Expand(TermFeedback(kb.bm25(), k=1, n_terms=3))(QUESTION)
    assert made.text == QUESTION and made.queries[0].weights == made.terms
    assert "1936" in (made.terms or {})


def test_texts_are_needed(tmp_path: Path, kb: sp.Index) -> None:
    with pytest.raises(InvalidInput, match="depth"):
        DraftCheck(kb.bm25(), depth=0)
