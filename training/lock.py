"""The lock of a folder that is trained in: one process at a time, and it dies with its process."""

import fcntl
import os
from pathlib import Path

from spaniel.retrieval.errors import InvalidInput

__all__ = ["check_free", "locked"]

_NAME = "lock"


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
