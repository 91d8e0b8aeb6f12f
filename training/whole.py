"""A folder that takes the place of another at once: whoever looks finds the old one whole or the new one whole.

    .NAME.PID.tmp    the new folder while it is written; after the exchange what was there before, until it is removed
    .NAME.PID.old    what was there before, where the file system exchanges no names: for a moment there is no NAME

A kill leaves one of these. The next one that writes NAME, or looks whether it may, gives an old folder its name back
and removes what nobody holds.
"""

import ctypes
import errno
import fcntl
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["put_back", "synced", "whole_folder"]

_AT_FDCWD, _EXCHANGE = -100, 2
_CANNOT = (errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.EOPNOTSUPP)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A new folder beside `target` that takes its place when the block ends well, and goes when it does not.

    Raises:
        OSError: it cannot be written, or `target` is a file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    put_back(target)
    pending = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    before = target.with_name(f".{target.name}.{os.getpid()}.old")
    shutil.rmtree(pending, ignore_errors=True)
    pending.mkdir()
    with _held(pending):
        try:
            yield pending
            there = target.exists() and any(target.iterdir())
            if not there or not _exchanged(pending, target):
                if there:
                    target.rename(before)
                pending.replace(target)
            _sync(target.parent)
        finally:
            shutil.rmtree(pending, ignore_errors=True)
            if before.exists() and not target.exists():
                before.rename(target)
            shutil.rmtree(before, ignore_errors=True)


def put_back(target: Path) -> None:
    """What killed writers of `target` left: the folder that was there before gets its name back, the rest is removed.

    Raises:
        OSError: it cannot be renamed.
    """
    named = re.compile(rf"\.{re.escape(target.name)}\.\d+\.(tmp|old)")
    try:
        entries = sorted(target.parent.iterdir())
    except OSError:  # not there yet, or not to be listed: nothing can be told
        return
    for entry in entries:
        if not (found := named.fullmatch(entry.name)) or not entry.is_dir() or entry.is_symlink():
            continue
        if found[1] == "old" and not target.exists():
            entry.rename(target)
        elif not _is_held(entry):
            shutil.rmtree(entry, ignore_errors=True)


def synced(folder: Path) -> None:
    """Every file and folder on the disk, before it gets its name."""
    for path in (*folder.rglob("*"), folder):
        _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """A lock on a folder, whatever its name becomes; it dies with its process. Some network file systems have none."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _is_held(folder: Path) -> bool:
    """Whether a process is writing this folder, or nobody can know."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _exchanged(one: Path, other: Path) -> bool:
    """Both names exchanged in one step, or False where the system or the file system has no such step.

    Raises:
        OSError: it has, and cannot do it.
    """
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if call is None:
        return False
    if call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))
