"""The vector store beyond the standard suite: what stays on disk, searches by words, other models, threads."""

import threading
from pathlib import Path
from typing import Any

import pytest
from contracts.toy_encoder import ToyEncoder
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

import spaniel
from spaniel.rag.langchain import SpanielEmbeddings, SpanielVectorStore
from spaniel.retrieval.errors import InvalidInput, ModelError

TEXTS = ["dogs bark", "cats purr", "dogs and cats sleep"]
YEARS: list[dict[str, Any]] = [{"year": 2020}, {"year": 2024}, {"year": 2024}]


def toy() -> Embeddings:
    return SpanielEmbeddings(ToyEncoder())


def test_it_stays_on_disk_and_is_an_ordinary_index(tmp_path: Path) -> None:
    store = SpanielVectorStore.from_texts(TEXTS, toy(), YEARS, ids=["a", "b", "c"], path=tmp_path / "kb")
    store.close()
    again = SpanielVectorStore(toy(), tmp_path / "kb")
    assert again.similarity_search("cats purr", k=1) == [
        Document(page_content="cats purr", metadata={"year": 2024}, id="b")
    ]
    again.close()
    with spaniel.open(tmp_path / "kb") as kb:
        assert [hit.id for hit in kb.search("bark", retriever="bm25")] == ["a"]
        assert kb.verify().ok


def test_another_model_is_refused(tmp_path: Path) -> None:
    SpanielVectorStore.from_texts(TEXTS, toy(), path=tmp_path / "kb").close()
    with pytest.raises(ModelError, match="made with"):
        SpanielVectorStore(DeterministicFakeEmbedding(size=32), tmp_path / "kb")


def test_an_index_of_something_else_is_refused(tmp_path: Path) -> None:
    spaniel.build([spaniel.Document("a", "x")], tmp_path / "kb").close()
    with pytest.raises(InvalidInput, match="no vector store made it"):
        SpanielVectorStore(toy(), tmp_path / "kb")


def test_searches_by_words_by_both_and_under_a_filter() -> None:
    store = SpanielVectorStore.from_texts(TEXTS, toy(), YEARS, ids=["a", "b", "c"])
    for retriever in ("dense", "bm25", "hybrid"):
        assert store.similarity_search("dogs bark", k=1, retriever=retriever)[0].id == "a"
        recent = store.similarity_search("dogs bark", k=3, retriever=retriever, filter={"year": {"$gte": 2024}})
        assert {each.id for each in recent} <= {"b", "c"}
    with pytest.raises(InvalidInput, match="not one of dense, bm25, hybrid"):
        store.similarity_search("dogs", retriever="colbert")
    with pytest.raises(InvalidInput, match="no argument 'fetch'"):
        store.similarity_search("dogs", fetch=3)
    store.close()


def test_scores_are_cosines_and_relevance_lies_between_0_and_1() -> None:
    store = SpanielVectorStore.from_texts(TEXTS, toy(), ids=["a", "b", "c"])
    vector = toy().embed_query("dogs bark")
    [(best, score), *_] = store.similarity_search_with_score("dogs bark")
    assert best.id == "a"
    assert score == pytest.approx(1.0, abs=1e-5)
    assert store.similarity_search_by_vector([3 * v for v in vector], k=2)[0].id == "a"
    relevance = [each for _, each in store.similarity_search_with_relevance_scores("dogs bark", k=3)]
    assert relevance[0] == pytest.approx(1.0, abs=1e-5)
    assert all(0 <= each <= 1 for each in relevance)
    store.close()


def test_mmr_leaves_out_the_twin() -> None:
    store = SpanielVectorStore.from_texts(["dogs bark", "dogs bark", "cats purr"], toy(), ids=["a", "twin", "c"])
    assert [each.id for each in store.max_marginal_relevance_search("dogs bark", k=2, lambda_mult=0.4)] == ["a", "c"]
    assert [each.id for each in store.max_marginal_relevance_search("dogs bark", k=2, lambda_mult=1)] == ["a", "twin"]
    found = store.as_retriever(search_type="mmr", search_kwargs={"k": 1}).invoke("cats purr")
    assert [each.id for each in found] == ["c"]
    store.close()


