"""CSV and TSV: a header line, then one record a row.

Rows are taken apart by the standard library's reader in strict mode, so a stray quotation mark is reported rather
than mending itself into wrong columns. Fields may hold line ends inside quotes. The first row names the columns, or
the option `columns` does.
"""

import csv
from collections.abc import Iterator, Sequence
from typing import Literal

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, Document

from .batch import Piece
from .context import Context
from .fields import TEXT_FIELDS, MalformedRecordError
from .options import ColumnType, InputOptions
from .stream import ByteStream, line_blocks

__all__ = ["read_delimited"]


def read_delimited(
    stream: ByteStream, context: Context, *, kind: Literal["csv", "tsv"], line: int, offset: int
) -> Iterator[Piece]:
    """The records of a file after `offset` (a row's begin; 0 is the file's begin), `line` lines before it.

    Raises:
        InvalidInput: no usable header, or a malformed record when they are fatal.
        LimitExceeded: a row over `max_record_bytes`, when malformed records are fatal.
    """
    options = context.options
    # The limit is global to the process: it is only ever raised, and rows are capped by `_Lines` before it is met.
    csv.field_size_limit(max(csv.field_size_limit(), options.max_record_bytes))
    stream.skip_bom()
    lines = _Lines(stream, context, line=0)
    rows = _Rows(lines, options, kind)
    header = list(options.columns) if options.columns else _header(rows, stream.name, options)
    if offset > lines.offset:
        stream.rewind()
        stream.skip(offset)
        lines = _Lines(stream, context, line=line)
        rows = _Rows(lines, options, kind)
    begin, documents = offset, []
    for n, document in enumerate(_documents(rows, header, context, stream.name), 1):
        if document is not None:
            documents.append(document)
        if n % options.batch_records == 0 or lines.offset - begin >= options.batch_bytes:
            yield Piece(documents, lines.line, lines.offset, lines.offset - begin, stream.bytes_read)
            begin, documents = lines.offset, []
    if lines.offset > begin:
        yield Piece(documents, lines.line, lines.offset, lines.offset - begin, stream.bytes_read)


class _Lines:
    """Lines of a stream as text, for a csv reader, which takes no more of them than the row needs.

    Attributes:
        line, offset: lines and bytes handed out so far.
        problem: what was wrong with a line of the current row, for the caller to collect.
    """

    def __init__(self, stream: ByteStream, context: Context, *, line: int) -> None:
        self.line, self.offset = line, stream.offset
        self.problem: MalformedRecordError | None = None
        self._cap = context.options.max_record_bytes
        self._errors = "replace" if context.replace else "surrogateescape"
        self._row_line, self._row_offset = line, self.offset
        self._raw = self._raw_lines(stream, context)

    def begin_row(self) -> None:
        self._row_line, self._row_offset = self.line, self.offset
        self.problem = None

    @property
    def row(self) -> tuple[int, int]:
        """(line from 1, offset) of the current row."""
        return self._row_line + 1, self._row_offset

    @property
    def row_bytes(self) -> int:
        return self.offset - self._row_offset

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        raw = next(self._raw)
        start = self.offset
        self.line += 1
        self.offset += len(raw)
        if self.row_bytes > self._cap:
            raise _RowTooLongError
        text = raw.decode("utf-8", self._errors)
        if self._errors == "surrogateescape" and self.problem is None and not raw.isascii():
            self.problem = _invalid_utf8(raw, start - self._row_offset)
        return text

    def _raw_lines(self, stream: ByteStream, context: Context) -> Iterator[bytes]:
        block_bytes = min(1 << 20, context.options.batch_bytes)
        for block in line_blocks(stream, block_bytes=block_bytes, max_line_bytes=self._cap):
            if block.too_long:
                # Stands for the line, which is gone: __next__ sees a row over the cap.
                self.offset += block.too_long
                yield b""
                continue
            lines = block.lines
            for raw in lines[:-1]:
                yield raw + b"\n"
            yield lines[-1] + b"\n" if block.data.endswith(b"\n") else lines[-1]


