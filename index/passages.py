"""The stored text of one segment: one SQLite file, one row a passage.

A row's rowid is the passage's ordinal. Besides text and offsets it holds `meta` as JSON, and a CRC-32 over all of it,
so that a damaged page is noticed when its row is read; the whole file has a checksum in the manifest. Fields of `meta`
that were named at build time also stand in real columns with SQL indexes, which makes filters on them fast.

The file is opened immutable and read-only, so SQLite takes no locks and writes nothing beside it. Left out on purpose:
compression, and which passages are alive (the segment's tombstones say that).
"""

import os
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import IndexCorrupt, InvalidInput, InvalidQuery
from spaniel.retrieval.types import Passage

from .passage_ids import AFTER_CUT_MARK, CUT_MARK
from .passage_rows import (
    INDEX_BY_ID,
    ROW,
    checked_columns,
    checked_row,
    corruption_named,
    index_sql,
    read_only_uri,
    table_sql,
)
from .passage_writer import PassageWriter
from .where import Node
from .where_sql import ColumnType, to_sql

__all__ = ["PassageWriter", "Passages"]

T = TypeVar("T")
_IDS_PER_QUERY = 500
_ROWS_PER_FETCH = 1000
_IDLE_CONNECTIONS = 8  # a file descriptor each; more than run at a time on most machines


