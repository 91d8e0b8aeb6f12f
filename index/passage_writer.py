"""Writes the stored text of a segment (`passages.py` reads it), with points from which an interrupted build goes on.

A rollback journal guards what was committed against the death of the process; since an append changes few old pages,
it costs next to nothing. SQLite is told not to fsync: against a power loss the store fsyncs the finished file before
the manifest names it, and a build that resumes checks every row it finds.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import IndexCorrupt, InvalidInput
from spaniel.retrieval.types import Document, Passage

from .passage_rows import (
    INDEX_BY_ID,
    ROW,
    checked_columns,
    checked_row,
    corruption_named,
    index_sql,
    read_only_uri,
    row_of,
    table_sql,
    writing,
)
from .where_sql import ColumnType, column_name

__all__ = ["PassageWriter"]

_PAGE_BYTES = 8192
_CACHE_KIB = 16 * 1024


class PassageWriter:
    """Appends passages to a new file, or to one that an interrupted build left.

    Args:
        path: must not exist, unless `resume_at` is given.
        columns: field of `meta` -> type, for the fields that get a column and an index.
        resume_at: the file exists; what stands at and after this ordinal was never acknowledged and is dropped.

    Raises:
        InvalidInput: a column name or type that cannot be used.
        IndexCorrupt: the file to resume is damaged.
    """

    def __init__(
        self, path: str | Path, *, columns: Mapping[str, ColumnType] | None = None, resume_at: int | None = None
    ) -> None:
        self._path = Path(path)
        self._columns = checked_columns(columns or {})
        if resume_at is None and self._path.exists():
            raise InvalidInput("PassageWriter", f"{self._path} exists already")
        uri = f"file:{quote(str(self._path.absolute()))}"  # as a URI, because `copy_from` attaches one
        self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        try:
            with corruption_named(self._path):
                self._prepare(resume_at)
        except BaseException:
            self._connection.close()
            raise
        marks = ", ".join("?" * (9 + len(self._columns)))
        self._insert = f"INSERT INTO passages VALUES ({marks})"

    def _prepare(self, resume_at: int | None) -> None:
        for pragma in (
            f"page_size = {_PAGE_BYTES}",
            f"cache_size = -{_CACHE_KIB}",
            "synchronous = OFF",
            "journal_mode = DELETE",
            "trusted_schema = OFF",
        ):
            self._connection.execute(f"PRAGMA {pragma}")
        if resume_at is None:
            self._connection.execute(table_sql(self._columns))
        else:
            [(verdict,)] = self._connection.execute("PRAGMA quick_check(1)").fetchall()
            if verdict != "ok":
                raise IndexCorrupt(self._path, f"SQLite says: {verdict}")
            # An attempt that was killed after `finish` left them; repeated ids may still come.
            for name in ("by_id", *(f"by.{field}" for field in self._columns)):
                self._connection.execute(f'DROP INDEX IF EXISTS "{name}"')
            self._connection.execute("DELETE FROM passages WHERE ordinal >= ?", [resume_at])
        self._connection.execute("BEGIN")

    def add_many(self, first_ordinal: int, documents: Sequence[Document]) -> None:
        """Append documents, each as one passage, with consecutive ordinals.

        Raises:
            InvalidInput: a document that cannot be stored; `where` is its id. Nothing of the call is stored then.

        Cost: about 3 us a document of 700 characters.
        """
        rows = [row_of(first_ordinal + i, document, self._columns) for i, document in enumerate(documents)]
        with writing(self._path):
            self._connection.executemany(self._insert, rows)

    def check(self, document: Document) -> None:
        """Raise what `add_many` would raise for this document, storing nothing."""
        row_of(0, document, self._columns)

    def commit(self) -> None:
        """Make everything so far survive the death of this process."""
        with writing(self._path):
            self._connection.execute("COMMIT")
            self._connection.execute("BEGIN")

    def drop(self, ordinals: Iterable[int]) -> None:
        """Remove rows that a later document replaced."""
        with writing(self._path):
            self._connection.executemany("DELETE FROM passages WHERE ordinal = ?", [(n,) for n in ordinals])

    def copy_from(self, path: str | Path, dead: NDArray[np.int64]) -> None:
        """Append the rows of a finished file, except the ordinals in `dead`. The caller has verified that file."""
        with corruption_named(Path(path)):
            self._connection.execute("COMMIT")
            self._connection.execute("ATTACH ? AS source", [read_only_uri(Path(path))])
            self._connection.execute("CREATE TEMP TABLE dead (ordinal INTEGER PRIMARY KEY)")
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT INTO temp.dead VALUES (?)", [(n,) for n in dead.tolist()])
            names = ", ".join([ROW, *map(column_name, self._columns)])
            self._connection.execute(
                f"INSERT INTO passages ({names}) SELECT {names} FROM source.passages "
                "WHERE ordinal NOT IN (SELECT ordinal FROM temp.dead) ORDER BY ordinal"
            )
            self._connection.execute("COMMIT")
            self._connection.execute("DROP TABLE temp.dead")
            self._connection.execute("DETACH source")
            self._connection.execute("BEGIN")

    def rows(self, ids: Iterable[str] | None = None) -> Iterator[tuple[int, Passage]]:
        """What stands in the file so far, by ordinal, each row checked; of these passages and documents alone if given.

        Cost: reads the whole file, because the index on ids does not exist yet.
        """
        condition = ""
        if ids is not None:
            self._connection.execute("CREATE TEMP TABLE wanted (id TEXT PRIMARY KEY)")
            self._connection.executemany("INSERT OR IGNORE INTO temp.wanted VALUES (?)", [(name,) for name in ids])
            condition = "WHERE id IN (SELECT id FROM temp.wanted) OR doc_id IN (SELECT id FROM temp.wanted)"
        with corruption_named(self._path):
            yield from (
                checked_row(row, self._path)
                for row in self._connection.execute(f"SELECT {ROW} FROM passages {condition} ORDER BY ordinal")
            )
        if ids is not None:
            self._connection.execute("DROP TABLE temp.wanted")

    def finish(self) -> None:
        """Make the indexes, commit and close. An interrupted `finish` can be repeated after a resume.

        Raises:
            InvalidInput: an id stands in the file twice.
        """
        with writing(self._path):
            self._connection.execute("COMMIT")
            try:
                self._connection.execute(_if_missing(INDEX_BY_ID))
            except sqlite3.IntegrityError as error:
                raise InvalidInput(str(self._path), "an id stands in the file twice") from error
            for field in self._columns:
                self._connection.execute(_if_missing(index_sql(field)))
            self._connection.close()

    def close(self) -> None:
        """Give up what was not committed."""
        self._connection.close()


def _if_missing(sql: str) -> str:
    return sql.replace("INDEX", "INDEX IF NOT EXISTS", 1)
