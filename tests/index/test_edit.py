"""Adding, updating and deleting: against a list of documents and the plain BM25, in random order and in known cases."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from spaniel.index.build import add, build, update
from spaniel.index.edit import delete
from spaniel.index.index import Index, open_index
from spaniel.index.optimize import optimize
from spaniel.retrieval.errors import IndexLocked, IndexNotFound, InvalidInput
from spaniel.retrieval.types import Document

from .index_checks import assert_index_is, assert_search_is

WORDS = ["dog", "dogs", "cat", "barks", "the", "naïve", "x1", "running", "runs", "猫", "zebra"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join) | st.integers(1, 60).map(lambda n: "dog " * n)
DOCUMENTS = st.builds(
    lambda number, text, title, year: Document(f"d{number}", text, title, {"year": year} if year else {}),
    st.integers(0, 12),
    TEXTS,
    st.sampled_from(["", "", "cat", "the zebra"]),
    st.integers(0, 3),
)
BATCHES = st.lists(DOCUMENTS, max_size=6)
QUERIES = ["dog", "running cats", "zebra x1 naïve", "猫", "the", "unheard of"]


class Edits(RuleBasedStateMachine):
    """Every command on a real index, and on a list of the documents that should be alive, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "kb"
        self.documents: list[Document] = []
        self.reader: Index | None = None
        self.seen: list[Document] = []

    @initialize(batch=BATCHES, fields=st.sampled_from([None, {"title": 2.0, "text": 1.0}]), column=st.booleans())
    def build(self, batch: list[Document], fields: dict[str, float] | None, column: bool) -> None:
        columns: dict[str, Any] = {"year": "integer"} if column else {}
        build(batch, self.path, fields=fields, columns=columns, on_duplicate="replace").close()
        self._put(batch)
        self.reader, self.seen = open_index(self.path), list(self.documents)

    def _put(self, batch: list[Document]) -> None:
        for document in batch:
            self.documents = [old for old in self.documents if old.id != document.id] + [document]

    @rule(batch=BATCHES)
    def update(self, batch: list[Document]) -> None:
        update(batch, self.path).close()
        self._put(batch)

    @rule(batch=BATCHES)
    def add_new_ones(self, batch: list[Document]) -> None:
        add(batch, self.path, on_duplicate="skip").close()
        for document in batch:
            if document.id not in {old.id for old in self.documents}:
                self.documents.append(document)

    @precondition(lambda self: self.documents)
    @rule(batch=BATCHES, data=st.data())
    def refused_add_changes_nothing(self, batch: list[Document], data: st.DataObject) -> None:
        repeated = data.draw(st.sampled_from(self.documents))
        with pytest.raises(InvalidInput):
            add([*batch, repeated], self.path).close()

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        ids = data.draw(st.sets(st.sampled_from([f"d{i}" for i in range(13)]), max_size=6))
        present = {document.id for document in self.documents}
        if ids - present:
            with pytest.raises(InvalidInput, match="nothing was deleted"):
                delete(self.path, sorted(ids))
        assert delete(self.path, sorted(ids), missing_ok=True) == len(ids & present)
        self.documents = [document for document in self.documents if document.id not in ids]

    @rule()
    def optimize(self) -> None:
        manifest = optimize(self.path)
        assert len(manifest.segments) <= 1
        assert sum(segment.n_deleted for segment in manifest.segments) == 0

    @rule()
    def reopen(self) -> None:
        assert self.reader is not None
        self.reader.reopen()
        self.seen = list(self.documents)

    @invariant()
    def the_newest_generation_is_the_list(self) -> None:
        if self.reader is not None:
            with open_index(self.path) as index:
                assert_index_is(index, self.documents, QUERIES)
                assert_search_is(index, self.documents, "dog cat zebra", where={"year": {"$gte": 2}})
                assert_search_is(index, self.documents, "dog", where={"id": {"$in": ["d1", "d2"]}})

    @invariant()
    def an_open_reader_keeps_its_generation(self) -> None:
        if self.reader is not None:
            assert len(self.reader) == len(self.seen)
            for query in QUERIES[:2]:
                assert_search_is(self.reader, self.seen, query)

    def teardown(self) -> None:
        if self.reader is not None:
            self.reader.close()
        shutil.rmtree(self.folder)


Edits.TestCase.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
test_edits = Edits.TestCase


@pytest.fixture
def path(tmp_path: Path) -> Path:
    build([Document(f"d{i}", f"number{i} dog" + " dog" * i) for i in range(5)], tmp_path / "kb").close()
    return tmp_path / "kb"


def test_the_message_for_an_unknown_id_names_it(path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no document 'nobody' \(nor 1 of the others\)"):
        delete(path, ["d1", "nobody", "nothing"])
    with open_index(path) as index:
        assert len(index) == 5 and index.generation == 1


def test_ids_are_not_analysed(path: Path) -> None:
    """Deleting goes by the exact id, whatever the analyser would make of it."""
    update([Document("The Dogs", "cat"), Document("dog", "cat"), Document("d1 ", "cat")], path).close()
    assert delete(path, ["The Dogs"]) == 1
    with open_index(path) as index:
        assert "dog" in index and "d1 " in index and "d1" in index and "The Dogs" not in index
    with pytest.raises(InvalidInput, match="the string 'd1'"):
        delete(path, "d1")


def test_deleting_everything_and_adding_again(path: Path) -> None:
    delete(path, [f"d{i}" for i in range(5)])
    with open_index(path) as index:
        assert len(index) == 0 and len(index.search("dog")) == 0 and not index.manifest.segments
        assert index.verify().ok
    assert optimize(path).segments == ()
    with add([Document("d1", "dog")], path) as index:
        assert [hit.id for hit in index.search("dog")] == ["d1"]
        assert index.manifest.segments[0].first_ordinal == 5  # ordinals are never used again


def test_a_large_deletion_is_analysed_in_parts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spaniel.index.bury._AT_ONCE", 2)
    delete(path, ["d0", "d1", "d2", "d4"])
    with open_index(path) as index:
        assert_index_is(index, [Document("d3", "number3 dog dog dog dog")], ["dog", "number3", "number1"])


def test_nothing_to_do_commits_nothing(path: Path) -> None:
    assert delete(path, ["nobody"], missing_ok=True) == 0
    assert add([], path).generation == 1
    assert optimize(path, reorder=False).generation == 1


def test_a_command_without_an_index(tmp_path: Path) -> None:
    for command in (
        lambda: delete(tmp_path / "none", ["a"]),
        lambda: add([Document("a", "x")], tmp_path / "none"),
        lambda: optimize(tmp_path / "none"),
        lambda: open_index(tmp_path / "none"),
    ):
        with pytest.raises(IndexNotFound):
            command()
    assert not list(tmp_path.iterdir())


def test_one_writer_at_a_time(path: Path) -> None:
    from spaniel.index.store import begin

    with begin(path), pytest.raises(IndexLocked):
        delete(path, ["d1"])
    assert delete(path, ["d1"]) == 1