class Passages:
    """Reads a finished file; safe to use from several threads.

    Each call borrows a connection for itself alone; at most `_IDLE_CONNECTIONS` wait for the next one, however many
    threads come and go.

    Raises:
        IndexCorrupt: missing, not SQLite, or not the tables that `PassageWriter` makes.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        # No lock around these: a thread that holds one while another forks would leave it locked in the child for ever.
        self._idle: deque[tuple[int, sqlite3.Connection]] = deque()
        self._inherited: list[sqlite3.Connection] = []
        self._closed = False
        self.columns = self._read_columns()

    def _read_columns(self) -> dict[str, ColumnType]:
        if not self.path.is_file() or self.path.is_symlink():
            raise IndexCorrupt(self.path, "is missing or no regular file")
        with self._reading() as connection:
            found = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_schema")}
            info = connection.execute("PRAGMA table_info(passages)").fetchall()
        named = {str(name).removeprefix("meta."): str(kind).lower() for _, name, kind, *_ in info if "." in str(name)}
        try:
            columns = checked_columns(named)
        except InvalidInput as error:
            raise IndexCorrupt(self.path, f"its tables are not those of a passages file: {error}") from error
        # A schema that is not ours to the letter could hold views or triggers that run on reading.
        if found != {table_sql(columns), INDEX_BY_ID, *map(index_sql, columns)}:
            raise IndexCorrupt(self.path, "its tables are not those of a passages file")
        return columns

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for this call; SQLite's errors become `IndexCorrupt`, since nothing else can go wrong here."""
        with corruption_named(self.path):
            connection = self._borrow()
            try:
                yield connection
            except BaseException:
                connection.close()  # it may stand in the middle of a statement
                raise
            self._give_back(connection)

    def _borrow(self) -> sqlite3.Connection:
        if self._closed:
            raise InvalidInput("index", "it has been closed", hint="open it again with spaniel.open(path)")
        with suppress(IndexError):
            while True:
                owner, connection = self._idle.pop()
                if owner == os.getpid():
                    return connection
                # SQLite's connections must be neither used nor closed in a forked child.
                self._inherited.append(connection)
        connection = sqlite3.connect(read_only_uri(self.path), uri=True, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA mmap_size = 0")  # a truncated file must be an error, not a SIGBUS
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if len(self._idle) >= _IDLE_CONNECTIONS:
            connection.close()
            return
        self._idle.append((os.getpid(), connection))
        if self._closed:  # meanwhile: what was appended after `close` emptied the pool has to go too
            self._close_idle()

    def _close_idle(self) -> None:
        with suppress(IndexError):
            while True:
                owner, connection = self._idle.pop()
                if owner == os.getpid():
                    connection.close()
                else:
                    self._inherited.append(connection)

    def __len__(self) -> int:
        """How many rows, replaced and deleted ones that still stand in the file included."""
        with self._reading() as connection:
            return int(connection.execute("SELECT count(*) FROM passages").fetchone()[0])

    def get(self, ordinals: Sequence[int] | NDArray[np.integer]) -> list[Passage]:
        """The passages of these ordinals, in the order asked.

        Raises:
            IndexCorrupt: a row is missing or damaged.

        Cost: about 10 us each.
        """
        wanted = [int(ordinal) for ordinal in ordinals]
        found: dict[int, Passage] = {}
        with self._reading() as connection:
            for some in _slices(wanted, _IDS_PER_QUERY):
                marks = ", ".join("?" * len(some))
                for row in connection.execute(f"SELECT {ROW} FROM passages WHERE ordinal IN ({marks})", some):
                    ordinal, passage = checked_row(row, self.path)
                    found[ordinal] = passage
        missing = [ordinal for ordinal in wanted if ordinal not in found]
        if missing:
            raise IndexCorrupt(self.path, f"has no passage {missing[0]}")
        return [found[ordinal] for ordinal in wanted]

    def ids(self, ordinals: Sequence[int] | NDArray[np.integer]) -> list[str]:
        """The ids of these ordinals, in the order asked; the texts are not read, nor checked.

        Raises:
            IndexCorrupt: a row is missing.

        Cost: about 2 us each.
        """
        return self._names("id", ordinals)

    def doc_ids(self, ordinals: Sequence[int] | NDArray[np.integer]) -> list[str]:
        """The ids of the documents that these ordinals come from; otherwise as `ids`."""
        return self._names("coalesce(doc_id, id)", ordinals)

    def _names(self, column: str, ordinals: Sequence[int] | NDArray[np.integer]) -> list[str]:
        wanted = [int(ordinal) for ordinal in ordinals]
        found: dict[int, str] = {}
        with self._reading() as connection:
            for some in _slices(wanted, _IDS_PER_QUERY):
                marks = ", ".join("?" * len(some))
                rows = connection.execute(f"SELECT ordinal, {column} FROM passages WHERE ordinal IN ({marks})", some)
                found.update(rows)
        missing = [ordinal for ordinal in wanted if ordinal not in found]
        if missing:
            raise IndexCorrupt(self.path, f"has no passage {missing[0]}")
        return [found[ordinal] for ordinal in wanted]

    def ordinals_of(self, ids: Iterable[str]) -> dict[str, int]:
        """Ordinal of each of these ids that stands in the file; unknown ids are left out.

        Cost: about 3 us each.
        """
        found: dict[str, int] = {}
        with self._reading() as connection:
            for some in _slices([name for name in ids if _is_storable(name)], _IDS_PER_QUERY):
                marks = ", ".join("?" * len(some))
                found.update(connection.execute(f"SELECT id, ordinal FROM passages WHERE id IN ({marks})", some))
        return found

    def of_document(self, doc_id: str, *, cut: bool) -> list[int]:
        """Ordinals of the passages of a document, ascending, dead ones included; none if it is not here.

        Args:
            cut: the file may hold documents of several passages. Their ids are ID#1, ID#2, ..., so that the SQL index
                on ids finds them.

        Cost: about 5 us, and 1 us a passage.
        """
        if not _is_storable(doc_id):
            return []
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT ordinal FROM passages WHERE id = ? AND doc_id IS NULL", [doc_id]
            ).fetchall()
            if cut:
                bounds = [doc_id + CUT_MARK, doc_id + AFTER_CUT_MARK, doc_id]
                rows += connection.execute(
                    "SELECT ordinal FROM passages WHERE id > ? AND id < ? AND doc_id = ?", bounds
                ).fetchall()
        return sorted(ordinal for (ordinal,) in rows)

    def numbered_documents(self) -> NDArray[np.int64]:
        """(ordinal, number of its document) of every row, by ordinal: int64 (n, 2). Documents are numbered here alone.

        Cost: reads the file, about 1 us a passage.
        """
        with self._reading() as connection:
            rows = connection.execute("SELECT ordinal, doc_id, first_char FROM passages ORDER BY ordinal")
            numbered, number, before = [], 0, None
            for ordinal, doc_id, first in rows:
                number += doc_id is None or doc_id != before or first == 0
                before = doc_id
                numbered.append((ordinal, number))
        return np.array(numbered, dtype=np.int64).reshape(-1, 2)

    def matching(self, where: Node) -> NDArray[np.int64]:
        """Ordinals of the rows that match a parsed filter: int64 (n,), ascending.

        Cost: an index lookup for named fields, else a scan of about 1 us a passage and condition.
        """
        condition, values = to_sql(where, self.columns)
        with self._reading() as connection:
            try:
                rows = connection.execute(f"SELECT ordinal FROM passages WHERE {condition} ORDER BY ordinal", values)
            except sqlite3.OperationalError as error:
                if "too large" in str(error) or "too many" in str(error):
                    raise InvalidQuery(f"the filter is too large for SQLite: {error}") from error
                raise
            return np.fromiter((ordinal for (ordinal,) in rows), dtype=np.int64)

    def scan(self) -> Iterator[tuple[int, Passage]]:
        """Every row as (ordinal, passage), by ordinal, each checked."""
        after = -1
        while True:
            with self._reading() as connection:
                rows = connection.execute(
                    f"SELECT {ROW} FROM passages WHERE ordinal > ? ORDER BY ordinal LIMIT {_ROWS_PER_FETCH}", [after]
                ).fetchall()
            for row in rows:
                after, passage = checked_row(row, self.path)
                yield after, passage
            if len(rows) < _ROWS_PER_FETCH:
                return

    def close(self) -> None:
        """Close the connections; those in use, when their call ends. Repeating it does nothing."""
        self._closed = True
        self._close_idle()


def _is_storable(name: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in name)


def _slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
