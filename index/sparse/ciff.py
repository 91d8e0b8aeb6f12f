"""CIFF, the Common Index File Format: an inverted index as one file that other engines read and write.

Lin et al., "Supporting Interoperability Between Open-Source Search Engines with the Common Index File Format", SIGIR
2020. A file is a header, the postings lists, the records of the documents; each is a protocol-buffer message with its
length before it. A list's documents ascend and are stored as gaps, the first as it is. What is called tf may as well be
the impact of a learned model.

Both directions stream: one message is in memory at a time, and no length from the file is believed before the file is
seen to be that long. Damage is `InvalidInput` with the byte's place. A `.gz` suffix means compressed.
"""

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from spaniel.retrieval.closing import Closing
from spaniel.retrieval.errors import InvalidInput

from . import varint
from .ciff_messages import (
    MOST,
    DocRecord,
    Header,
    PostingsList,
    document_bytes,
    header_bytes,
    list_bytes,
    parse_document,
    parse_header,
    parse_list,
)

__all__ = ["CiffReader", "DocRecord", "Header", "PostingsList", "write_ciff"]

PIECE = 1 << 20  # read at most so much before looking whether it came


class CiffReader(Closing):
    """Read a file from front to back: the header at once, then `lists()`, then `documents()`, each once.

    Raises:
        InvalidInput: what is read is no CIFF, is cut off, or contradicts itself; from every method.
        FileNotFoundError: from the constructor.
    """

    def __init__(self, path: str | Path, *, max_message_bytes: int = MOST) -> None:
        self.path = Path(path)
        self._limit = max_message_bytes
        self._packed = self.path.suffix == ".gz"
        file = self.path.open("rb")
        self._file = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if self._packed else file
        self._raw = file
        self._size = self.path.stat().st_size
        self._at = 0  # place of the next message, in bytes of the (unpacked) stream
        self._lists_left = 0
        try:
            self.header = self._header()
        except BaseException:
            self.close()
            raise
        self._lists_left, self._docs_left = self.header.n_lists, self.header.n_docs

    def close(self) -> None:
        self._file.close()
        self._raw.close()

    def lists(self) -> Iterator[PostingsList]:
        """The postings lists in the file's order (Lucene writes them by term)."""
        while self._lists_left:
            start, message = self._message("postings list")
            self._lists_left -= 1
            try:
                found = parse_list(message)
            except (ValueError, OverflowError) as error:
                raise self._error(start, f"postings list: {error}") from error
            if int(found.docs[-1]) >= max(self.header.total_docs, self.header.n_docs):
                raise self._error(
                    start, f"postings list of {found.term!r}: document {found.docs[-1]} is not in the header"
                )
            yield found

    def documents(self) -> Iterator[DocRecord]:
        """The records of the documents; lists that were not read are passed over.

        A record's number may come once only and be no greater than the header allows; the file must end after the last.
        """
        while self._lists_left:
            self._message("postings list")
            self._lists_left -= 1
        seen = np.zeros(min(self.header.n_docs, MOST), bool) if self._docs_left <= self._roof() else None
        while self._docs_left:
            start, message = self._message("document record")
            self._docs_left -= 1
            try:
                record = parse_document(message)
            except (ValueError, OverflowError) as error:
                raise self._error(start, f"document record: {error}") from error
            if seen is not None and record.doc < len(seen):
                if seen[record.doc]:
                    raise self._error(start, f"document {record.doc} for the second time")
                seen[record.doc] = True
            yield record
        if self._read(1):
            raise self._error(self._at, "bytes after the last document record")

    def _header(self) -> Header:
        start, message = self._message("header")
        try:
            header = parse_header(message)
        except (ValueError, OverflowError) as error:
            raise self._error(start, f"header: {error}") from error
        if header.n_lists + header.n_docs > self._roof():
            raise self._error(
                start, f"header: {header.n_lists} lists and {header.n_docs} documents in {self._size} bytes"
            )
        return header

    def _roof(self) -> int:
        """More messages than this the file cannot hold: each takes a byte, and gzip packs at most 1,032 times."""
        return self._size * (1032 if self._packed else 1)

    def _message(self, what: str) -> tuple[int, bytes]:
        """(place, bytes) of the next length-delimited message."""
        start, prefix = self._at, b""
        while len(prefix) < varint.LONGEST and (not prefix or prefix[-1] >= 0x80):
            byte = self._read(1)
            if not byte:
                raise self._error(start, f"the file ends where a {what} should start")
            prefix += byte
        try:
            size, _ = varint.read(prefix, 0)
        except ValueError as error:
            raise self._error(start, f"length of a {what}: {error}") from error
        if size > self._limit or (not self._packed and size > self._size - self._at):
            raise self._error(start, f"a {what} of {size} bytes; the file or the limit of {self._limit} ends before")
        parts = []
        while size:
            part = self._read(min(size, PIECE))
            if not part:
                raise self._error(start, f"the file ends inside a {what}")
            size -= len(part)
            parts.append(part)
        return start, b"".join(parts)

    def _read(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except (EOFError, OSError, zlib.error) as error:
            raise self._error(self._at, f"cannot be unpacked: {error}") from error
        self._at += len(data)
        return data

    def _error(self, place: int, what: str) -> InvalidInput:
        return InvalidInput(f"{self.path}, byte {place}", what, hint="the file is damaged or is not CIFF")


def write_ciff(path: str | Path, header: Header, lists: Iterable[PostingsList], documents: Iterable[DocRecord]) -> None:
    """Write a file under a pending name, bring it to disk, then give it its name: whole or not there.

    Args:
        header: its n_lists and n_docs must be what `lists` and `documents` give.

    Raises:
        InvalidInput: other counts than the header's, documents that do not ascend, numbers outside the format's.
    """
    path = Path(path)
    pending = path.with_name(path.name + ".partial")
    try:
        with pending.open("wb") as raw:
            out = cast(BinaryIO, gzip.GzipFile("", "wb", 6, raw, mtime=0)) if path.suffix == ".gz" else raw
            out.write(_delimited(header_bytes(header)))
            _write_all(out, "postings lists", header.n_lists, (list_bytes(part) for part in lists))
            _write_all(out, "document records", header.n_docs, (document_bytes(part) for part in documents))
            if out is not raw:
                out.close()
            raw.flush()
            os.fsync(raw.fileno())
        pending.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            pending.unlink()
        raise


def _write_all(out: BinaryIO, what: str, wanted: int, messages: Iterator[bytes]) -> None:
    n = 0
    for message in messages:
        out.write(_delimited(message))
        n += 1
    if n != wanted:
        raise InvalidInput("write_ciff", f"{n} {what}, but the header says {wanted}")


def _delimited(message: bytes) -> bytes:
    return varint.encode(len(message)) + message
