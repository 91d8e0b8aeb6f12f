"""CSV and TSV: what the standard writer writes is read; quotes, columns and bytes that do not fit are reported."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.input import InputOptions, Problem, read_documents
from spaniel.retrieval.errors import InvalidInput, LimitExceeded
from spaniel.retrieval.types import Document

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.text(
    'a",\t\r\n', max_size=9
)


def read(path: Path, options: InputOptions | None = None) -> list[Document]:
    return [document for batch in read_documents(path, options) for document in batch.documents]


def skipping(problems: list[Problem], **changes: object) -> InputOptions:
    return InputOptions(on_error="skip", on_problem=problems.append, **changes)  # type: ignore[arg-type]


@given(
    rows=st.lists(st.tuples(CELLS.filter(bool), CELLS, CELLS, CELLS), max_size=20),
    name=st.sampled_from(["c.csv", "c.tsv", "c.csv.gz"]),
    bom=st.booleans(),
    line_end=st.sampled_from(["\n", "\r\n"]),
    n=st.integers(1, 4),
    block=st.integers(1, 300),
)
def test_what_was_written_is_read_and_reading_goes_on_anywhere(
    rows: list[tuple[str, str, str, str]],
    name: str,
    bom: bool,
    line_end: str,
    n: int,
    block: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    out = io.StringIO(newline="")
    # All quoted: a lone carriage return outside quotes would end a row for some readers and not for others.
    writer = csv.writer(out, delimiter="\t" if name == "c.tsv" else ",", lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows([("id", "title", "text", "note"), *rows])
    data = b"\xef\xbb\xbf" * bom + out.getvalue().encode()
    path = tmp_path_factory.mktemp("d") / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    expected = [Document(ident, text, title, {"note": note}) for ident, title, text, note in rows]
    options = InputOptions(batch_records=n, batch_bytes=block)
    assert read(path) == read(path, options) == expected
    seen = 0
    for batch in read_documents(path, options):
        seen += len(batch.documents)
        rest = [d for b in read_documents(path, options, start=batch.position) for d in b.documents]
        assert rest == expected[seen:]
    assert seen == len(rows)


BAD_ROWS: list[tuple[bytes, str, int]] = [
    (b"x,only two", "2 fields, the header has 3", 0),
    (b"x,a,b,c", "4 fields, the header has 3", 0),
    (b'x,"a"b,c', "after a closing quotation mark", 0),
    (b"x,a\xffb,t", "invalid UTF-8: 0xff", 3),
    (b'x,"a\nb\xff",t', "invalid UTF-8: 0xff", 6),
    (b"x,a\0b,t", "NUL", 0),
    (b"x,a\rb,t", "not a valid row", 0),
    (b",text,t", "is empty", 0),
]


@pytest.mark.parametrize(("bad", "reason", "byte"), BAD_ROWS, ids=[reason for _, reason, _ in BAD_ROWS])
def test_a_malformed_row_is_reported_and_skipped_or_fatal(bad: bytes, reason: str, byte: int, tmp_path: Path) -> None:
    before = b'id,text,title\n1,"two\nlines",t\n\n'
    path = tmp_path / "c.csv"
    path.write_bytes(before + bad + b"\n2,b,t\n")
    problems: list[Problem] = []
    assert [document.id for document in read(path, skipping(problems))] == ["1", "2"]
    [problem] = problems
    assert reason in problem.reason
    assert (problem.line, problem.byte) == (5, len(before) + byte)
    with pytest.raises(InvalidInput, match=r"c\.csv:5: "):
        read(path)


def test_an_unclosed_quote_swallows_no_more_than_the_cap(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(b'id,text\n1,"open\n' + b"".join(b"%d,%b\n" % (i, b"x" * 20) for i in range(2, 20)))
    problems: list[Problem] = []
    documents = read(path, skipping(problems, max_record_bytes=100))
    assert [document.id for document in documents] == [str(i) for i in range(7, 20)]
    assert [(problem.line, problem.byte) for problem in problems] == [(2, 8)]
    with pytest.raises(LimitExceeded, match=r"c\.csv:2: .* limit is 100"):
        read(path, InputOptions(max_record_bytes=100))
    with pytest.raises(InvalidInput, match=r"c\.csv:2: .*never closed"):
        read(path)


def test_a_line_over_the_cap_is_one_problem(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(b"id,text\n1,a\n2," + b"x" * 5000 + b"\n3,c\n")
    problems: list[Problem] = []
    for block in (10, 1000, 100_000):
        documents = read(path, skipping(problems, max_record_bytes=100, batch_bytes=block))
        assert [document.id for document in documents] == ["1", "3"]
    assert [(problem.line, problem.byte) for problem in problems] == [(3, 12)] * 3


def test_fields_over_the_standard_library_limit_are_read(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(b"id,text\n1," + b"x" * 200_000 + b"\n")
    assert len(read(path)[0].text) == 200_000


def test_columns_types_and_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("7;Some words;2019;0.5;007\n8;More;;;\n9;Odd;soon;1;2\n")
    problems: list[Problem] = []
    options = skipping(
        problems,
        delimiter=";",
        columns=("key", "words", "year", "weight", "code"),
        id_field="key",
        text_field="words",
        types={"year": "integer", "weight": "real"},
    )
    assert read(path, options) == [
        Document("7", "Some words", "", {"year": 2019, "weight": 0.5, "code": "007"}),
        Document("8", "More", "", {"code": ""}),
    ]
    assert [problem.reason for problem in problems] == ["column 'year' is 'soon', not an integer"]


def test_quotes_may_be_plain_characters(tmp_path: Path) -> None:
    path = tmp_path / "c.tsv"
    path.write_text('1\t"Yes" he said\n2\t"No\n')
    with pytest.raises(InvalidInput, match="quote=''"):
        read(path, InputOptions(columns=("id", "text")))
    documents = read(path, InputOptions(columns=("id", "text"), quote=""))
    assert [document.text for document in documents] == ['"Yes" he said', '"No']


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("1,2,3", "no column text or contents"),
        ("id,text,id", "names the column 'id' twice"),
        ('"id,text', "no usable header"),
    ],
)
def test_a_header_that_is_none_is_named(header: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"{header}\n1,2,3\n")
    with pytest.raises(InvalidInput, match=message):
        read(path, skipping([]))


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(b"")
    assert list(read_documents(path)) == []
    path.write_bytes(b"id,text\n")
    [batch] = read_documents(path)
    assert (batch.documents, batch.bytes_read) == ([], 8)
    assert list(read_documents(path, start=batch.position)) == []


def test_bytes_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(b"id,text\n1,a\xffb\0\n")
    assert read(path, InputOptions(encoding_errors="replace"))[0].text == "a�b�"
