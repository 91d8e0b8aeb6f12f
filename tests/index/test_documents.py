"""Whole documents back from their passages."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

import spaniel as sp
from spaniel.index.check import verify
from spaniel.index.chunking.cut import Cutter
from spaniel.index.chunking.rebuilt import text_of
from spaniel.index.chunking.settings import ChunkSettings
from spaniel.index.edit import delete
from spaniel.index.index import Index
from spaniel.index.input import InputOptions
from spaniel.index.optimize import optimize
from spaniel.index.partial import Checkpoint, Partial
from spaniel.index.progress import Progress
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


CUT = ChunkSettings(8, overlap_sentences=1, records=True)


def document(name: str, words: str) -> Document:
    """A document of a passage for every letter or so."""
    return Document(
        name, "".join(f"Sentence {word} stands here. Then more of {word}.\n\n" for word in words), name, {"n": 1}
    )


def assert_holds(kb: Index, documents: dict[str, Document], folder: Path) -> None:
    """The index has these documents whole, and finds what a fresh one would."""
    assert verify(kb.path).ok
    assert {name: kb.document(name) for name in documents} == documents
    assert kb.info()["documents"] == len(documents) == len(set(kb.passages.doc_ids(kb.passages.matching({}))))
    if documents:
        with sp.build(list(documents.values()), folder / "fresh", chunks=CUT, overwrite=True) as fresh:
            assert len(fresh) == len(kb)
            for query in ("sentence x", "more of y", "z stands"):
                found = [[(hit.id, hit.score) for hit in index.search(query, 500)] for index in (kb, fresh)]
                assert sorted(found[0]) == sorted(found[1])


NAMES = st.sampled_from(["a", "b", "a#1", "a#2#1", "c$"])
GIVEN = st.lists(st.tuples(NAMES, st.text("xyz", max_size=4)), min_size=1, max_size=4)


@settings(max_examples=10)
@given(st.lists(st.tuples(st.sampled_from(["replace", "skip", "delete", "optimize"]), GIVEN), min_size=1, max_size=5))
def test_commands_keep_documents_whole(commands: list[tuple[str, list[tuple[str, str]]]]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        held = {"seed": document("seed", "xyz")}
        sp.build(list(held.values()), folder / "kb", chunks=CUT).close()
        for command, given_ in commands:
            documents = [document(*item) for item in given_]
            if command == "optimize":
                optimize(folder / "kb")
            elif command == "delete":
                names = [item.id for item in documents if item.id in held or item.id not in passages_of(held)]
                assert delete(folder / "kb", names, missing_ok=True) == len(set(names) & held.keys())
                held = {name: item for name, item in held.items() if name not in names}
            else:
                sp.add(documents, folder / "kb", on_duplicate=command).close()  # type: ignore[arg-type]
                held = after(held, documents, replaces=command == "replace")
            with sp.open(folder / "kb") as kb:
                assert_holds(kb, held, folder)


def ids_of(item: Document) -> set[str]:
    """Every id that a document takes."""
    return {item.id, *(passage.id for passage in Cutter(CUT).cut(item, "text"))}


def passages_of(documents: dict[str, Document]) -> set[str]:
    """Ids of all passages."""
    return {id_ for item in documents.values() for id_ in ids_of(item)}


def after(held: dict[str, Document], documents: list[Document], *, replaces: bool) -> dict[str, Document]:
    """What there is after these came."""
    held = dict(held)
    for item in documents:
        clashing = [name for name, other in held.items() if ids_of(other) & ids_of(item)]
        if clashing and not replaces:
            continue
        for name in clashing:
            del held[name]
        held[item.id] = item
    return held


def test_a_repeated_document_is_an_error_whatever_its_passages(tmp_path: Path) -> None:
    short, long = document("a", ""), document("a", "xyz")
    for documents in ([long, short], [short, long], [long, Document("a#2", "one")]):
        with pytest.raises(InvalidInput, match="stands already"):
            sp.build(documents, tmp_path / "kb", chunks=CUT)
    sp.build([long], tmp_path / "kb", chunks=CUT).close()
    for other in (short, long, Document("a#2", "one")):
        with pytest.raises(InvalidInput, match="in the index already"):
            sp.add([other], tmp_path / "kb")


def test_a_passage_deleted_by_itself_leaves_a_document_that_is_not_whole(tmp_path: Path) -> None:
    with sp.build([document("a", "xyz")], tmp_path / "kb", chunks=CUT) as kb:
        assert delete(kb.path, ["a#2"]) == 1
        kb.reopen()
        assert "a" in kb and "a#2" not in kb and "a#1" in kb and kb.get("a#3").doc_id == "a"
        assert kb.document_text("a") is None
        with pytest.raises(InvalidInput, match="not whole"):
            kb.document("a")
        assert delete(kb.path, ["a"]) == 1
        kb.reopen()
        assert len(kb) == 0 == kb.info()["documents"]


def test_files_are_cut_and_records_are_not(tmp_path: Path) -> None:
    text = "\n\n".join(f"Paragraph {n} says this and that." for n in range(200))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text(f"# Title\n\n{text}")
    (tmp_path / "docs" / "b.jsonl").write_text(json.dumps({"_id": "b", "text": text}))
    with sp.build(tmp_path / "docs", tmp_path / "kb") as kb:
        assert kb.info()["documents"] == 2 < len(kb)
        assert kb.get("b").text == text == kb.document_text("b")
        assert kb.document_text("a.md") == f"# Title\n\n{text}" and kb.document("a.md").title == "Title"
        assert kb.settings.chunks == ChunkSettings()
    with sp.build(tmp_path / "docs", tmp_path / "kb", chunks=False, overwrite=True) as kb:
        assert len(kb) == 2 and "chunks" not in kb.manifest.settings
    with sp.build(tmp_path / "docs" / "b.jsonl", tmp_path / "kb", overwrite=True) as kb:
        assert len(kb) == 1 and "chunks" not in kb.manifest.settings
    with sp.build(tmp_path / "docs", tmp_path / "kb", chunks=32, overwrite=True) as kb:
        assert "b#2" in kb and kb.document_text("b") == text


def test_adding_cuts_as_the_index_does(tmp_path: Path) -> None:
    sp.build([document("a", "xyz")], tmp_path / "kb", chunks=CUT).close()
    with sp.add([document("b", "xyz")], tmp_path / "kb", chunks=CUT) as kb:
        assert "b#2" in kb
    for other in (False, 100):
        with pytest.raises(InvalidInput, match="cuts documents otherwise"):
            sp.add([document("c", "")], tmp_path / "kb", chunks=other)
    sp.build([document("a", "xyz")], tmp_path / "flat").close()
    with sp.add([document("b", "xyz")], tmp_path / "flat", chunks=CUT) as kb:
        assert "b#2" in kb and "a#2" not in kb and kb.info()["documents"] == 2
        assert kb.document_text("a") == document("a", "xyz").text


def test_an_interrupted_build_of_cut_documents_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    for n in range(30):
        (tmp_path / "docs" / f"{n:02}.txt").write_text(document("", "xyzxyz"[: n % 7]).text)
    options: dict[str, Any] = {"checkpoint_s": 0, "input_options": InputOptions(batch_records=3)}
    save = Partial.save

    def save_and_die(partial: Partial, checkpoint: Checkpoint) -> None:
        save(partial, checkpoint)
        if checkpoint.n_documents > 40:
            raise KeyboardInterrupt

    for chunks in (CUT, 9):  # what the first leaves is of no use to the second
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Partial, "save", save_and_die)
            sp.build(tmp_path / "docs", tmp_path / "kb", chunks=chunks, **options)
    told: list[Progress] = []
    with (
        sp.build(tmp_path / "docs", tmp_path / "kb", chunks=9, on_progress=told.append, **options) as kb,
        sp.build(tmp_path / "docs", tmp_path / "other", chunks=9, **options) as right,
    ):
        [note] = [progress.note for progress in told if progress.note]
        assert note == "going on after 15 documents of an unfinished build"
        everything = np.arange(len(right))
        assert kb.passages.get(everything) == right.passages.get(everything)
        assert kb.info()["documents"] == 30


def test_a_counter_of_a_file_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = tmp_path / "here" / "tok"
    tokenizer.mkdir(parents=True)
    Tokenizer(WordLevel({"word": 0, "[UNK]": 1}, unk_token="[UNK]")).save(str(tokenizer / "tokenizer.json"))
    (tmp_path / "a.txt").write_text("one two. " * 40)
    monkeypatch.chdir(tmp_path / "here")
    with sp.build(tmp_path / "a.txt", tmp_path / "kb", chunks=ChunkSettings(16, counter="tok")) as kb:
        assert kb.settings.chunks is not None
        assert kb.settings.chunks.counter == str(tokenizer / "tokenizer.json")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.txt").write_text("three four. " * 40)
    sp.add(tmp_path / "b.txt", tmp_path / "kb").close()
    # What is not cut needs no counter: records go in though the file is gone.
    (tokenizer / "tokenizer.json").unlink()
    sp.add([Document("r", "a record")], tmp_path / "kb").close()


def test_files_kept_whole_are_told_of_and_what_cannot_be_has_a_hint(tmp_path: Path) -> None:
    notes: list[str] = []
    (tmp_path / "a.txt").write_text("one two. " * 400)
    sp.build([Document("r", "a record")], tmp_path / "kb").close()
    sp.add(tmp_path / "a.txt", tmp_path / "kb", on_progress=lambda each: notes.append(each.note)).close()
    assert any("--chunk-tokens" in note for note in notes)
    sp.build(tmp_path / "a.txt", tmp_path / "cut").close()
    with pytest.raises(InvalidInput, match="False asks for no cutting") as refused:
        sp.add(tmp_path / "a.txt", tmp_path / "cut", chunks=False, on_duplicate="replace")
    assert "leave chunks out" in (refused.value.hint or "")
