"""The row format of a passages file: its tables, its checksum per row, its named columns, and its errors.

Shared by the writer (`passage_writer.py`) and the reader (`passages.py`).
"""

import errno
import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from spaniel.retrieval.errors import IndexCorrupt, InvalidInput, InvalidQuery
from spaniel.retrieval.types import Document, Meta, Passage

from .passage_ids import PassageOf
from .where import OWN_FIELDS, check_field
from .where_sql import ColumnType, column_name

__all__ = [
    "INDEX_BY_ID",
    "ROW",
    "Row",
    "checked_columns",
    "checked_row",
    "corruption_named",
    "index_sql",
    "read_only_uri",
    "row_of",
    "table_sql",
    "writing",
]

ROW = "ordinal, id, doc_id, first_char, end_char, title, text, meta, crc"
INDEX_BY_ID = "CREATE UNIQUE INDEX by_id ON passages (id)"
_COLUMN_TYPES: dict[str, ColumnType] = {"integer": "integer", "real": "real", "text": "text"}
_META_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_INT64 = range(-(2**63), 2**63)

Row = tuple[int, str, str | None, int, int, str, str, str, int]


def table_sql(columns: Mapping[str, ColumnType]) -> str:
    """The one table. `doc_id` is null when it equals `id`."""
    own = (
        "ordinal INTEGER PRIMARY KEY, id TEXT NOT NULL, doc_id TEXT, first_char INTEGER NOT NULL, "
        "end_char INTEGER NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, meta TEXT NOT NULL, crc INTEGER NOT NULL"
    )
    return f"CREATE TABLE passages ({', '.join([own, *(f'{column_name(f)} {k.upper()}' for f, k in columns.items())])})"


def index_sql(field: str) -> str:
    """The SQL index of a named column. `check_field` forbids the quote inside."""
    return f'CREATE INDEX "by.{field}" ON passages ({column_name(field)})'


def checked_columns(columns: Mapping[str, str]) -> dict[str, ColumnType]:
    """Named columns, if their names and types can be used.

    Raises:
        InvalidInput: an unknown type, or a name that is taken or cannot be looked up.
    """
    for field, kind in columns.items():
        try:
            check_field(field)
        except InvalidQuery as error:
            raise InvalidInput("columns", str(error)) from error
        if kind not in _COLUMN_TYPES:
            raise InvalidInput("columns", f"{field!r} has type {kind!r}; known are {', '.join(_COLUMN_TYPES)}")
        if field in OWN_FIELDS:
            raise InvalidInput("columns", f"{field!r} is the passage's own field and has a column already")
    if len({field.casefold() for field in columns}) < len(columns):
        raise InvalidInput("columns", "two names differ only in case, which SQL does not tell apart")
    return {field: _COLUMN_TYPES[kind] for field, kind in columns.items()}


def row_of(ordinal: int, document: Document, columns: Mapping[str, ColumnType]) -> tuple[object, ...]:
    """The values of one row, named columns at the end. A document that is no `PassageOf` is one passage.

    Raises:
        InvalidInput: text with half a surrogate pair, meta that is no JSON, a value that does not fit its column.
    """
    name, title, text = document.id, document.title, document.text
    doc_id, start = (document.doc_id, document.start) if isinstance(document, PassageOf) else (None, 0)
    end = start + len(text)
    try:
        meta = _META_JSON.encode(document.meta) if document.meta else "{}"
        crc = _row_crc(ordinal, name, doc_id, start, end, title, text, meta)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(f"document {name!r}", _why_not_stored(error)) from error
    row = (ordinal, name, doc_id, start, end, title, text, meta, crc)
    if not columns:
        return row
    return (*row, *(_column_value(name, field, kind, document.meta) for field, kind in columns.items()))


def _row_crc(
    ordinal: int, name: str, doc_id: str | None, first: int, end: int, title: str, text: str, meta: str
) -> int:
    """CRC-32 over all fields; the lengths in front keep two neighbours from trading characters."""
    lengths = f"{ordinal}:{len(name)}:{-1 if doc_id is None else len(doc_id)}:{first}:{end}:{len(title)}:{len(text)}:"
    return zlib.crc32(f"{lengths}{name}{doc_id or ''}{title}{text}{meta}".encode())


def checked_row(row: Row, path: Path) -> tuple[int, Passage]:
    """(ordinal, passage) of a row as it was read.

    Raises:
        IndexCorrupt: it does not match its checksum.
    """
    ordinal, name, doc_id, first, end, title, text, meta, crc = row
    try:
        if _row_crc(ordinal, name, doc_id, first, end, title, text, meta) != crc:
            raise IndexCorrupt(path, f"passage {ordinal} does not match its checksum")
        fields: Meta = json.loads(meta) if meta != "{}" else {}
    except (TypeError, ValueError, RecursionError) as error:
        raise IndexCorrupt(path, f"passage {ordinal} is damaged: {error}") from error
    return ordinal, Passage(name, name if doc_id is None else doc_id, first, end, text, title, fields)


def _column_value(name: str, field: str, kind: ColumnType, meta: object) -> int | float | str | None:
    for part in field.split("."):
        meta = meta.get(part) if isinstance(meta, Mapping) else None
    fits = {"integer": int, "real": int | float, "text": str}[kind]
    if meta is None or (isinstance(meta, fits) and not isinstance(meta, bool)):
        if isinstance(meta, int) and meta not in _INT64:
            raise InvalidInput(f"document {name!r}", f"meta field {field!r} is {meta}, which needs more than 64 bits")
        return meta
    raise InvalidInput(
        f"document {name!r}",
        f"meta field {field!r} is {meta!r}, but its column is {kind}",
        hint="name the column with another type, or leave it out of the columns",
    )


def _why_not_stored(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return f"has half of a surrogate pair at character {error.start}, which is no text"
    if isinstance(error, RecursionError):
        return "meta is nested too deep"
    return f"meta cannot be written as JSON: {error}"


def read_only_uri(path: Path) -> str:
    """How to open a finished file: no locks, no journal, no writes."""
    return f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"


@contextmanager
def corruption_named(path: Path) -> Iterator[None]:
    """While reading a file that is under a checksum, every error of SQLite's means damage."""
    try:
        yield
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise IndexCorrupt(path, f"SQLite says: {error}") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """While writing, a full disk or a failing device is the operating system's error, as it would be without SQLite."""
    try:
        yield
    except sqlite3.OperationalError as error:
        number = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_IOERR: errno.EIO}.get(error.sqlite_errorcode & 0xFF)
        if number is None:
            raise
        raise OSError(number, f"writing passages: {error}", str(path)) from error