def test_nothing_is_added_when_the_model_or_the_metadata_fails(tmp_path: Path) -> None:
    class Fails(DeterministicFakeEmbedding):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            raise ConnectionError("no such host")

    store = SpanielVectorStore(Fails(size=4), tmp_path / "kb")
    with pytest.raises(ModelError, match="no such host"):
        store.add_texts(["a"])
    assert store.similarity_search("a") == []
    whole = SpanielVectorStore.from_texts(["a"], toy(), ids=["1"], path=tmp_path / "whole")
    with pytest.raises(InvalidInput, match="object"):
        whole.add_texts(["b"], [{"x": object()}], ids=["2"])
    assert [each.id for each in whole.similarity_search("b", k=5)] == ["1"]
    with pytest.raises(InvalidInput, match="2 texts, 1 metadata"):
        whole.add_texts(["b", "c"], [{}])


def test_deleting_everything_leaves_an_empty_store() -> None:
    store = SpanielVectorStore.from_texts(TEXTS, toy(), ids=["a", "b", "c"])
    assert store.delete()
    assert store.similarity_search("dogs") == []
    assert store.add_texts(["dogs"], ids=["a"]) == ["a"]
    assert [each.id for each in store.similarity_search("dogs")] == ["a"]
    store.close()


def test_a_temporary_index_goes_with_its_store() -> None:
    store = SpanielVectorStore.from_texts(TEXTS, toy())
    folder = store.path
    assert folder.exists()
    store.close()
    assert not folder.exists()
    store.close()


def test_a_closed_store_does_nothing_more() -> None:
    store = SpanielVectorStore.from_texts(TEXTS, toy())
    store.close()
    for call in (
        lambda: store.similarity_search("dogs"),
        lambda: store.add_texts(["x"]),
        lambda: store.delete(["x"]),
        lambda: store.get_by_ids(["x"]),
        lambda: store.max_marginal_relevance_search("dogs"),
    ):
        with pytest.raises(InvalidInput, match="has been closed"):
            call()
    assert not store.path.parent.exists()


def test_two_stores_of_one_folder_see_what_the_other_made(tmp_path: Path) -> None:
    first, second = SpanielVectorStore(toy(), tmp_path / "kb"), SpanielVectorStore(toy(), tmp_path / "kb")
    assert second.similarity_search("dogs bark") == []
    first.add_texts(["dogs bark"], ids=["a"])
    assert [each.id for each in second.similarity_search("dogs bark")] == ["a"]
    third = SpanielVectorStore(toy(), tmp_path / "other")
    SpanielVectorStore(toy(), tmp_path / "other").add_texts(["cats purr"], ids=["b"])
    third.add_texts(["birds sing"], ids=["c"])
    assert {each.id for each in third.similarity_search("cats purr", k=3)} == {"b", "c"}


def test_words_have_no_relevance_between_0_and_1() -> None:
    store = SpanielVectorStore.from_texts(TEXTS, toy())
    with pytest.raises(InvalidInput, match="no relevance between 0 and 1"):
        store.similarity_search_with_relevance_scores("dogs", retriever="bm25")
    store.close()


def test_readers_go_on_while_a_writer_adds() -> None:
    store = SpanielVectorStore.from_texts(TEXTS, toy(), ids=["a", "b", "c"])
    failed: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                assert store.similarity_search("dogs bark", k=1)[0].page_content == "dogs bark"
        except BaseException as error:  # noqa: BLE001  # whatever it is, the main thread tells
            failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(8):
        store.add_texts([f"birds sing {number}"], ids=[str(number)])
    done.set()
    for reader in readers:
        reader.join()
    assert not failed
    assert len(store.get_by_ids([str(number) for number in range(9)])) == 8
    store.close()
