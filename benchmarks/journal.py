"""A long benchmark in parts: what is done stands in a file, and the same command goes on.

A part belongs to the code that made it: a table whose rows come from two versions compares nothing. So each line names
a hash of the sources, and lines of other sources are not gone on from; they stay, for whoever goes back.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from spaniel.rerank import questions

__all__ = ["Job", "Journal", "version_of"]

SOURCES = (Path(questions.__file__).parent, Path(__file__).parent)
"""What is measured, and what measures."""

Job = tuple[Any, ...]
"""A function of a module, then its arguments; what it returns has to be plain JSON."""


class Journal:
    """Runs jobs in processes and appends each result to `path`, one JSON line [version, key, result].

    Args:
        stop_s: start nothing new after so many seconds, and leave with a message.
        sources: folders whose code the results hang on.
    """

    def __init__(self, path: Path, processes: int, stop_s: float, *, sources: Iterable[Path] = SOURCES) -> None:
        self.path, self.processes, self.until = path, processes, time.monotonic() + stop_s
        self.version = version_of(sources)
        self.known: dict[str, Any] = {}
        if path.exists():
            whole, _, _cut_off = path.read_text().rpartition("\n")
            lines = [json.loads(line) for line in whole.splitlines()]
            self.known = {line[1]: line[2] for line in lines if line[0] == self.version}
            path.write_text(f"{whole}\n" if whole else "")
        self.pool = ProcessPoolExecutor(processes)

    def done(self, jobs: Mapping[str, Job]) -> dict[str, Any]:
        """The result of every job, by its key; those that are known are not run again."""
        missing = [key for key in jobs if key not in self.known]
        running: dict[Future[Any], str] = {}
        while missing or running:
            while missing and len(running) < self.processes and time.monotonic() < self.until:
                key = missing.pop(0)
                running[self.pool.submit(*jobs[key])] = key
            if not running:
                raise SystemExit(f"stopped with {len(missing)} parts to go; run the same command again")
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                self._keep(running.pop(future), future.result())
        return {key: self.known[key] for key in jobs}

    def _keep(self, key: str, result: Any) -> None:
        line = json.dumps([self.version, key, result])
        self.known[key] = json.loads(line)[2]
        with self.path.open("a") as file:
            file.write(line + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pool.shutdown(cancel_futures=True)


def version_of(sources: Iterable[Path]) -> str:
    """16 hexadecimal digits that change with any Python file in these folders."""
    digest = hashlib.sha256()
    for folder in sources:
        for file in sorted(folder.rglob("*.py")):
            content = file.read_bytes()
            digest.update(f"{file.relative_to(folder)} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()[:16]
