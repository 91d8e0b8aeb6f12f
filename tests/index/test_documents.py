"""Whole documents back from their passages."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import spaniel as sp
from spaniel.index.chunking.rebuilt import text_of
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document, Passage


def test_an_uncut_document_is_its_passage(tmp_path: Path) -> None:
    documents = [Document("a", "Dogs bark.", "Dogs", {"n": 1}), Document("b", "")]
    with sp.build(documents, tmp_path / "kb") as kb:
        assert [kb.document(document.id) for document in documents] == documents
        assert [kb.document_text(name) for name in ("a", "b", "c", "\ud800", "")] == [
            "Dogs bark.",
            "",
            None,
            None,
            None,
        ]
        assert kb.passages.document_text("a") == "Dogs bark."
        with pytest.raises(InvalidInput, match="no document 'c'"):
            kb.document("c")


@given(st.text(min_size=1), st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), min_size=1))
def test_overlapping_passages_give_the_text(text: str, steps: list[tuple[int, int]]) -> None:
    passages, start, end = [], 0, 0
    for size, back in steps:
        start, end = max(end - back, start), min(end + size, len(text))
        passages.append(Passage(f"d#{len(passages) + 1}", "d", start, end, text[start:end]))
    assert text_of(passages) == text[:end]
    gap = [passage for passage in passages if passage.start >= 2]
    assert not gap or text_of(gap) is None


def test_nothing_is_no_text() -> None:
    assert text_of([]) is None
