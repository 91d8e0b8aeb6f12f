"""What every index promises to its readers: inherit `IndexContract` and give it a `subject` fixture."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from spaniel.index.index import Index, open_index
from spaniel.retrieval.errors import InvalidInput, InvalidQuery
from spaniel.retrieval.protocols import NamedPassages, Stored
from spaniel.retrieval.types import Document

__all__ = ["IndexContract", "IndexSubject"]


@dataclass(frozen=True)
class IndexSubject:
    """An open index, the documents alive in it in order of insertion, and queries that find something."""

    index: Index
    documents: Sequence[Document]
    queries: Sequence[str]


class IndexContract:
    """The suite. Tests that close or reopen open the index anew."""

    @pytest.fixture
    def subject(self) -> IndexSubject:
        raise NotImplementedError

    def test_it_counts_and_gives_back_its_documents(self, subject: IndexSubject) -> None:
        assert len(subject.index) == len(subject.documents)
        for document in subject.documents:
            assert document.id in subject.index
            passage = subject.index.get(document.id)
            assert (passage.id, passage.doc_id) == (document.id, document.id)
            assert (passage.text, passage.title, passage.meta) == (document.text, document.title, document.meta)
            assert document.text[passage.start : passage.end] == passage.text

    def test_what_it_does_not_have(self, subject: IndexSubject) -> None:
        assert "no such id" not in subject.index and 7 not in subject.index
        with pytest.raises(InvalidInput, match="'no such id'"):
            subject.index.get("no such id")
        with pytest.raises(InvalidInput, match="ordinals"):
            subject.index.passages.get([subject.index.manifest.next_ordinal])

    def test_its_passages_have_names(self, subject: IndexSubject) -> None:
        store = subject.index.passages
        assert isinstance(store, NamedPassages) and isinstance(store, Stored)
        ids = [document.id for document in subject.documents]
        ordinals = store.ordinals_of([*ids, "no such id"])
        assert set(ordinals) == set(ids)
        backwards = list(reversed(ordinals))
        assert store.ids([ordinals[id_] for id_ in backwards]) == backwards
        assert store.doc_ids([ordinals[id_] for id_ in backwards]) == backwards
        assert len(store) == len(ids)
        assert store.identity.endswith(f":{subject.index.generation}")
        assert {"passages", "sparse"} <= set(store.size_bytes) and min(store.size_bytes.values()) >= 0

    def test_hits_carry_their_texts(self, subject: IndexSubject) -> None:
        texts = {document.id: document.text for document in subject.documents}
        for query in subject.queries:
            results = subject.index.search(query, k=5)
            assert 0 < len(results) <= 5
            assert [hit.rank for hit in results] == list(range(1, len(results) + 1))
            assert [hit.text for hit in results] == [texts[hit.id] for hit in results]
            assert results.ms > 0 and results.trace[0].name == "bm25"
            assert "bm25" in results.explain()

    def test_search_is_the_retriever(self, subject: IndexSubject) -> None:
        for query in subject.queries:
            results = subject.index.search(query, k=7)
            [ranking] = subject.index.bm25().search([query], k=7)
            assert [hit.score for hit in results] == ranking.scores.tolist()
            assert [hit.id for hit in results] == [p.id for p in subject.index.passages.get(ranking.ids)]

    def test_scores_can_be_taken_apart(self, subject: IndexSubject) -> None:
        for query in subject.queries:
            for hit in subject.index.search(query, k=3):
                told = subject.index.explain_score(query, hit.id)
                assert (told["id"], told["score"]) == (hit.id, pytest.approx(hit.score, rel=1e-6))
        with pytest.raises(InvalidInput, match="'no such id'"):
            subject.index.explain_score("a", "no such id")

    def test_exclude_and_where(self, subject: IndexSubject) -> None:
        query = subject.queries[0]
        everything = subject.index.bm25().search([query], k=1000)[0]
        names = [passage.id for passage in subject.index.passages.get(everything.ids)]
        rest = subject.index.search(query, k=1000, exclude={int(everything.ids[0])})
        assert [hit.id for hit in rest] == names[1:]
        chosen = subject.index.search(query, k=1000, where={"id": {"$in": names[::2]}})
        assert [hit.id for hit in chosen] == names[::2]
        assert len(subject.index.search(query, where={"id": "no such id"})) == 0
        for _ in range(2):  # from the cache, too
            assert [hit.id for hit in subject.index.search(query, where={"id": names[0]})] == [names[0]]

    def test_queries_and_options_that_cannot_be(self, subject: IndexSubject) -> None:
        with pytest.raises(InvalidInput, match="one query"):
            subject.index.search(["a", "b"])  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="k"):
            subject.index.search("a", k=0)
        with pytest.raises(InvalidQuery, match=r"\$near"):
            subject.index.search("a", where={"x": {"$near": 1}})
        with pytest.raises(InvalidInput, match="b"):
            subject.index.bm25(b=7.0)

    def test_nothing_found_is_no_error(self, subject: IndexSubject) -> None:
        for query in ("", " ", "the", "qqqqqqqqqq", "\0", "\U0001f600"):
            assert len(subject.index.search(query)) == 0

    def test_many_threads_read_what_one_reads(self, subject: IndexSubject) -> None:
        def hits(query: str) -> list[tuple[str, float]]:
            return [(hit.id, hit.score) for hit in subject.index.search(query, k=20, where={"id": {"$ne": "x"}})]

        asked = list(subject.queries) * 10
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(hits, asked)) == [hits(query) for query in asked]

    def test_info_and_verify(self, subject: IndexSubject) -> None:
        info = subject.index.info()
        assert (info["passages"], info["documents"]) == (len(subject.documents),) * 2
        assert info["segments"] == len(subject.index.manifest.segments)
        files = [entry for entry in subject.index.path.iterdir() if entry.suffix in (".bin", ".sqlite")]
        sizes = info["bytes"]
        assert isinstance(sizes, dict) and 0 < sum(sizes.values()) <= sum(f.stat().st_size for f in files)  # type: ignore[arg-type]
        assert subject.index.verify().ok

    def test_closed_is_closed(self, subject: IndexSubject) -> None:
        with open_index(subject.index.path) as index:
            retriever = index.bm25()
            assert index.reopen() is False
        index.close()
        for use in (
            lambda: index.search("a"),
            lambda: index.get("a"),
            lambda: index.bm25(),
            lambda: index.info(),
            lambda: index.reopen(),
        ):
            with pytest.raises(InvalidInput, match="closed"):
                use()
        [ranking] = retriever.search([subject.queries[0]], k=3)  # arrays stay mapped
        with pytest.raises(InvalidInput, match="closed"):
            index.passages.get(ranking.ids)
