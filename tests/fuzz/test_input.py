"""Random and nearly right bytes for every reader: right records are read, the rest is reported, nothing else happens.

Each target runs briefly with the whole suite and for minutes with `-m fuzz`.
"""

import csv
import io
import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.index.input import InputOptions, Problem, content_id, read_documents, total_bytes
from spaniel.index.input.html import html_text
from spaniel.index.input.markdown import markdown_title
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

SHORT = settings(max_examples=150)
LONG = settings(max_examples=30_000)

STRUCTURE = [b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b" ", b"\t", b"\n", b"\n", b"\r\n", b"}\n{"]
VALUES = [b'"text"', b'"id"', b'"x"', b"1", b"-0", b"1e999", b"NaN", b"null", b"\\ud800", b"\\u0000", b"\xc3\xa9"]
RECORDS = [b'{"text":"a"}', b'{"id":"i","text":"b"}', b'{"text":1}', b'{"a":{"b":\n{}}}', b"text,id\n", b'"a\nb"']
ODD = [b"\xff", b"\0", b"\xef\xbb\xbf", b"\xe2\x80\xa8"]
FRAGMENTS = st.sampled_from([*STRUCTURE, *VALUES, *RECORDS, *ODD])
BYTES = st.lists(FRAGMENTS | st.binary(max_size=4), max_size=40).map(b"".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def read_all(path: Path, **changes: int) -> tuple[list[tuple[str, str, JSON]], list[int]]:
    """(documents, lines of problems); every promise that does not depend on the bytes is checked on the way."""
    problems: list[Problem] = []
    options = InputOptions(on_error="skip", on_problem=problems.append, **changes)  # type: ignore[arg-type]
    batches = list(read_documents(path, options))
    documents = [document for batch in batches for document in batch.documents]
    lines = [problem.line for problem in problems]
    assert batches or path.read_bytes() in (b"", b"\xef\xbb\xbf")
    if batches:
        last = batches[-1]
        assert last.bytes_read == total_bytes(path)
        assert (last.position.documents, last.skipped) == (len(documents), len(problems))
        assert not list(read_documents(path, options, start=last.position))
    if len(batches) > 1:
        middle = batches[len(batches) // 2]
        rest = [d for b in read_documents(path, options, start=middle.position) for d in b.documents]
        assert rest == documents[middle.position.documents :]
    size = path.stat().st_size
    assert all(0 <= problem.byte <= size and problem.line >= 1 for problem in problems)
    for document in documents:
        json.dumps([document.id, document.title, document.text, document.meta], allow_nan=False).encode()
        assert "\0" not in document.id + document.title + document.text
    return [(d.id, d.text, dict(d.meta)) for d in documents], lines


def reference_jsonl(data: bytes) -> tuple[list[tuple[str, str, JSON]], list[int]]:
    """The same, line by line with the standard library."""
    documents: list[tuple[str, str, JSON]] = []
    problems = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip(b" \t\r"):
            continue
        try:
            record = json.loads(line.decode(), parse_constant=_refuse, parse_float=_finite)
            json.dumps(record, ensure_ascii=False).encode()
            ident, text = record.pop("id", None), record.pop("text")
            usable = isinstance(text, str) and (ident is None or type(ident) in (str, int)) and ident != ""
            if not usable or "\0" in text or "\0" in str(ident):
                raise ValueError
        except (ValueError, AttributeError, KeyError, TypeError):
            problems.append(number)
        else:
            documents.append((content_id("", text) if ident is None else str(ident), text, record))
    return documents, problems


def _refuse(constant: str) -> JSON:
    raise ValueError(constant)


def _finite(number: str) -> float:
    if not math.isfinite(float(number)):
        raise ValueError(number)
    return float(number)


def check_jsonl(data: bytes, folder: Path, block: int) -> None:
    path = folder / "c.jsonl"
    path.write_bytes(data)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        with pytest.raises(InvalidInput):
            read_all(path)
        return
    documents, problems = reference_jsonl(data)
    if b"null" in data:  # an explicit null id is malformed to us and absent to the reference
        return
    for changes in ({}, {"batch_bytes": block}, {"batch_records": 1}):
        found, lines = read_all(path, **changes)
        assert lines == problems
        assert found == documents


def check_csv(data: bytes, folder: Path, block: int) -> None:
    path = folder / "c.csv"
    path.write_bytes(b"text,id\n" + data)
    found = read_all(path)
    assert read_all(path, batch_bytes=block) == read_all(path, batch_records=1) == found
    try:
        text = data.decode()
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return
    usable = [row for row in rows if len(row) == 2 and row[1] and "\0" not in "".join(row)]
    if "\r" not in text:  # StringIO hands out lines that end in a lone carriage return, files do not
        assert found[0] == [(row[1], row[0], {}) for row in usable]


@SHORT
@given(data=BYTES, block=st.integers(1, 60))
def test_jsonl(data: bytes, folder: Path, block: int) -> None:
    check_jsonl(data, folder, block)


@SHORT
@given(data=BYTES, block=st.integers(1, 60))
def test_csv(data: bytes, folder: Path, block: int) -> None:
    check_csv(data, folder, block)


@SHORT
@given(page=st.text(max_size=200) | BYTES.map(lambda data: data.decode("latin-1")))
def test_html_and_markdown(page: str) -> None:
    html_text(page)
    markdown_title(page)


@pytest.mark.fuzz
@LONG
@given(data=BYTES, block=st.integers(1, 60))
def test_jsonl_for_long(data: bytes, folder: Path, block: int) -> None:
    check_jsonl(data, folder, block)


@pytest.mark.fuzz
@LONG
@given(data=BYTES, block=st.integers(1, 60))
def test_csv_for_long(data: bytes, folder: Path, block: int) -> None:
    check_csv(data, folder, block)


@pytest.mark.fuzz
@LONG
@given(
    page=st.lists(st.sampled_from(["<", ">", "/", "nav", "p", "pre", "!--", "-->", "=", "'", '"', " ", "a"])).map(
        "".join
    )
)
def test_html_for_long(page: str) -> None:
    title, text, _ = html_text(page)
    assert title == title.strip()
    assert text == text.strip()