class _RowTooLongError(Exception):
    """The current row is over the cap."""


class _Rows:
    """Rows of a file; `lines` knows where the current one stands."""

    def __init__(self, lines: _Lines, options: InputOptions, kind: Literal["csv", "tsv"]) -> None:
        self.lines = lines
        self._reader = csv.reader(
            lines,
            delimiter=options.delimiter or {"csv": ",", "tsv": "\t"}[kind],
            quotechar=options.quote or None,
            quoting=csv.QUOTE_MINIMAL if options.quote else csv.QUOTE_NONE,
            strict=True,
        )

    def next_row(self) -> list[str] | None:
        """The next row that is not blank; nothing at the end.

        Raises:
            MalformedRecordError: quotes or bytes are wrong.
            _RowTooLongError: it is over the cap.
        """
        while True:
            self.lines.begin_row()
            try:
                row = next(self._reader, None)
            except csv.Error as error:
                raise MalformedRecordError(_explained(error)) from None
            if self.lines.problem is not None:
                raise self.lines.problem
            if row is None or row:
                return row


def _documents(rows: _Rows, header: Sequence[str], context: Context, name: str) -> Iterator[Document | None]:
    """One item for each row: its document, or nothing where the row was malformed and has been reported."""
    types = context.options.types
    while True:
        try:
            row = rows.next_row()
            if row is None:
                return
            if len(row) != len(header):
                raise MalformedRecordError(f"{len(row)} fields, the header has {len(header)}")
            record: dict[str, JSON] = dict(zip(header, row, strict=True))
            for column, kind in types.items():
                _convert(record, column, kind)
            yield context.fields.document(record)
        except MalformedRecordError as error:
            line, offset = rows.lines.row
            context.malformed(name, line, offset + error.byte, error.reason)
            yield None
        except _RowTooLongError:
            line, offset = rows.lines.row
            context.too_long(name, line, offset, rows.lines.row_bytes)
            yield None


def _header(rows: _Rows, name: str, options: InputOptions) -> list[str]:
    """The names of the columns, from the first row.

    Raises:
        InvalidInput: it is no header: it has no column for the text, or a name twice.
    """
    try:
        row = rows.next_row()
    except (MalformedRecordError, _RowTooLongError) as error:
        raise InvalidInput(f"{name}:1", f"no usable header line: {str(error) or 'it is too long'}") from None
    if row is None:
        return []
    header = [column.strip() or f"column{place}" for place, column in enumerate(row, 1)]
    wanted = TEXT_FIELDS if options.text_field is None else (options.text_field,)
    if not set(wanted) & set(header):
        shown = ", ".join(repr(column[:40]) for column in header[:8])
        raise InvalidInput(
            f"{name}:1",
            f"the header has no column {' or '.join(wanted)}, it has {shown}",
            hint="name the text column with text_field, or all columns with columns=(...) if there is no header line",
        )
    if len(set(header)) < len(header):
        twice = next(column for column in header if header.count(column) > 1)
        raise InvalidInput(f"{name}:1", f"the header names the column {twice!r} twice")
    return header


def _convert(record: dict[str, JSON], column: str, kind: ColumnType) -> None:
    """Give a column its type. An empty field is no value: it is left out."""
    value = record.get(column)
    if not isinstance(value, str):
        return
    if not value.strip():
        del record[column]
    elif kind != "text":
        try:
            record[column] = int(value) if kind == "integer" else float(value)
        except ValueError:
            article = "an integer" if kind == "integer" else "a number"
            raise MalformedRecordError(f"column {column!r} is {value[:40]!r}, not {article}") from None


def _invalid_utf8(raw: bytes, start: int) -> MalformedRecordError | None:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return MalformedRecordError(f"invalid UTF-8: 0x{raw[error.start]:02x}", start + error.start)
    return None


def _explained(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return "a quotation mark opened here is never closed"
    if "expected after" in text:
        return "text after a closing quotation mark (quote='' reads quotation marks as plain characters)"
    return f"not a valid row: {text}"
