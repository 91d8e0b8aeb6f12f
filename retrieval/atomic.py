"""Files that are there whole or not at all; devices and pipes, which can only be written as they are."""

import gzip
import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from .errors import InvalidInput

__all__ = ["bytes_written_whole", "written_whole"]


@contextmanager
def written_whole(path: str | Path) -> Iterator[TextIO]:
    """A text stream that becomes `path` when the block ends well, and leaves nothing when it does not.

    Args:
        path: `.gz` is compressed, with no time or name inside, so that equal text gives equal bytes. A symbolic link
            stays one: its target is what is written. What is there and no regular file (a device, a pipe,
            /dev/stdout) is never replaced but written as it is, and so gets what there was before a failure.

    Raises:
        InvalidInput: `path` is a folder.
        OSError: the folder that is to hold it is missing or cannot be written; `path` is named.
    """
    with bytes_written_whole(path) as raw, _packed(raw, Path(path)) as stream:
        yield stream


@contextmanager
def bytes_written_whole(path: str | Path) -> Iterator[BinaryIO]:
    """A binary stream that becomes `path` when the block ends well; see `written_whole`, but nothing is compressed.

    Raises:
        InvalidInput, OSError: as there.
    """
    wanted = Path(path)
    if (kind := _kind(wanted)) is not None and stat.S_ISDIR(kind):
        raise InvalidInput(str(path), "is a folder; name a file")
    if _is_stdout(wanted) or (kind is not None and not stat.S_ISREG(kind)):
        with _in_place(wanted) as raw:
            yield raw
        return
    final = Path(os.path.realpath(wanted))
    pending = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    opened = _created(pending, wanted)
    try:
        with opened as raw:
            yield raw
            raw.flush()
            os.fsync(raw.fileno())
        pending.replace(final)
    finally:
        pending.unlink(missing_ok=True)


def _kind(path: Path) -> int | None:
    """The mode of what `path` leads to; None when nothing is there."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_stdout(path: Path) -> bool:
    """Whether `path` leads to what the process writes to, which `/dev/stdout` does even when that is a regular file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError):  # not there; or stdout is closed, or no file at all
        return False


def _in_place(path: Path) -> BinaryIO:
    """What is there, opened as it is; stdout by its descriptor, so that what stands before it stays."""
    if not _is_stdout(path):
        return path.open("wb")
    sys.stdout.flush()
    return os.fdopen(os.dup(sys.stdout.fileno()), "wb")


def _created(pending: Path, wanted: Path) -> BinaryIO:
    """The new file `pending`; what goes wrong is told of the name the user gave."""
    try:
        return pending.open("xb")
    except OSError as error:
        error.filename = str(wanted)
        raise


@contextmanager
def _packed(raw: BinaryIO, path: Path) -> Iterator[TextIO]:
    """Text into `raw`, compressed if the name asks for it."""
    if path.suffix != ".gz":
        with _text(raw) as stream:
            yield stream
        return
    # Level 3 of runs is a tenth larger than 9 and takes a quarter of the time.
    with gzip.GzipFile("", "wb", 3, fileobj=raw, mtime=0) as packed, _text(packed) as stream:
        yield stream


@contextmanager
def _text(binary: BinaryIO | gzip.GzipFile) -> Iterator[TextIO]:
    """Text into a binary stream, which stays open."""
    stream = io.TextIOWrapper(binary, encoding="utf-8", newline="\n", write_through=False)
    try:
        yield stream
    finally:
        stream.flush()
        stream.detach()
