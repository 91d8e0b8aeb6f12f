"""The retriever beyond the standard suite: metadata, filters, what it refuses, composition with langchain-core."""

from pathlib import Path

import pytest
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

import spaniel
from spaniel.rag.langchain import SpanielRetriever
from spaniel.retrieval.errors import IndexNotFound, InvalidInput


@pytest.fixture
def folder(tmp_path: Path) -> str:
    documents = [
        spaniel.Document("a", "Dogs bark at night.", "Dogs", {"year": 2020}),
        spaniel.Document("b", "A dog fetches sticks.", "", {"year": 2024}),
        spaniel.Document("c", "Cats sleep.", "", {"year": 2024}),
    ]
    spaniel.build(documents, tmp_path / "kb").close()
    return str(tmp_path / "kb")


def test_a_document_tells_its_score_and_span(folder: str) -> None:
    [best, *_] = SpanielRetriever(source=folder).invoke("dogs bark")
    assert (best.id, best.page_content) == ("a", "Dogs bark at night.")
    score = best.metadata.pop("spaniel.score")
    assert isinstance(score, float)
    assert score > 0
    told = {"spaniel.doc_id": "a", "spaniel.start": 0, "spaniel.end": 19, "spaniel.title": "Dogs"}
    assert best.metadata == {"year": 2020, **told}


def test_it_finds_what_the_index_finds_in_the_same_order(folder: str) -> None:
    with spaniel.open(folder) as kb:
        expected = [(hit.id, hit.score) for hit in kb.search("a dog barks", k=3)]
        found = SpanielRetriever(source=kb, k=3).invoke("a dog barks")
    assert [(each.id, each.metadata["spaniel.score"]) for each in found] == expected


def test_a_filter_of_the_constructor_and_one_of_the_call(folder: str) -> None:
    retriever = SpanielRetriever(source=folder, where={"year": {"$gte": 2024}})
    assert [each.id for each in retriever.invoke("dogs")] == ["b"]
    assert [each.id for each in retriever.invoke("dogs", where={"year": 2020})] == ["a"]


def test_it_is_a_part_of_a_chain(folder: str) -> None:
    retriever = SpanielRetriever(source=folder, k=1)
    joined = RunnableLambda(lambda documents: " ".join(each.page_content for each in documents))
    chain = {"context": retriever | joined, "question": RunnablePassthrough()}
    said = (chain | RunnableLambda(lambda both: f"{both['question']} {both['context']}")).batch(["cats", "sticks"])
    assert said == ["cats Cats sleep.", "sticks A dog fetches sticks."]


def test_an_index_opened_here_is_closed_here_and_no_other(folder: str) -> None:
    retriever = SpanielRetriever(source=folder)
    retriever.close()
    with pytest.raises(InvalidInput, match="closed"):
        retriever.invoke("dogs")
    with spaniel.open(folder) as kb:
        SpanielRetriever(source=kb).close()
        assert len(kb.search("dogs"))


def test_what_cannot_be_searched_is_refused(folder: str, tmp_path: Path) -> None:
    with pytest.raises(IndexNotFound):
        SpanielRetriever(source=str(tmp_path / "none"))
    # Pydantic makes a ValidationError of each ValueError; it is one too.
    with pytest.raises(ValueError, match="does not search"):
        SpanielRetriever(source=42)
    with pytest.raises(ValueError, match="k: is 0"):
        SpanielRetriever(source=folder, k=0)
    with pytest.raises(ValueError, match="the source is none"), spaniel.open(folder) as kb:
        SpanielRetriever(source=kb.bm25(), retriever="bm25")
