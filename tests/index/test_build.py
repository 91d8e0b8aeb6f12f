"""Building: options, duplicates, malformed records, spilling, and going on after a kill at every step."""

from pathlib import Path
from typing import Any

import pytest

from spaniel.index import fs as fs_module
from spaniel.index.build import add, build
from spaniel.index.index import open_index
from spaniel.index.input import InputOptions, Problem, content_id
from spaniel.index.progress import Progress
from spaniel.retrieval.errors import IndexNotFound, InvalidInput, LimitExceeded
from spaniel.retrieval.types import Document

from .build_cases import QUERIES, SMALL, answers, documents, written
from .index_checks import assert_index_is

# --- What a build makes ---


def test_files_objects_and_many_sources_give_the_same_index(tmp_path: Path) -> None:
    some = documents(40)
    one = written(tmp_path / "a.jsonl", some[:25])
    two = written(tmp_path / "b.jsonl", some[25:])
    with (
        build([one, two], tmp_path / "files") as files,
        build(some, tmp_path / "objects", input_options=SMALL) as objects,
        build(iter(some), tmp_path / "iterator") as iterator,
    ):
        assert_index_is(files, some, QUERIES)
        assert answers(files) == answers(objects) == answers(iterator)


def test_fields_columns_and_scorer_stand_in_the_index(tmp_path: Path) -> None:
    some = documents(20)
    fields = {"title": 2.0, "text": 1.0}
    with build(some, tmp_path / "kb", fields=fields, columns={"n": "integer"}, language="english") as index:
        assert_index_is(index, some, [*QUERIES, "title"])
        assert index.settings.fields == fields
        assert index.passages.open[0].passages.columns == {"n": "integer"}
        assert [hit.id for hit in index.search("number7 number8", where={"n": {"$gt": 7}})] == ["d8"]


def test_documents_without_ids_get_content_hashes(tmp_path: Path) -> None:
    with build([Document("", "Hello"), Document("", "World")], tmp_path / "kb") as index:
        assert content_id("", "Hello") in index and content_id("", "World") in index


def test_an_empty_index_can_be_built_and_filled(tmp_path: Path) -> None:
    with build([], tmp_path / "kb") as index:
        assert len(index) == 0 and len(index.search("dog")) == 0 and index.verify().ok
    with add(documents(3), tmp_path / "kb") as index:
        assert_index_is(index, documents(3), QUERIES)


def test_files_without_documents_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(InvalidInput, match="no document"):
        build(tmp_path / "empty.jsonl", tmp_path / "kb")
    with pytest.raises(IndexNotFound):
        open_index(tmp_path / "kb")


def test_a_small_budget_spills_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = documents(60)
    source = written(tmp_path / "a.jsonl", some)
    with build(source, tmp_path / "one", checkpoint_s=1e9) as index:
        expected = answers(index)
    spilled: list[str] = []
    save = fs_module.RealFS.create
    monkeypatch.setattr(fs_module.RealFS, "create", lambda self, path: (spilled.append(path.name), save(self, path))[1])
    monkeypatch.setattr("spaniel.index.ingest._MIN_BUILDER_BYTES", 1)
    with build(source, tmp_path / "many", memory_bytes=64 << 20, checkpoint_s=1e9, input_options=SMALL) as index:
        assert answers(index) == expected
        assert_index_is(index, some, QUERIES)
    assert sum(name.startswith("run-") for name in spilled) == 12
    assert not (tmp_path / "many" / "partial").exists()


def test_progress_is_told(tmp_path: Path) -> None:
    source = written(tmp_path / "a.jsonl", documents(30))
    told: list[Progress] = []
    build(source, tmp_path / "kb", on_progress=told.append).close()
    assert [p.stage for p in told] == ["reading", "writing", "committing", "done"]
    assert told[-2].documents == 30 and told[-2].bytes_read == told[-2].total_bytes == source.stat().st_size


# --- What is refused ---


