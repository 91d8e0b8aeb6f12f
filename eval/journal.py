"""What is done of a run, on disk: records appended one by one, so that an interruption costs only what was under way.

A record is a line of JSON and some arrays, under one checksum:

    magic "SPJ1" | u32 bytes of JSON | u64 bytes of arrays | u32 CRC-32 of JSON and arrays | JSON | arrays, one after
    the other, little-endian

The first record of a file is its definition: what the rest was computed from. A file whose definition is another one is
dropped; records are read as long as they are whole, and what follows the last whole one (a kill in the middle of
writing, a damaged block) is cut off. One process writes a journal at a time; whoever comes second works without.
"""

import errno
import fcntl
import json
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.closing import Closing
from spaniel.retrieval.types import JSON

from .writing import UNWRITABLE, writing

__all__ = ["Journal", "Record"]

_HEAD = struct.Struct("<4sIQI")
_MAGIC = b"SPJ1"
_MAX_JSON_BYTES = 1 << 20
_DTYPES = {"int32": "<i4", "int64": "<i8", "float32": "<f4", "float64": "<f8"}


@dataclass(frozen=True, slots=True)
class Record:
    """One piece of work done: plain values, and arrays (n,) of int32, int64, float32 or float64 by name."""

    values: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


class Journal(Closing):
    """An open journal; a context manager.

    Args:
        path: its file; the folder is made if need be.
        definition: what the work is a function of. A journal of another definition is begun anew.

    Attributes:
        records: what was there, in order, the definition left out.
        shared: another process is writing to this file; nothing will be written here.
        read_only: the file is there, and can only be read: what it holds can be used, and nothing can be added.

    Raises:
        InvalidInput: the folder cannot be written to, and there is no such journal.
        OSError: the disk is full or fails.
    """

    def __init__(self, path: str | Path, definition: Mapping[str, JSON]) -> None:
        self.path = Path(path)
        self.read_only = False
        with writing(self.path):
            self._file = self._opened()
        self.shared = not self.read_only and not self._locked()
        self.records: list[Record] = []
        # In the form in which it will be read: tuples as lists, keys as text.
        wanted = json.loads(_encoded(definition))
        found, end = _read_all(self._file)
        if found and found[0].values == wanted:
            self.records = found[1:]
        else:
            end = 0
        if self.shared:
            self.records = []
        if self.shared or self.read_only:
            return
        self._file.truncate(end)
        self._file.seek(end)
        if end == 0:
            self.append(wanted)

    def _opened(self) -> BinaryIO:
        """To be read and written; only to be read where it is there and nothing can be written."""
        flags = os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return os.fdopen(os.open(self.path, flags | os.O_RDWR | os.O_CREAT, 0o644), "r+b")
        except OSError as error:
            if error.errno not in UNWRITABLE or not self.path.exists():
                raise
        self.read_only = True
        return os.fdopen(os.open(self.path, flags | os.O_RDONLY), "rb")

    def _locked(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def append(self, values: Mapping[str, JSON], arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Write a record and wait until it is on disk.

        Raises:
            InvalidInput: it can only be read.
            OSError: the disk is full or fails; the path is named.
        """
        if self.shared:
            return
        shapes: JSON = [[name, array.dtype.name, len(array)] for name, array in (arrays or {}).items()]
        text = _encoded({**values, "arrays": shapes} if shapes else values)
        body = b"".join(array.astype(_DTYPES[array.dtype.name]).tobytes() for array in (arrays or {}).values())
        head = _HEAD.pack(_MAGIC, len(text), len(body), zlib.crc32(body, zlib.crc32(text)))
        with writing(self.path):
            if self.read_only:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            self._file.write(head + text + body)
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let the next one write."""
        self._file.close()


def _encoded(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, sort_keys=True).encode()


def _read_all(file: BinaryIO) -> tuple[list[Record], int]:
    """The whole records from the start of a file, and where the last one ends."""
    size = os.fstat(file.fileno()).st_size
    records: list[Record] = []
    end = 0
    file.seek(0)
    while (record := _read_one(file, size - end)) is not None:
        records.append(record)
        end = file.tell()
    return records, end


def _read_one(file: BinaryIO, left: int) -> Record | None:
    """The next record; None when there is none that is whole. `left`: bytes to the end of the file."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    magic, n_json, n_arrays, crc = _HEAD.unpack(head)
    if magic != _MAGIC or n_json > _MAX_JSON_BYTES or n_json + n_arrays > left - _HEAD.size:
        return None
    text, body = file.read(n_json), file.read(n_arrays)
    if zlib.crc32(body, zlib.crc32(text)) != crc:
        return None
    values = json.loads(text)
    shapes = values.pop("arrays", [])
    return Record(values, _arrays(body, shapes))


def _arrays(body: bytes, shapes: Sequence[tuple[str, str, int]]) -> dict[str, NDArray[Any]]:
    """Read-only arrays over the bytes of a record whose checksum was right."""
    arrays: dict[str, NDArray[Any]] = {}
    start = 0
    for name, dtype, n in shapes:
        array = np.frombuffer(body, _DTYPES[dtype], n, start)
        arrays[name] = array
        start += array.nbytes
    return arrays
