"""JSON lines: the fast path equals the slow one, odd bytes are reported where they stand, reading goes on anywhere."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.input import Batch, InputOptions, Position, Problem, read_documents, total_bytes
from spaniel.retrieval.errors import InvalidInput, LimitExceeded
from spaniel.retrieval.types import JSON, Document

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
RECORDS = st.lists(
    st.fixed_dictionaries(
        {"_id": TEXTS.filter(bool), "text": TEXTS},
        optional={"title": TEXTS, "year": st.integers(), "tags": st.lists(TEXTS, max_size=2)},
    ),
    max_size=30,
)


def write(folder: Path, data: bytes, name: str = "c.jsonl") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
    return path


def read(path: Path, options: InputOptions | None = None, start: Position | None = None) -> list[Document]:
    return [document for batch in read_documents(path, options, start=start) for document in batch.documents]


def skipping(problems: list[Problem], **changes: object) -> InputOptions:
    return InputOptions(on_error="skip", on_problem=problems.append, **changes)  # type: ignore[arg-type]


@given(
    records=RECORDS, ascii=st.booleans(), newline=st.sampled_from(["\n", "\r\n", "\n\n", " \n"]), n=st.integers(1, 9)
)
def test_what_was_written_is_read(
    records: list[dict[str, JSON]], ascii: bool, newline: str, n: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = "".join(json.dumps(record, ensure_ascii=ascii) + newline for record in records).encode()
    folder = tmp_path_factory.mktemp("j")
    expected = [
        Document(str(r["_id"]), str(r["text"]), str(r.get("title", "")), {k: r[k] for k in ("year", "tags") if k in r})
        for r in records
    ]
    for name in ("c.jsonl", "c.jsonl.gz"):
        path = write(folder, data, name)
        assert read(path, InputOptions(batch_records=n, batch_bytes=64)) == expected
        assert read(path) == expected


@given(records=RECORDS, n=st.integers(1, 5), block=st.integers(1, 200), data=st.data())
def test_reading_goes_on_after_any_batch(
    records: list[dict[str, JSON]], n: int, block: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("j")
    content = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
    path = write(folder, content, data.draw(st.sampled_from(["c.jsonl", "c.jsonl.gz"])))
    options = InputOptions(batch_records=n, batch_bytes=block)
    batches = list(read_documents(path, options))
    everything = [document for batch in batches for document in batch.documents]
    seen = 0
    for batch in batches:
        seen += len(batch.documents)
        place = Position.from_json(json.loads(json.dumps(batch.position.to_json())))
        assert place == batch.position
        assert place.documents == seen
        assert read(path, options, start=place) == everything[seen:]
        again = list(read_documents(path, options, start=place))
        assert [(b.position, b.bytes_read) for b in again[-1:]] == (
            [(batches[-1].position, total_bytes(path))] if batch is not batches[-1] else []
        )
    if batches:
        assert batches[-1].bytes_read == total_bytes(path)


BAD_LINES: list[tuple[bytes, str, int]] = [
    (b'{"_id": "x", "text": "a\xffb"}', "invalid UTF-8: 0xff", 23),
    (b'{"_id": "x", "text": "ok", "other": "\xe2\x80"}', "invalid UTF-8", 37),
    (rb'{"_id": "x", "text": "a\ud800b"}', "half of a surrogate pair", 23),
    (rb'{"_id": "x", "text": "\udc00\ud800"}', "half of a surrogate pair", 22),
    (rb'{"_id": "x", "text": "\u0000"}', "NUL", 0),
    (b'{"_id": "x", "text": "a\0b"}', "not valid JSON", 23),
    (b'{"_id": "x", "text": "a"', "not valid JSON", 0),
    (b'{"_id": "x", "text": "a"} {"_id": "y", "text": "b"}', "not valid JSON", 26),
    (b'{"_id": "x", "text": "a"}{"_id": "y", "text": "b"}', "not valid JSON", 25),
    (b'["x", "a"]', "must be a JSON object", 0),
    (b"null", "must be a JSON object", 0),
    (b'{"_id": "x"}', "no field 'text'", 0),
    (b'{"_id": "x", "text": null}', "is null", 0),
    (b'{"_id": "x", "text": 3}', "is a number", 0),
    (b'{"_id": "x", "text": ["a"]}', "is a list", 0),
    (b'{"_id": true, "text": "a"}', "is true or false", 0),
    (b'{"_id": 1.5, "text": "a"}', "is a number", 0),
    (b'{"_id": "", "text": "a"}', "is empty", 0),
    (b'{"_id": "x", "text": "a", "title": {}}', "is an object", 0),
    (b'{"_id": "x", "text": "a", "n": NaN}', "not valid JSON", 31),
    (b'{"_id": "x", "text": "a", "n": 1e999}', "not valid JSON", 0),
    ('{"_id": "é", "text": x}'.encode(), "not valid JSON", 22),
    (b'{"_id": "x", "text": "a", "n": ' + b"[" * 70 + b"]" * 70 + b"}", "nested deeper", 0),
    (b'{"_id": "x", "text": "a", "n": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested", 0),
]


@pytest.mark.parametrize(("bad", "reason", "byte"), BAD_LINES, ids=[reason for _, reason, _ in BAD_LINES])
@pytest.mark.parametrize("name", ["c.jsonl", "c.jsonl.gz"])
def test_a_malformed_line_is_reported_and_skipped_or_fatal(
    bad: bytes, reason: str, byte: int, name: str, tmp_path: Path
) -> None:
    good = '{"_id": "é1", "text": "a"}\n'.encode()
    path = write(tmp_path, good + b"\n" + bad + b"\n" + good.replace(b"1", b"2"), name)
    problems: list[Problem] = []
    batches = list(read_documents(path, skipping(problems)))
    assert [d.id for b in batches for d in b.documents] == ["é1", "é2"]
    assert batches[-1].skipped == 1
    assert batches[-1].position.skipped == 1
    [problem] = problems
    assert reason in problem.reason
    assert (problem.file, problem.line, problem.byte) == (str(path), 3, len(good) + 1 + byte)
    with pytest.raises(InvalidInput, match=r"c\.jsonl(\.gz)?:3: ") as caught:
        read(path)
    assert reason in str(caught.value)
    assert str(caught.value).count("byte") == 1
    assert "skip" in caught.value.hint


def test_two_objects_on_one_line_and_one_on_two_do_not_cancel_out(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"text":"a"} {"text":"b"}\n{"text":\n"c"}\n{"text":"d"}\n')
    problems: list[Problem] = []
    assert [d.text for d in read(path, skipping(problems))] == ["d"]
    assert [problem.line for problem in problems] == [1, 2, 3]


def test_replace_keeps_what_can_be_kept(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"_id":"\xff","text":"a\xffb \\ud83d\\ude00 \\ud800 \\\\ud800 \\u0000"}\n')
    [document] = read(path, InputOptions(encoding_errors="replace"))
    assert document == Document("�", "a�b 😀 � \\ud800 �")


def test_byte_order_mark_separators_and_other_line_ends(tmp_path: Path) -> None:
    text = "a\u2028b\x85c\x1cd"
    path = write(tmp_path, b"\xef\xbb\xbf" + json.dumps({"id": 7, "text": text}, ensure_ascii=False).encode() + b"\r\n")
    assert read(path) == [Document("7", text)]
    path.write_bytes(json.dumps({"text": "x"}).encode("utf-16"))
    with pytest.raises(InvalidInput, match="UTF-16"):
        read(path)


@pytest.mark.parametrize("name", ["c.jsonl", "c.jsonl.gz"])
@pytest.mark.parametrize("block", [7, 100, 4096])
def test_a_line_over_the_cap_is_passed_over(name: str, block: int, tmp_path: Path) -> None:
    lines = [json.dumps({"id": str(i), "text": "x" * size}) for i, size in enumerate([5, 500, 5, 177, 5, 178, 2000])]
    assert [len(line) for line in lines[3:6:2]] == [200, 201]
    path = write(tmp_path, "\n".join(lines).encode(), name)
    problems: list[Problem] = []
    options = skipping(problems, max_record_bytes=200, batch_bytes=block)
    batches = list(read_documents(path, options))
    assert [d.id for b in batches for d in b.documents] == ["0", "2", "3", "4"]
    assert [problem.line for problem in problems] == [2, 6, 7]
    assert batches[-1].bytes_read == total_bytes(path)
    with pytest.raises(LimitExceeded, match=r"c\.jsonl(\.gz)?:2: .*limit is 200"):
        read(path, InputOptions(max_record_bytes=200, batch_bytes=block))
    for batch in batches:  # positions stay right around lines that are not held
        rest = [d for b in batches[batches.index(batch) + 1 :] for d in b.documents]
        assert read(path, options, start=batch.position) == rest


def test_concatenated_gzip_members(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n{"te') + gzip.compress(b'xt": "b"}\n'))
    assert [d.text for d in read(path)] == ["a", "b"]


def test_damaged_gzip_is_fatal_and_named(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"text": "some text"}\n' * 50, "c.jsonl.gz")
    whole = path.read_bytes()
    for damaged in (whole[:-9], whole[:20], whole[:-5] + b"\0" * 5, b"not gzip at all"):
        path.write_bytes(damaged)
        with pytest.raises(InvalidInput, match=r"c\.jsonl\.gz: the gzip data is damaged"):
            read(path, skipping([]))


def test_a_changed_source_cannot_be_resumed(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"text": "a"}\n{"text": "b"}\n')
    first: Batch = next(iter(read_documents(path, InputOptions(batch_records=1))))
    path.write_bytes(path.read_bytes() + b'{"text": "c"}\n')
    with pytest.raises(InvalidInput, match="was changed since"):
        read(path, start=first.position)
    with pytest.raises(InvalidInput, match="is not among the sources"):
        read(write(tmp_path, b"", "d.jsonl").rename(tmp_path / "e.jsonl"), start=Position(3, "", 0, 0, 0, 0, 0, 0))


def test_collections_are_read_whole(shared_data: Path) -> None:
    counts = {"scifact": 5183, "nfcorpus": 3633}
    for name, n in counts.items():
        batches = list(read_documents(shared_data / name))
        documents = [document for batch in batches for document in batch.documents]
        assert len({document.id for document in documents}) == len(documents) == n
        assert batches[-1].bytes_read == total_bytes(shared_data / name)
