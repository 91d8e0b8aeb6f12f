"""Break the N-th call of one kind in one write, for N = 1, 2, 3, ... until there is no N-th call (SQLite's loop).

strace attaches to the forked writer and kills it at the call, or makes the call fail, without the writer's help.
After each run the index must hold what it held before or what the write would have made, acknowledged writes must be
there, every checksum must be right, and the next write must work.
"""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from crash.fork_server import Write

from spaniel.index.check import verify
from spaniel.retrieval.errors import IndexNotFound

__all__ = ["ACTIONS", "EIO", "ENOSPC", "KILL", "Server", "Tally", "sweep"]

KILL, EIO, ENOSPC = "signal=SIGKILL", "error=EIO", "error=ENOSPC"
_CHANGING = [
    *("openat", "mkdir", "write", "pwrite64", "writev", "pwritev", "fsync", "fdatasync", "rename", "renameat"),
    *("renameat2", "unlink", "unlinkat", "rmdir", "ftruncate", "fallocate", "copy_file_range", "close"),
]
_READING = ["read", "pread64", "newfstatat", "fstat", "statx", "lseek", "getdents64", "flock", "fcntl", "fchmod"]
ACTIONS = {
    KILL: [*_CHANGING, *_READING, "mmap", "munmap", "brk"],
    EIO: [*_CHANGING, *_READING],
    ENOSPC: [call for call in _CHANGING if call not in ("unlink", "unlinkat", "rmdir", "close")],
}
_TESTS = Path(__file__).resolve().parents[1]


@dataclass
class Tally:
    """What a sweep did. `runs`: broken runs by kind of call; `wrong`: one line for each run that ended badly."""

    runs: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Server:
    """A fork server (fork_server.py) and the strace that breaks its children."""

    def __init__(self, module: str) -> None:
        command = [sys.executable, str(_TESTS / "crash" / "fork_server.py"), module]
        environment = {"PYTHONPATH": str(_TESTS), "PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment
        )

    def run(self, name: str, path: Path, injection: str, log: Path) -> tuple[dict[str, Any], bool]:
        """Run one write under one injection; says how it ended, and whether the call was reached."""
        pid = self._ask(json.dumps({"write": name, "path": str(path)}))["pid"]
        call = injection.partition(":")[0]
        command = ["strace", "-f", "-p", str(pid), "-o", str(log), "-e", f"trace={call}", "-e", f"inject={injection}"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr is not None
            attached = tracer.stderr.readline()
            assert "attached" in attached, attached
            ended = self._ask("")
        traced = log.read_text()
        return ended, "(INJECTED)" in traced or "killed by SIGKILL" in traced

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe(self._process.stdin).close()
        self._process.wait()
        self._pipe(self._process.stdout).close()

    def _ask(self, line: str) -> dict[str, Any]:
        self._pipe(self._process.stdin).write(line + "\n")
        answer = self._pipe(self._process.stdout).readline()
        assert answer, "the fork server died"
        return dict(json.loads(answer))

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


def sweep(
    server: Server,
    name: str,
    write: Write,
    content: Callable[[Path], Any],
    action: str,
    folder: Path,
    *,
    calls: list[str] | None = None,
    every: int = 1,
) -> Tally:
    """Break every call of every kind (`calls`: only these; `every`: only each so many-th)."""
    tally = Tally()
    before_path, after_path, path = folder / "before", folder / "after", folder / "kb"
    write.prepare(before_path)
    write.prepare(after_path)
    write.run(after_path)
    allowed = (_seen(content, before_path), _seen(content, after_path))
    for call in calls or ACTIONS[action]:
        number = 1
        while True:
            shutil.rmtree(path, ignore_errors=True)
            if before_path.exists():
                shutil.copytree(before_path, path)
            ended, hit = server.run(name, path, f"{call}:{action}:when={number}", folder / "strace.log")
            if not hit:
                break
            tally.runs[call] += 1
            if problem := _problem(path, write, content, ended, allowed, killed=action == KILL):
                tally.wrong.append(f"{name}, {action} at {call} number {number}: {problem}; it ended with {ended}")
            number += every
    return tally


def _problem(
    path: Path,
    write: Write,
    content: Callable[[Path], Any],
    ended: Mapping[str, Any],
    allowed: tuple[Any, Any],
    *,
    killed: bool,
) -> str | None:
    """What is not allowed about the way a run ended, or None."""
    before, after = allowed
    if ended["signal"] and not killed:
        return f"died of signal {ended['signal']}"
    if not ended["acknowledged"] and not killed and not ended["error"]:
        return "neither done nor an error"
    seen = _seen(content, path)
    if seen != after and (ended["acknowledged"] or seen != before):
        return f"a reader sees {seen}"
    if seen is not None and not (report := verify(path)).ok:
        return f"verify finds {report.problems}"
    expected = write.again(path, seen)
    if (now := _seen(content, path)) != expected:
        return f"after the next write a reader sees {now} instead of {expected}"
    return None


def _seen(content: Callable[[Path], Any], path: Path) -> Any:
    """What a reader sees; None for no index; any error of damage as text, which equals no right answer."""
    try:
        return content(path)
    except IndexNotFound:
        return None
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {error}"
