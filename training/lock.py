"""The folder of an unfinished training: its lock, which dies with its process, and the names of what else lies there.

A folder that holds anything else is somebody's, and nothing in it is ever removed.
"""

import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path

from spaniel.retrieval.errors import InvalidInput

__all__ = ["CHECKPOINT", "FILES", "check_free", "checkpoints_in", "foreign_in", "locked", "removed"]

_NAME = "lock"
CHECKPOINT = re.compile(r"checkpoint-(\d{6,9})\.json")
FILES = re.compile(r"(?:checkpoint-\d{6,9}\.json|(?:model|optimiser|record)-\d{6,9}\.safetensors)(?:\.tmp)?")
"""Names of the files that checkpoints consist of (checkpoint.py)."""


def locked(folder: Path) -> int:
    """Hold the folder, made if it is not there, until the descriptor is closed.

    Raises:
        InvalidInput: another process trains there.
        OSError: the folder cannot be made or written to.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            held = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:  # removed between the two
            continue
        try:
            _lock(held, folder)
            if _is_there(held, folder):
                return held
        except BaseException:
            os.close(held)
            raise
        os.close(held)  # what was opened has been removed by the process that held it


def check_free(folder: Path) -> None:
    """That nobody trains in a folder, which need not be there; changes nothing.

    Raises:
        InvalidInput: another process does.
    """
    try:
        opened = os.open(folder / _NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        _lock(opened, folder)
    finally:
        os.close(opened)


def checkpoints_in(folder: Path) -> bool:
    """Whether there is a checkpoint to go on from, whole or not."""
    return folder.is_dir() and any(CHECKPOINT.fullmatch(entry.name) for entry in folder.iterdir())


def foreign_in(folder: Path) -> str | None:
    """The name of something in a folder that no training has put there; None where there is nothing such."""
    names = sorted(entry.name for entry in folder.iterdir())
    return next((name for name in names if name != _NAME and not FILES.fullmatch(name)), None)


def removed(folder: Path) -> None:
    """Remove the checkpoints, and the folder with them unless it holds something else or another process takes it.

    Raises:
        InvalidInput: another process trains there.
        OSError: a file cannot be removed.
    """
    held = locked(folder)
    try:
        for entry in folder.iterdir():
            if FILES.fullmatch(entry.name):
                entry.unlink()
        (folder / _NAME).unlink()
        with suppress(OSError):
            folder.rmdir()
    finally:
        os.close(held)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InvalidInput(str(folder), "another process is training here", "wait for it to end") from error


def _is_there(descriptor: int, folder: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), (folder / _NAME).stat())
    except FileNotFoundError:
        return False
