"""Bytes of a file, plain or gzipped, in blocks of whole lines, with bounded memory.

A line that is longer than the cap is streamed past, never held. A gzip file may consist of several members; what it
decompresses to is never held either, so a decompression bomb costs time but no memory.
"""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from spaniel.retrieval.errors import InvalidInput

__all__ = ["BOM", "ByteStream", "LineBlock", "line_blocks"]

BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")


class ByteStream:
    """One open file; a context manager.

    Attributes:
        name: the path, for messages.
        offset: bytes handed out or skipped so far, after decompression.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.offset = 0
        self._raw = path.open("rb")
        self._gzip = gzip.GzipFile(fileobj=self._raw) if path.suffix.lower() == ".gz" else None

    def __enter__(self) -> "ByteStream":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._gzip is not None:
            self._gzip.close()
        self._raw.close()

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty only at the end.

        Raises:
            InvalidInput: the gzip data is damaged or ends early.
        """
        with self._damage_named():
            data = (self._raw if self._gzip is None else self._gzip).read(size)
        self.offset += len(data)
        return data

    def skip(self, offset: int) -> None:
        """Move to an offset: at once in a plain file, by decompressing in a gzip file.

        Raises:
            InvalidInput: the file ends before it.
        """
        if self._gzip is None:
            self.offset = self._raw.seek(offset)
            return
        while self.offset < offset:
            if not self.read(min(offset - self.offset, 1 << 20)):
                raise InvalidInput(self.name, f"ends after {self.offset} bytes, before the place to resume ({offset})")

    def rewind(self) -> None:
        """Back to the start."""
        self.offset = (self._raw if self._gzip is None else self._gzip).seek(0)

    @property
    def bytes_read(self) -> int:
        """How far into the file on disk reading has come, compressed bytes for a gzip file."""
        return self._raw.tell() if self._gzip is not None else self.offset

    def skip_bom(self) -> None:
        """Step over a UTF-8 byte order mark at the start.

        Raises:
            InvalidInput: the mark of another encoding.
        """
        with self._damage_named():
            head = (self._raw if self._gzip is None else self._gzip).peek(3)[:3]
        if head.startswith(_WIDE_BOMS):
            raise InvalidInput(f"{self.name}:1", "starts with a UTF-16 byte order mark", hint="convert it to UTF-8")
        if head == BOM:
            self.read(3)

    @contextmanager
    def _damage_named(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InvalidInput(
                self.name,
                f"the gzip data is damaged after {self.offset} decompressed bytes ({error})",
                hint="fetch or compress the file again; what came before it can be read",
            ) from error


class LineBlock(NamedTuple):
    """Whole lines.

    Attributes:
        data: the lines with their b"\\n", which only the last line of a file may lack. Empty for one line that was
            too long and has been passed over.
        offset: of the first line.
        too_long: bytes of the line that was passed over, else 0.
    """

    data: bytes
    offset: int
    too_long: int = 0

    @property
    def end(self) -> int:
        """Offset after the last line."""
        return self.offset + len(self.data) + self.too_long

    @property
    def n_lines(self) -> int:
        """How many lines these are."""
        return self.data.count(b"\n") + (not self.data.endswith(b"\n"))

    @property
    def lines(self) -> list[bytes]:
        """The lines without their b"\\n"."""
        lines = self.data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        return lines

    def of_lines(self, n: int) -> "Iterator[LineBlock]":
        """The same lines as blocks of at most `n`."""
        begin, size = 0, len(self.data)
        while begin < size:
            end = begin
            for _ in range(n):
                end = self.data.find(b"\n", end) + 1
                if not end:
                    end = size
                    break
            yield LineBlock(self.data[begin:end], self.offset + begin)
            begin = end


def line_blocks(stream: ByteStream, *, block_bytes: int, max_line_bytes: int) -> Iterator[LineBlock]:
    """The rest of a stream as blocks of whole lines, each about `block_bytes` long.

    Lines end at b"\\n" and nowhere else: a JSON string may hold U+2028, a CSV field a form feed. Lines over
    `max_line_bytes` come alone, as an empty block with `too_long` set, and are not held in memory.

    Cost: memory of `block_bytes + max_line_bytes` at most.
    """
    pending: list[bytes] = []
    pending_bytes, offset = 0, stream.offset
    while chunk := stream.read(block_bytes):
        cut = chunk.rfind(b"\n") + 1
        first = chunk.find(b"\n") + 1
        if pending_bytes + (first or len(chunk)) > max_line_bytes + bool(first):
            # The first line of the chunk, begun in the chunks before it, is over the cap: pass over all of it.
            size, rest = _pass_over(stream, pending_bytes, chunk, block_bytes)
            yield LineBlock(b"", offset, size)
            offset += size
            pending, pending_bytes, chunk = [], 0, rest
            cut = chunk.rfind(b"\n") + 1
        if cut:
            pending.append(chunk[:cut])
            block = b"".join(pending)
            yield from _within_cap(block, offset, max_line_bytes)
            offset += len(block)
            pending, pending_bytes = [], 0
        if cut < len(chunk):
            pending.append(chunk[cut:])
            pending_bytes += len(chunk) - cut
    if pending:
        yield from _within_cap(b"".join(pending), offset, max_line_bytes)


def _pass_over(stream: ByteStream, seen: int, chunk: bytes, block_bytes: int) -> tuple[int, bytes]:
    """(bytes of the line whose first `seen` bytes are gone and that goes on in `chunk`, what follows it)."""
    while chunk:
        end = chunk.find(b"\n") + 1
        if end:
            return seen + end, chunk[end:]
        seen += len(chunk)
        chunk = stream.read(block_bytes)
    return seen, b""


def _within_cap(data: bytes, offset: int, max_line_bytes: int) -> Iterator[LineBlock]:
    """The lines of a block, those over the cap set apart."""
    block = LineBlock(data, offset)
    if len(data) <= max_line_bytes or max(map(len, block.lines)) <= max_line_bytes:
        yield block
        return
    begin = at = 0
    for line in block.lines:
        end = min(at + len(line) + 1, len(data))  # the last line of a file may have no line end
        if len(line) > max_line_bytes:
            if begin < at:
                yield LineBlock(data[begin:at], offset + begin)
            yield LineBlock(b"", offset + at, end - at)
            begin = end
        at = end
    if begin < at:
        yield LineBlock(data[begin:at], offset + begin)
