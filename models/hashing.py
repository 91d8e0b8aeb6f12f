"""SHA-256 of a model's files, remembered by what the file system says of them.

Weights are large and are hashed each time a model is opened, so that no index is searched with other weights under the
same path. What is remembered lies in the cache folder, by path; it holds as long as size, inode and time of change stay
the same, and only for files that had not changed for two seconds when they were read (Git's "racy" rule).
"""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from spaniel.retrieval.atomic import written_whole
from spaniel.retrieval.errors import ModelError

__all__ = ["file_sha256", "identity"]

_SETTLED_NS = 2_000_000_000


def file_sha256(path: Path, cache: Path) -> str:
    """Hexadecimal SHA-256 of a file; a second time it costs one stat.

    Args:
        cache: folder of what is kept (`retrieval/cache.py`); nothing is remembered when it cannot be written.

    Raises:
        ModelError: the file is missing or cannot be read.
    """
    try:
        status = path.stat()
        state: list[str | int] = [str(path.resolve()), status.st_size, status.st_ino, status.st_mtime_ns]
        note = cache / "models" / "hashes" / f"{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]}.json"
        if (known := _remembered(note, state)) is not None:
            return known
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    if time.time_ns() - status.st_mtime_ns > _SETTLED_NS:
        _remember(note, state, found)
    return found


def identity(hashes: Mapping[str, str]) -> str:
    """One SHA-256 for several files, from name -> SHA-256; the folder they lie in does not count."""
    return hashlib.sha256(json.dumps(dict(sorted(hashes.items()))).encode()).hexdigest()


def _remembered(note: Path, state: list[str | int]) -> str | None:
    try:
        *then, sha256 = json.loads(note.read_text("utf-8"))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return sha256 if then == state and isinstance(sha256, str) and len(sha256) == 64 else None


def _remember(note: Path, state: list[str | int], sha256: str) -> None:
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(note) as stream:
            json.dump([*state, sha256], stream)
    except OSError:
        return  # a cache that cannot be written only costs time
