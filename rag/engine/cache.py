"""Answers kept from earlier calls: in memory, and in a file where one is named.

What is kept is bytes (`saved.py`), decoded anew for every caller, so that nobody can change what the next one gets. The
key names everything that decides an answer (`keys.py`). Only whole answers are kept: never one that was cut short, came
from a fallback, or belongs to a call that failed; abstentions are answers.
"""

import sqlite3
import threading
import zlib
from collections import OrderedDict
from pathlib import Path

from spaniel.retrieval.closing import Closing
from spaniel.retrieval.errors import InvalidInput

__all__ = ["AnswerCache"]

_SCHEMA = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, value BLOB NOT NULL, crc INTEGER NOT NULL)"
_APPLICATION_ID = 0x53504143  # "SPAC"


class AnswerCache(Closing):
    """A table from keys to bytes. Safe to use from several threads, and its file from several processes.

    Args:
        path: of a file that keeps answers over restarts; made if it is not there. None for memory alone.
        max_entries: in memory; the one used longest ago goes first.
        max_file_entries: in the file; the oldest go first.

    Raises:
        InvalidInput: a limit below 1, or a file that is no cache of answers.

    Example:
        >>> cache = AnswerCache(max_entries=1)
        >>> cache.put("a", b"1"); cache.put("b", b"2")
        >>> cache.get("a"), cache.get("b")
        (None, b'2')
    """

    def __init__(
        self, path: str | Path | None = None, *, max_entries: int = 1000, max_file_entries: int = 100_000
    ) -> None:
        for name, value in (("max_entries", max_entries), ("max_file_entries", max_file_entries)):
            if value < 1:
                raise InvalidInput("AnswerCache", f"{name} is {value}; it must be at least 1")
        self.max_entries, self.max_file_entries = max_entries, max_file_entries
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._file = None if path is None else _opened(Path(path))
        self.hits = self.misses = 0

    def get(self, key: str) -> bytes | None:
        """What was kept under a key; None if nothing was, or if what is in the file is damaged."""
        with self._lock:
            found = self._memory.get(key)
            if found is None and self._file is not None:
                found = self._read(key)
            if found is not None:
                self._keep(key, found)
            self.hits += found is not None
            self.misses += found is None
            return found

    def put(self, key: str, value: bytes) -> None:
        """Keep a value. A file that cannot be written (full, locked for long) is left as it is; memory has it."""
        with self._lock:
            self._keep(key, value)
            if self._file is not None:
                try:
                    self._write(key, value)
                except sqlite3.Error:
                    self._file.rollback()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._memory.clear()
            if self._file is not None:
                with self._file:
                    self._file.execute("DELETE FROM answers")

    def close(self) -> None:
        """Close the file. Repeating it does nothing."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def __len__(self) -> int:
        return len(self._memory)

    def _keep(self, key: str, value: bytes) -> None:
        self._memory[key] = value
        self._memory.move_to_end(key)
        while len(self._memory) > self.max_entries:
            self._memory.popitem(last=False)

    def _read(self, key: str) -> bytes | None:
        assert self._file is not None
        try:
            row = self._file.execute("SELECT value, crc FROM answers WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error:
            return None
        whole = row is not None and isinstance(row[0], bytes) and zlib.crc32(row[0]) == row[1]
        return row[0] if whole else None

    def _write(self, key: str, value: bytes) -> None:
        assert self._file is not None
        with self._file:
            self._file.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (key, value, zlib.crc32(value)))
            self._file.execute(
                "DELETE FROM answers WHERE rowid <= (SELECT max(rowid) FROM answers) - ?", (self.max_file_entries,)
            )


def _opened(path: Path) -> sqlite3.Connection:
    """The file, made where it is not there.

    Raises:
        InvalidInput: it is something else, or cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = None
    try:
        file = sqlite3.connect(path, check_same_thread=False, timeout=5.0)
        [[n_tables]] = file.execute("SELECT count(*) FROM sqlite_master").fetchall()
        [[made_by]] = file.execute("PRAGMA application_id").fetchall()
        if n_tables and made_by != _APPLICATION_ID:
            raise InvalidInput(str(path), "is a database of something else", hint="name another file for the cache")
        with file:
            file.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            file.execute(_SCHEMA)
    except sqlite3.Error as error:
        if file is not None:
            file.close()
        hint = "name another file, or remove it"
        raise InvalidInput(str(path), f"is no cache of answers: {error}", hint=hint) from None
    except BaseException:
        if file is not None:
            file.close()
        raise
    return file
