"""Indexes in the cache of evaluations: whether one is still what was built, and how it goes when it is not.

Only what lies in the cache is ever removed here: an index that the user built is the user's.
"""

import fcntl
import json
import shutil
from contextlib import suppress
from pathlib import Path

from spaniel.index.check import verify
from spaniel.index.store import LOCK_NAME, MANIFEST_NAME
from spaniel.retrieval.errors import IndexCorrupt, IndexLocked
from spaniel.retrieval.types import JSON

__all__ = ["check_unchanged", "discard", "entry_of", "fingerprint", "forget"]

_DEFINITION_BYTES = 1 << 16


def fingerprint(folder: Path) -> dict[str, JSON]:
    """Name -> [size, mtime in ns] of every file of the index in a folder of the cache."""
    files = [file for file in sorted((folder / "index").iterdir()) if file.is_file() and file.name != LOCK_NAME]
    stats = {file.name: file.stat() for file in files}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def check_unchanged(folder: Path) -> None:
    """Look whether files have changed since the build; only where one has, read them all.

    An index without a record of its files (of an earlier release, or of a build that was interrupted at its end) is
    read as well. A copied cache, whose times are others, is read each time.

    Raises:
        IndexCorrupt: a file does not match its checksums.
    """
    recorded = None
    with suppress(OSError, ValueError, AttributeError):
        recorded = json.loads((folder / "build.json").read_text(encoding="utf-8")).get("files")
    if recorded and all(fingerprint(folder).get(name) == known for name, known in recorded.items()):
        return
    report = verify(folder / "index")
    if not report.ok:
        raise IndexCorrupt(folder / "index" / report.problems[0].file, report.problems[0].reason)


def discard(folder: Path) -> None:
    """Remove the index, under the lock that its writers hold; the lock itself stays for whoever waits for it.

    Raises:
        IndexLocked: another process is building it.
    """
    index = folder / "index"
    with (index / LOCK_NAME).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise IndexLocked(index, None) from error
        (index / MANIFEST_NAME).unlink(missing_ok=True)  # first, so that nobody opens what is going away
        for file in index.iterdir():
            if file.is_dir():
                shutil.rmtree(file)
            elif file.name != LOCK_NAME:
                file.unlink()


def forget(folder: Path) -> None:
    """Remove an index that turned out to be damaged while it was searched, and the runs that may come from the damage.

    Raises:
        IndexLocked: another process is building it.
    """
    discard(folder)
    for run in (folder.parent.parent / "runs").glob("*.run"):
        with run.open("rb") as file:
            definition = file.read(_DEFINITION_BYTES)  # the first record of a run's journal, which names its index
        if folder.name.encode() in definition:
            run.unlink(missing_ok=True)


def entry_of(error: IndexCorrupt, cache: Path) -> Path | None:
    """The folder of the cache that the error is about; None when the damage lies elsewhere."""
    root = (cache / "indexes").resolve()
    with suppress(ValueError):
        parts = error.path.resolve().relative_to(root).parts
        return root / parts[0] if len(parts) > 1 and parts[1] == "index" else None
    return None
