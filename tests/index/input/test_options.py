"""Options, positions and content ids."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.input import InputOptions, Position, content_id, read_documents
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document

# Golden: these may never change, or every index built on content ids would see all its documents as new.
GOLDEN = {
    ("", ""): "7025e075d5e2f6cde3cc051a31f07660",
    ("", "Hello"): "6af061ef0c547000fa59e4ca237f59b7",
    ("T", "Some text."): "9d6c4ecc931ed9fdb835da3c8cc762df",
    ("é", "日本"): "dd1fc849444b22621262135fa4cc35a0",
}


def test_content_ids_are_what_they_always_were() -> None:
    assert {key: content_id(*key) for key in GOLDEN} == GOLDEN


_LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")  # readers let no NUL into a title


@given(st.text(_LETTERS), st.text(_LETTERS, max_size=3))
def test_title_and_text_do_not_run_into_each_other(title: str, tail: str) -> None:
    assert content_id(title + tail, "x") != content_id(title, tail + "x") or not tail


@pytest.mark.parametrize(
    "changes",
    [
        {"ids": "uuid"},
        {"on_error": "ignore"},
        {"encoding_errors": "surrogateescape"},
        {"max_record_bytes": 0},
        {"batch_records": -1},
        {"delimiter": ""},
        {"delimiter": ",,"},
        {"delimiter": "\n"},
        {"quote": '""'},
        {"delimiter": "'", "quote": "'"},
        {"columns": ("a", "a")},
        {"types": {"year": "int"}},
    ],
)
def test_options_out_of_range_are_named(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(changes))[:4] if len(changes) == 1 else "quote"):
        InputOptions(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", [{"line": -1}, {"line": "1"}, {"offset": True}, {"file": None}, {"extra": 1}])
def test_a_damaged_position_is_refused(damage: dict[str, object]) -> None:
    good = Position(0, "a.txt", 1, 2, 3, 4, 5, 6)
    assert Position.from_json(good.to_json()) == good
    with pytest.raises(InvalidInput, match="position"):
        Position.from_json({**good.to_json(), **damage})  # type: ignore[dict-item]


def read(path: object, **options: object) -> list[Document]:
    return [d for b in read_documents(path, InputOptions(**options)) for d in b.documents]  # type: ignore[arg-type]


def test_ids_from_fields_or_content(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(
        '{"key": 5, "body": "x", "name": "N", "id": "i"}\n{"body": "y", "title": null, "meta": {"a": 1}, "a": 2}\n'
    )
    assert read(path) == [
        Document("i", "x", "", {"key": 5, "name": "N"}),
        Document(content_id("", "y"), "y", "", {"meta": {"a": 1}, "a": 2}),  # nothing of a clash is lost
    ]
    assert [d.id for d in read(path, ids="hash")] == [content_id("", "x"), content_id("", "y")]
    named = read(path, id_field="key", title_field="name", on_error="skip", on_problem=lambda problem: None)
    assert named == [Document("5", "x", "N", {"id": "i"})]
    with pytest.raises(InvalidInput, match=r"no field 'content' .the text.; the record has 'key', 'body'"):
        read(path, text_field="content")
    (tmp_path / "a.txt").write_text("x")
    assert [d.id for d in read(tmp_path / "a.txt", ids="hash")] == [content_id("", "x")]
