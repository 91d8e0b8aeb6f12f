"""Lines of a file, plain or gzipped, with the hash of what was read.

Only b"\\n" ends a line. `str.splitlines` and text mode would also end one at U+2028, U+2029, U+0085 and form feeds,
all of which JSON strings may hold as they are; a corpus read that way falls to pieces without a word.
"""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from spaniel.retrieval.errors import InvalidInput, LimitExceeded

__all__ = ["MAX_LINE_BYTES", "Lines", "line_blocks", "open_bytes"]

MAX_LINE_BYTES = 16 << 20  # as for a record of a build
_BLOCK_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")


def open_bytes(path: Path) -> IO[bytes]:
    """A file for reading, decompressed when its name ends in .gz."""
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")


class Lines:
    """The lines of one file, read once.

    Iterating gives (number from 1, bytes without the line end and without a byte order mark); blank lines are counted
    in `blank` and left out. Afterwards `sha256` is that of the uncompressed bytes, byte order mark, line ends and all.
    A gzip file may have several members. Memory: one block and the longest line.

    Raises:
        InvalidInput: UTF-16, damaged gzip data, no such file.
        LimitExceeded: a line longer than `MAX_LINE_BYTES`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.blank = 0
        self._digest = hashlib.sha256()
        self._ended = False

    @property
    def sha256(self) -> str:
        """Hexadecimal digest; known when the last line has been read."""
        if not self._ended:
            raise RuntimeError(f"{self.path} has not been read to its end")
        return self._digest.hexdigest()

    def where(self, number: int) -> str:
        """The place of a line as errors name it."""
        return f"{self.path}:{number}"

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        number = 0
        try:
            for lines in line_blocks(self.path, on_bytes=self._digest.update):
                for line in lines:
                    number += 1
                    if stripped := self._content(line):
                        yield number, stripped
        except FileNotFoundError as error:
            raise InvalidInput(str(self.path), "no such file") from error
        self._ended = True

    def _content(self, line: bytes) -> bytes:
        """The line without its carriage return; empty for a blank one, which is counted."""
        line = line.removesuffix(b"\r")
        if not line or line.isspace():
            self.blank += 1
            return b""
        return line


def line_blocks(
    path: Path, *, block_bytes: int | None = None, on_bytes: Callable[[bytes], object] | None = None
) -> Iterator[list[bytes]]:
    """All lines of a file, blank ones too, many at a time: for readers that work on many at once.

    Args:
        block_bytes: about how many bytes of lines come together; 1 MiB by default.
        on_bytes: gets the uncompressed bytes, a block at a time.

    Returns:
        Lines without b"\\n" (a b"\\r" before it stays) and without a byte order mark.

    Raises:
        FileNotFoundError: no such file.
        InvalidInput, LimitExceeded: as `Lines`.
    """
    number, rest = 0, b""
    for block in _blocks(path, block_bytes or _BLOCK_BYTES):
        if on_bytes is not None:
            on_bytes(block)
        # One split a block: a line end in the middle of a character cannot be, UTF-8 has no b"\n" inside one.
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise LimitExceeded(f"{path}:{number + len(lines) + 1}: bytes of the line", len(rest), MAX_LINE_BYTES)
        if lines:
            if number == 0:
                lines[0] = _unmarked(path, lines[0])
            number += len(lines)
            yield lines
    if rest:
        yield [rest if number else _unmarked(path, rest)]


def _unmarked(path: Path, first: bytes) -> bytes:
    """The first line without its byte order mark."""
    if first.startswith(_WIDE_BOMS):
        raise InvalidInput(f"{path}:1", "starts with a UTF-16 byte order mark", hint="convert it to UTF-8")
    return first.removeprefix(_BOM)


def _blocks(path: Path, size: int) -> Iterator[bytes]:
    """The uncompressed bytes."""
    n_bytes = 0
    try:
        with open_bytes(path) as file:
            while block := file.read(size):
                n_bytes += len(block)
                yield block
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInput(
            str(path),
            f"the gzip data is damaged after {n_bytes} decompressed bytes ({error})",
            hint="fetch or compress the file again",
        ) from error
