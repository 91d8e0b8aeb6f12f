"""Lines of a file, plain or gzipped, with the hash of what was read.

Only b"\\n" ends a line. `str.splitlines` and text mode would also end one at U+2028, U+2029, U+0085 and form feeds,
all of which JSON strings may hold as they are; a corpus read that way falls to pieces without a word.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from spaniel.retrieval.errors import InvalidInput, LimitExceeded

__all__ = ["MAX_LINE_BYTES", "Lines", "open_bytes"]

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
        rest = b""
        for block in self._blocks():
            # One split a block: a line end in the middle of a character cannot be, UTF-8 has no b"\n" inside one.
            *lines, rest = (rest + block).split(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                raise LimitExceeded(
                    f"{self.where(number + len(lines) + 1)}: bytes of the line", len(rest), MAX_LINE_BYTES
                )
            for line in lines:
                number += 1
                if stripped := self._content(number, line):
                    yield number, stripped
        if rest and (stripped := self._content(number + 1, rest)):
            yield number + 1, stripped
        self._ended = True

    def _content(self, number: int, line: bytes) -> bytes:
        """The line without its carriage return and byte order mark; empty for a blank one, which is counted."""
        if number == 1:
            if line.startswith(_WIDE_BOMS):
                raise InvalidInput(self.where(1), "starts with a UTF-16 byte order mark", hint="convert it to UTF-8")
            line = line.removeprefix(_BOM)
        line = line.removesuffix(b"\r")
        if not line or line.isspace():
            self.blank += 1
            return b""
        return line

    def _blocks(self) -> Iterator[bytes]:
        n_bytes = 0
        try:
            with open_bytes(self.path) as file:
                while block := file.read(_BLOCK_BYTES):
                    self._digest.update(block)
                    n_bytes += len(block)
                    yield block
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InvalidInput(
                str(self.path),
                f"the gzip data is damaged after {n_bytes} decompressed bytes ({error})",
                hint="fetch or compress the file again",
            ) from error
        except FileNotFoundError as error:
            raise InvalidInput(str(self.path), "no such file") from error
