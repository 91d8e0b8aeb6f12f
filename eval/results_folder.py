"""Putting a results folder in its place, whole or not at all, and nothing of anybody else's lost.

What is there is replaced only when every entry is one that an evaluation writes. The new folder is made under a name of
its own beside the target, made durable, and renamed. Its writer holds a lock (flock) on it, so that what a killed one
has left behind is known and removed by the next; a kill between the two renames is repaired by the next as well.
"""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spaniel.retrieval.errors import InvalidInput

from .report.write import FORMATS
from .results_format import PER_QUERY, RESULTS, MacroResults, part_folder, run_file
from .results_reader import read_results

__all__ = ["check_free", "write_folder"]

_OURS = frozenset({RESULTS, PER_QUERY, *(f"report.{format}" for format in FORMATS)})
_HINT = "name another folder, or move what is in this one away"


def check_free(folder: Path) -> None:
    """Whether results may be written there; to be asked before hours of work.

    Raises:
        InvalidInput: something is there that is neither empty nor a results folder with nothing else in it, or it
            cannot be replaced (a mount point).
    """
    target = Path(os.path.realpath(folder))
    if target.parent.is_dir():
        with _locked(target.parent):
            _repair(target)
    if target.is_dir():
        if os.path.ismount(target):
            raise InvalidInput(str(folder), "is a mount point, which cannot be replaced", hint="name a folder inside")
        if (what := _foreign(target)) is not None:
            raise InvalidInput(str(folder), f"is there already and is no results folder: {what}", hint=_HINT)
    elif target.exists():
        raise InvalidInput(str(folder), "is there already and is no results folder", hint=_HINT)


def write_folder(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Make a results folder under a temporary name and give it its own when it is whole and on disk.

    Args:
        fill: writes everything into the empty folder it is given.

    Raises:
        InvalidInput: as `check_free`.
        OSError: it cannot be made.
    """
    target = Path(os.path.realpath(folder))
    target.parent.mkdir(parents=True, exist_ok=True)
    check_free(target)
    _sweep(target)
    with _pending(target) as pending:
        fill(pending)
        _make_durable(pending)
        with _locked(target.parent) as parent:
            if (what := _foreign(target)) is not None:
                raise InvalidInput(str(folder), f"has changed meanwhile: {what}", hint=_HINT)
            older = target.with_name(f".{target.name}.{secrets.token_hex(8)}.old")
            if target.exists():
                target.rename(older)
            try:
                pending.rename(target)
            except OSError:
                _repair(target)
                raise
            os.fsync(parent)
        _discard(older)
    return target


def _foreign(folder: Path) -> str | None:
    """What no evaluation has written, in words; None when the folder is missing, empty, or wholly ours."""
    if not folder.exists() or not any(folder.iterdir()):
        return None
    if not (folder / RESULTS).is_file():
        return f"there is no {RESULTS} in it"
    try:
        results = read_results(folder)
    except InvalidInput as error:
        return f"its {RESULTS} is not ours ({error.what})"
    folders: set[Path] = set()
    runs: set[Path] = set()
    if isinstance(results, MacroResults):
        folders = {part_folder(folder, name) for name in results.collections}
    else:
        runs = {run_file(folder, each.name, kind) for each in results.pipelines for kind in ("trec", "jsonl")}
    for entry in sorted(folder.iterdir()):
        if entry in folders and entry.is_dir() and not entry.is_symlink():
            if (what := _foreign(entry)) is not None:
                return f"{entry.name}: {what}"
        elif entry.name == "runs" and runs and entry.is_dir() and not entry.is_symlink():
            if strange := next((each for each in sorted(entry.iterdir()) if each not in runs), None):
                return f"{strange.relative_to(folder)} is not of an evaluation"
        elif entry.name not in _OURS or not entry.is_file():
            return f"{entry.name} is not of an evaluation"
    return None


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Hold the lock of a folder, as long as two renames take; gives its descriptor."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some network file systems lock no folders; there one writer at a time has to do
            fcntl.flock(number, fcntl.LOCK_EX)
        yield number
    finally:
        os.close(number)


@contextmanager
def _pending(target: Path) -> Iterator[Path]:
    """A new empty folder beside the target, locked; what is left of it afterwards is removed."""
    while True:
        path = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
        path.mkdir()
        with suppress(FileNotFoundError):  # another writer's sweep was faster than our lock
            number = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if _is_free(number):
                break
            os.close(number)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(number)


def _is_free(number: int) -> bool:
    """Take the lock if nobody has it."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _remains(target: Path, kind: str) -> list[Path]:
    """Folders of this target that were to be temporary, the newest last."""
    own = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{16}}\.{kind}")
    found = [path for path in target.parent.iterdir() if own.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=lambda path: path.stat().st_mtime_ns)


def _repair(target: Path) -> None:
    """Bring back what a writer killed between its two renames had moved aside. Under the parent's lock."""
    if not target.exists() and (older := _remains(target, "old")):
        older[-1].rename(target)


def _sweep(target: Path) -> None:
    """Remove what killed writers have left."""
    for path in _remains(target, "tmp"):
        with suppress(OSError):
            number = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                if _is_free(number):
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(number)
    with _locked(target.parent):
        for path in _remains(target, "old"):
            if target.exists():
                _discard(path)


def _discard(older: Path) -> None:
    """Remove results that were replaced; if somebody has put something there at the last moment, they stay."""
    if older.is_dir() and _foreign(older) is None:
        shutil.rmtree(older, ignore_errors=True)


def _make_durable(folder: Path) -> None:
    """Wait until every file and folder below is on disk."""
    for path in [*folder.rglob("*"), folder]:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(number)
        finally:
            os.close(number)
