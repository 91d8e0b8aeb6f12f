"""The index contract on indexes of every making, and the retriever contract on the retriever they give."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.index_contract import IndexContract, IndexSubject
from contracts.retriever import RetrieverContract, Subject

from spaniel.index.build import add, build
from spaniel.index.edit import delete
from spaniel.index.index import open_index
from spaniel.index.optimize import optimize
from spaniel.retrieval.errors import IndexCorrupt, InvalidInput
from spaniel.retrieval.pipeline import rrf
from spaniel.retrieval.types import Document

from .index_checks import assert_index_is

ANIMALS = ["dog", "cat", "zebra", "horse", "owl", "newt"]
VERBS = ["barks", "runs", "sleeps", "hides"]
QUERIES = ["dog runs", "sleeping owls", "zebra cat horse", "newt"]
DOCUMENTS = [
    Document(
        f"d{i}",
        f"The {ANIMALS[i % 6]} {VERBS[i % 4]}" + f" and {ANIMALS[i % 5]}" * (i % 3),
        f"{ANIMALS[i % 4]} {i}" if i % 2 else "",
        {"year": 2000 + i % 10, "tags": [ANIMALS[i % 3]]},
    )
    for i in range(80)
]


def made(path: Path, how: str) -> list[Document]:
    """Make an index at path; the documents alive in it, in order of insertion."""
    if how == "built":
        build(DOCUMENTS, path).close()
        return DOCUMENTS
    build(DOCUMENTS[:50], path, fields={"title": 2.0, "text": 1.0}, columns={"year": "integer"}).close()
    add(DOCUMENTS[50:], path).close()
    delete(path, [f"d{i}" for i in range(0, 80, 5)])
    if how != "edited":
        optimize(path, reorder=how == "reordered")
    return [document for i, document in enumerate(DOCUMENTS) if i % 5]


HOWS = ["built", "edited", "merged", "reordered"]


@pytest.fixture(scope="module", params=HOWS)
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexSubject]:
    path = tmp_path_factory.mktemp("contract") / "kb"
    alive = made(path, request.param)
    with open_index(path) as index:
        yield IndexSubject(index, alive, QUERIES)


class TestIndex(IndexContract):
    @pytest.fixture
    def subject(self, opened: IndexSubject) -> IndexSubject:
        return opened


class TestRetriever(RetrieverContract):
    @pytest.fixture
    def subject(self, opened: IndexSubject) -> Subject:
        return Subject(opened.index.bm25(k=20), QUERIES, opened.index.manifest.next_ordinal)


class TestBlockMaxPruning(RetrieverContract):
    @pytest.fixture
    def subject(self, opened: IndexSubject) -> Subject:
        retriever = opened.index.bm25(k=20, schedule="bmp", block_size=8, superblock=2)
        return Subject(retriever, QUERIES, opened.index.manifest.next_ordinal)


class TestLikelihood(RetrieverContract):
    @pytest.fixture
    def subject(self, opened: IndexSubject) -> Subject:
        return Subject(opened.index.likelihood(k=20), QUERIES, opened.index.manifest.next_ordinal)


@pytest.mark.parametrize("how", HOWS)
def test_every_making_finds_the_same(tmp_path: Path, how: str) -> None:
    alive = made(tmp_path / "kb", how)
    with open_index(tmp_path / "kb") as index:
        assert_index_is(index, alive, QUERIES)
        fused = rrf(index.bm25(k=50), index.bm25(k=50, k1=1.2, b=0.75))("dog runs", k=5)
        assert len(fused) == 5 and fused[0].text


def test_reopening_moves_on(tmp_path: Path) -> None:
    build(DOCUMENTS[:10], tmp_path / "kb").close()
    with open_index(tmp_path / "kb") as reader:
        old = reader.bm25()
        before = old.search(["dog"])[0]
        delete(tmp_path / "kb", ["d0"])
        add([Document("new", "dog dog")], tmp_path / "kb").close()
        assert reader.generation == 1 and "d0" in reader and "new" not in reader
        assert reader.reopen() is True and reader.reopen() is False
        assert reader.generation == 3 and "d0" not in reader and "new" in reader
        assert reader.search("dog")[0].id == "new"
        assert old.search(["dog"])[0] == before  # made before, so it shows what was before
        assert old.passages is not None and old.passages.get(before.ids)


def test_an_unusable_generation_leaves_the_old_one_open(tmp_path: Path) -> None:
    build(DOCUMENTS[:10], tmp_path / "kb").close()
    with open_index(tmp_path / "kb") as reader:
        with add(DOCUMENTS[10:12], tmp_path / "kb") as newer:
            file = newer.path / newer.manifest.segments[1].files["sparse"].name
        file.write_bytes(file.read_bytes()[:-1])
        with pytest.raises(IndexCorrupt, match=file.name):
            reader.reopen()
        assert reader.generation == 1 and len(reader.search("dog")) > 0


def test_passages_of_another_index_are_noticed(tmp_path: Path) -> None:
    """Two indexes of the same shape; one's passages in the place of the other's."""
    for name, some in (("one", DOCUMENTS[:10]), ("two", DOCUMENTS[10:20])):
        build(some, tmp_path / name).close()
    file = "passages-00000001-1.sqlite"
    (tmp_path / "one" / file).write_bytes((tmp_path / "two" / file).read_bytes())
    with open_index(tmp_path / "one") as one:
        report = one.verify()
        assert [(problem.file, "checksum" in problem.reason) for problem in report.problems] == [(file, True)]
    with open_index(tmp_path / "two") as two:
        assert two.verify().ok
    with pytest.raises(InvalidInput, match="no document"):
        delete(tmp_path / "two", ["d0"])


@pytest.mark.parametrize("k", [1.5, "3", True, 0])
def test_k_that_is_no_count_is_named(tmp_path: Path, k: Any) -> None:
    with build(DOCUMENTS[:10], tmp_path / "kb") as index:
        retriever = index.bm25()
        for attempt in (lambda: index.search("dog", k), lambda: index.bm25(k), lambda: retriever.search(["dog"], k=k)):
            with pytest.raises(InvalidInput, match=f"k: {k!r}"):
                attempt()
        one: Any = np.int64(1)
        assert len(index.search("dog", k=one)) == 1


@pytest.mark.parametrize("path", [None, 3, "", b"kb"])
def test_what_is_no_path_is_named(path: Any) -> None:
    with pytest.raises(InvalidInput, match="is no path of an index"):
        open_index(path)
