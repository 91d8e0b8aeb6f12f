"""A write that dies at one of its steps on disk."""

import os
import signal
from collections.abc import Callable

from spaniel.index import fs as fs_module
from spaniel.index.passages import PassageWriter

__all__ = ["killed"]


def killed(command: Callable[[], object], after: int) -> bool:
    """Run `command` in a fork that kills itself at its `after`th step on disk; whether it got that far."""
    child = os.fork()
    if child == 0:
        try:
            _kill_after(after)
            command()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the command failed by itself"
    return os.WIFSIGNALED(status)


def _kill_after(steps: int) -> None:
    """Every call that changes the disk is a step; before the last of them the process dies without a word."""
    left = steps

    def counted(method: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **options: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(*args, **options)

        return step

    for owner, names in (
        (fs_module.RealFile, ("pwrite", "fsync")),
        (fs_module.RealFS, ("mkdir", "create", "adopt", "rename", "unlink", "remove_tree", "fsync_dir")),
        (PassageWriter, ("add_many", "commit", "drop", "finish")),
    ):
        for name in names:
            setattr(owner, name, counted(getattr(owner, name)))
