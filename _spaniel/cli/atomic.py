"""Files that are there whole or not at all."""

import gzip
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

__all__ = ["written_whole"]


@contextmanager
def written_whole(path: str | Path) -> Iterator[TextIO]:
    """A text stream that becomes `path` when the block ends well, and leaves nothing when it does not.

    Args:
        path: `.gz` is compressed, with no time or name inside, so that equal text gives equal bytes.

    Raises:
        OSError: the folder is missing or cannot be written.
    """
    final = Path(path)
    pending = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    try:
        with pending.open("xb") as raw:
            if final.suffix == ".gz":
                with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed, _text(packed) as stream:
                    yield stream
            else:
                with _text(raw) as stream:
                    yield stream
            raw.flush()
            os.fsync(raw.fileno())
        pending.replace(final)
    finally:
        pending.unlink(missing_ok=True)


@contextmanager
def _text(binary: io.BufferedWriter | gzip.GzipFile) -> Iterator[TextIO]:
    """Text into a binary stream, which stays open."""
    stream = io.TextIOWrapper(binary, encoding="utf-8", newline="\n", write_through=False)
    try:
        yield stream
    finally:
        stream.flush()
        stream.detach()
