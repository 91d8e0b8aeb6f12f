"""Runs one write after another, each in a forked process that strace can attach to before its first call.

A program of its own, spoken to by lines of JSON: `{"write": name, "path": path}` forks and answers `{"pid": n}`; an
empty line lets the child go and answers with how it ended. Forking saves the start of an interpreter for each of
thousands of runs, and makes the count of system calls begin with the write itself.
"""

import importlib
import json
import mmap
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Write"]

_SHARED_BYTES = 4096
_GO, _DONE, _TEXT = 0, 1, 2  # places in the shared memory
_TIMEOUT_S = 120


class Write(NamedTuple):
    """A write to break, as functions of the index's path.

    Attributes:
        prepare: makes the state before it.
        run: the write.
        again: what a user would do next, given what a reader sees (None: no index); returns what must be seen then.
    """

    prepare: Callable[[Path], object]
    run: Callable[[Path], object]
    again: Callable[[Path, Any], Any]


def main() -> None:
    """Serve the `WRITES` of the module named on the command line."""
    writes: Mapping[str, Write] = importlib.import_module(sys.argv[1]).WRITES
    _warm_up(writes)
    shared = mmap.mmap(-1, _SHARED_BYTES)  # speaks with the child without system calls, which could be hit
    for line in sys.stdin:
        request = json.loads(line)
        shared[:] = bytes(_SHARED_BYTES)
        pid = os.fork()
        if pid == 0:
            _child(writes[request["write"]], Path(request["path"]), shared)
        _answer({"pid": pid})
        sys.stdin.readline()
        shared[_GO] = 1
        _, status = os.waitpid(pid, 0)
        text = bytes(shared[_TEXT:]).rstrip(b"\0").decode(errors="replace")
        killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        _answer({"signal": killed, "acknowledged": shared[_DONE] == 1, "error": text})


def _child(write: Write, path: Path, shared: mmap.mmap) -> None:
    signal.alarm(_TIMEOUT_S)  # a hang is a failure, too
    while not shared[_GO]:
        time.sleep(0.0005)  # no call that the sweep breaks
    try:
        write.run(path)
        shared[_DONE] = 1
    except BaseException as error:  # noqa: BLE001 - whatever it is, the sweep judges it
        text = f"{type(error).__name__}: {error}".encode()[: _SHARED_BYTES - _TEXT]
        shared[_TEXT : _TEXT + len(text)] = text
    os._exit(0)


def _warm_up(writes: Mapping[str, Write]) -> None:
    """So that no child imports anything."""
    with tempfile.TemporaryDirectory() as folder:
        for name, write in writes.items():
            write.prepare(Path(folder) / name)
            write.run(Path(folder) / name)


def _answer(message: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
