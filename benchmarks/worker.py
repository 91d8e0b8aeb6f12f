"""One engine in one process, driven over pipes: `python -m benchmarks.worker ENGINE`.

Reads a JSON command a line from stdin and answers with a JSON line on the original stdout; whatever the engine prints
goes to stderr. Commands: build, open, run (timed queries), results (passage numbers, for the check).
"""

import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from .corpora import Corpus
from .peers.base import Engine, load

Answer = dict[str, Any]


def _peak_rss() -> int:
    """Bytes. Not getrusage: its maximum is inherited from the parent through fork and exec."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _disk_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class _Session:
    def __init__(self, engine: Engine) -> None:
        self.engine, self.queries = engine, []

    def build(self, corpus: Corpus, folder: Path) -> Answer:
        start, cpu = time.perf_counter(), time.process_time()
        self.engine.build(corpus, folder)
        spent = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
        return spent | {"rss": _peak_rss(), "bytes": _disk_bytes(folder)}

    def build_text(self, source: Path, folder: Path) -> Answer:
        start, cpu = time.perf_counter(), time.process_time()
        self.engine.build_text(source, folder)
        spent = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
        return spent | {"rss": _peak_rss(), "bytes": _disk_bytes(folder)}

    def open(self, corpus: Corpus, folder: Path, picked: list[int]) -> Answer:
        start = time.perf_counter()
        self.engine.open(corpus, folder)
        queries = corpus.weighted_queries() if corpus.learned else corpus.queries()
        self.queries = [self.engine.query(queries[i]) for i in picked]
        gc.freeze()
        return {"seconds": time.perf_counter() - start, "rss": _peak_rss(), "k1": self.engine.k1, "b": self.engine.b}

    def run(self, k: int, start: int, stop: int, clock: str) -> Answer:
        """Nanoseconds of each query, the Python call included: on the wall, or of this thread's processor time."""
        search, forget = self.engine.search, self.engine.forget
        now = time.perf_counter_ns if clock == "wall" else time.thread_time_ns
        spent = []
        gc.disable()
        for query in self.queries[start:stop]:
            begin = now()
            result = search(query, k)
            spent.append(now() - begin)
            forget(result)
        gc.enable()
        return {"ns": spent, "rss": _peak_rss()}

    def results(self, k: int, start: int, stop: int) -> Answer:
        found = []
        for query in self.queries[start:stop]:
            result = self.engine.search(query, k)
            found.append(self.engine.ids(result))
            self.engine.forget(result)
        return {"ids": found}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    session = _Session(load(sys.argv[1]))
    for line in sys.stdin:
        command = json.loads(line)
        name = command.pop("do")
        for key, kind in (("corpus", lambda v: Corpus(Path(v))), ("folder", Path), ("source", Path)):
            if key in command:
                command[key] = kind(command[key])
        print(json.dumps(getattr(session, name)(**command)), file=answers, flush=True)


if __name__ == "__main__":
    main()