def test_an_existing_index_is_not_overwritten_unasked(tmp_path: Path) -> None:
    build(documents(5), tmp_path / "kb").close()
    with pytest.raises(InvalidInput, match="already there"):
        build(documents(6), tmp_path / "kb")
    with open_index(tmp_path / "kb") as old, build(documents(7, seed=1), tmp_path / "kb", overwrite=True) as new:
        assert_index_is(new, documents(7, seed=1), QUERIES)
        assert new.generation > old.generation and new.manifest.index_id != old.manifest.index_id
        assert len(old) == 5 and [p.id for p in old.passages.get([4])] == ["d4"]
        assert answers(old)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"language": "klingon"}, "klingon"),
        ({"fields": {"body": 1.0}}, "'body'"),
        ({"fields": {"title": -1.0}}, "-1.0"),
        ({"fields": {"contents": 1.0, "title": 1.0}}, "stands alone"),
        ({"columns": {"year": "date"}}, "'date'"),
        ({"on_duplicate": "error"}, "'error' is not one of"),
        ({"memory_bytes": 1000}, "64 MiB"),
        ({"checkpoint_s": -1.0}, "checkpoint_s"),
    ],
)
def test_options_that_cannot_be_leave_nothing_behind(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        build(documents(3), tmp_path / "kb", **options)
    assert not (tmp_path / "kb" / "MANIFEST").exists()


@pytest.mark.parametrize(
    "sources", [7, Document("a", "x"), [Document("a", "x"), "path.jsonl"], ["x.jsonl", 3], "none.jsonl"]
)
def test_sources_that_cannot_be(tmp_path: Path, sources: Any) -> None:
    with pytest.raises(InvalidInput):
        build(sources, tmp_path / "kb")


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InvalidInput, match=r"thesis\.txt"):
        build(documents(3), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_ordinals_run_out_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spaniel.index.ingest.MAX_PASSAGES", 10)
    build(documents(8), tmp_path / "kb").close()
    with pytest.raises(LimitExceeded, match="13, the limit is 10"):
        add(documents(13)[8:], tmp_path / "kb")


# --- Ids that come twice ---


def twice(tmp_path: Path) -> tuple[Path, Path]:
    one = written(tmp_path / "a.jsonl", [Document("x", "first dog"), Document("y", "cat"), Document("z", "zebra")])
    two = written(
        tmp_path / "b.jsonl", [Document("w", "cat"), Document("x", "second zebra"), Document("x", "third dog cat")]
    )
    return one, two


@pytest.mark.parametrize("batch_records", [1, 2, 100])
def test_a_repeated_id_is_named_with_both_places(tmp_path: Path, batch_records: int) -> None:
    sources = twice(tmp_path)
    options = InputOptions(batch_records=batch_records)
    with pytest.raises(InvalidInput, match=r"b\.jsonl:2: id 'x' stands already at .*a\.jsonl:1$"):
        build(sources, tmp_path / "kb", input_options=options, checkpoint_s=0.0)
    with pytest.raises(IndexNotFound):
        open_index(tmp_path / "kb")


@pytest.mark.parametrize("batch_records", [1, 2, 100])
def test_the_last_or_the_first_is_kept(tmp_path: Path, batch_records: int) -> None:
    sources = twice(tmp_path)
    options = InputOptions(batch_records=batch_records)
    for keep, text in (("replace", "third dog cat"), ("skip", "first dog")):
        with build(sources, tmp_path / keep, on_duplicate=keep, input_options=options, checkpoint_s=0.0) as index:  # type: ignore[arg-type]
            kept = Document("x", text)
            rest = [Document("y", "cat"), Document("z", "zebra"), Document("w", "cat")]
            order = [*rest, kept] if keep == "replace" else [kept, *rest]
            assert_index_is(index, order, ["dog", "zebra", "first", "second", "third cat"])


def test_adding_an_id_that_is_there(tmp_path: Path) -> None:
    build([Document("x", "dog"), Document("y", "dog")], tmp_path / "kb").close()
    source = written(tmp_path / "a.jsonl", [Document("n", "cat"), Document("x", "cat")])
    with pytest.raises(InvalidInput, match=r"a\.jsonl:2: id 'x' is in the index already"):
        add(source, tmp_path / "kb")
    with open_index(tmp_path / "kb") as index:
        assert_index_is(index, [Document("x", "dog"), Document("y", "dog")], ["dog", "cat"])


def test_ids_with_the_same_hash_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The set of seen ids keeps hashes; when all collide, every id is looked up and none is taken for another."""
    monkeypatch.setattr("spaniel.index.duplicates.hash", lambda name: 1, raising=False)
    with build(documents(12), tmp_path / "kb", input_options=SMALL) as index:
        assert_index_is(index, documents(12), QUERIES)
    with pytest.raises(InvalidInput, match="'d3' stands already"):
        build([*documents(12), Document("d3", "again")], tmp_path / "other", input_options=SMALL)
    with build([*documents(12), Document("d3", "cat")], tmp_path / "third", on_duplicate="replace") as index:
        assert_index_is(index, [*(d for d in documents(12) if d.id != "d3"), Document("d3", "cat")], QUERIES)


# --- Malformed records ---


def test_malformed_records_are_fatal_or_told_with_their_place(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    lines = ['{"_id": "a", "text": "dog", "year": 1}', "{not json", '{"_id": "b", "text": "cat", "year": "soon"}']
    source.write_text("\n".join([*lines, '{"_id": "c", "text": "zebra"}']))
    with pytest.raises(InvalidInput, match=r"a\.jsonl:2"):
        build(source, tmp_path / "kb")
    told: list[Problem] = []
    columns: Any = {"year": "integer"}
    with build(source, tmp_path / "kb2", on_error="skip", on_problem=told.append, columns=columns) as index:
        assert_index_is(index, [Document("a", "dog", "", {"year": 1}), Document("c", "zebra")], ["dog", "cat", "zebra"])
    assert sorted((problem.line, "column is integer" in problem.reason) for problem in told) == [(2, False), (3, True)]
    assert all(problem.file == str(source) for problem in told)
    source.write_text("\n".join([lines[0], lines[2]]))
    with pytest.raises(InvalidInput, match=r"a\.jsonl:2: .*column is integer"):
        build(source, tmp_path / "kb3", columns=columns)


def test_objects_that_are_no_documents(tmp_path: Path) -> None:
    wrong: list[Any] = [Document("a", "dog"), "text", Document("b", None), Document("c", "x", "", None)]  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="document 2: is str"):
        build(wrong, tmp_path / "kb")
    told: list[Problem] = []
    with build(wrong, tmp_path / "kb", on_error="skip", on_problem=told.append) as index:
        assert_index_is(index, [Document("a", "dog")], ["dog"])
    assert [problem.line for problem in told] == [2, 3, 4]
