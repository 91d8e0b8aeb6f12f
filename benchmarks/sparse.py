"""Every sparse engine in one run, in turn, one thread, on the same analysed text.

    python -m benchmarks.sparse --corpus wiki-200k --corpus arxiv-40k

Each engine builds and searches in its own process, pinned to one core. The query set is cut into slices; within a round
every engine runs a slice before any runs the next, so that a slow minute of the machine falls on all of them alike. The
latency of a query is its least over the rounds; the time of the Python call is in it. `kept` says how much of the exact
top 10's score (float BM25 under the engine's own k1 and b) the engine's top 10 has: 1.000 is exact.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .corpora import Corpus, exact_dots, exact_scores, prepare
from .peers.base import ENGINES
from .report import latency_table, machine, write

ROOT = Path(__file__).resolve().parents[1]
ONE_THREAD = dict.fromkeys(
    ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1"
)


class EngineFailed(RuntimeError):
    """An engine's process died or answered nothing; its log says why."""


class Process:
    """An engine's process and the pipe to it."""

    def __init__(self, name: str, *, python: str, cpu: int | None, log: Path) -> None:
        self.name, self.log = name, log
        pin = (lambda: os.sched_setaffinity(0, {cpu})) if cpu is not None else None
        self._log = log.open("w")
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", name], cwd=ROOT, env=os.environ | ONE_THREAD, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, preexec_fn=pin,
        )  # fmt: skip

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send one command, wait for its answer."""
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise EngineFailed(f"{self.name} failed at {do}; see {self.log}")
        result: dict[str, Any] = json.loads(answer)
        return result

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        self._log.close()


@dataclass
class Measured:
    """What one engine did on one corpus."""

    engine: str
    build: dict[str, Any]
    rss: int = 0
    kept: float = float("nan")
    latency: dict[int, NDArray[np.float64]] = field(default_factory=dict)  # k -> microseconds, (queries,)

    def summary(self) -> dict[str, Any]:
        at = {
            k: {"mean": us.mean(), "p50": np.percentile(us, 50), "p99": np.percentile(us, 99)}
            for k, us in self.latency.items()
        }
        return {"engine": self.engine, "build": self.build, "rss": self.rss, "kept": self.kept, "us": at}


def python_of(engine: str) -> str:
    """The interpreter that has this engine: ours for ours, $PEERS_PYTHON or .venv-bench for the peers."""
    if engine.startswith("spaniel"):
        return sys.executable
    return os.environ.get("PEERS_PYTHON", str(ROOT / ".venv-bench" / "bin" / "python"))


def index_folder(engine: str, corpus: Corpus, cache: Path) -> Path:
    return cache / "indexes" / corpus.name / ENGINES[engine][3]


def build(engine: str, corpus: Corpus, options: argparse.Namespace) -> dict[str, Any]:
    """Build in a process of its own, or give the figures of the index that is there."""
    folder = index_folder(engine, corpus, options.cache)
    stamp = folder.with_suffix(".json")
    ours = engine.startswith("spaniel")
    fresh = str(folder) in options.built  # engines of one family share an index
    options.built.add(str(folder))
    if stamp.exists() and (fresh or not (options.rebuild or (ours and not options.reuse))):
        cached: dict[str, Any] = json.loads(stamp.read_text())
        return cached
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    process = Process(engine, python=python_of(engine), cpu=options.cpu, log=folder.with_suffix(".build.log"))
    try:
        figures = process.ask("build", corpus=str(corpus.folder), folder=str(folder))
    finally:
        process.close()
    stamp.write_text(json.dumps(figures))
    return figures


def measure(corpus: Corpus, engines: list[str], options: argparse.Namespace) -> list[Measured]:
    """Build what is missing, open all, then time them in turn."""
    n = len(corpus.vectors("q_")) if corpus.learned else len(corpus.queries())
    picked = np.sort(np.random.default_rng(options.seed).permutation(n)[: options.queries]).tolist()
    running: list[tuple[Measured, Process]] = []
    for engine in engines:
        folder = index_folder(engine, corpus, options.cache)
        try:
            result = Measured(engine, build(engine, corpus, options))
            process = Process(engine, python=python_of(engine), cpu=options.cpu, log=folder.parent / f"{engine}.log")
            opened = process.ask("open", corpus=str(corpus.folder), folder=str(folder), picked=picked)
            result.kept = check(corpus, process, picked[: 8 if corpus.learned else 25], opened)
        except EngineFailed as error:
            print(f"  skipped: {error}", file=sys.stderr)
            continue
        running.append((result, process))
        print(f"  {engine}: built in {result.build['seconds']:.1f} s, kept {result.kept:.4f}", file=sys.stderr)
    for _ in range(options.rounds):
        for k in options.k:
            _one_round(running, k, len(picked), options)
    for _, process in running:
        process.close()
    return [result for result, _ in running]


def _one_round(running: list[tuple[Measured, Process]], k: int, n_queries: int, options: argparse.Namespace) -> None:
    for result, _ in running:
        result.latency.setdefault(k, np.full(n_queries, np.inf))
    for start in range(0, n_queries, options.slice):
        stop = min(n_queries, start + options.slice)
        for result, process in running:
            answer = process.ask("run", k=k, start=start, stop=stop, clock=options.clock)
            part = result.latency[k][start:stop]
            np.minimum(part, np.array(answer["ns"]) / 1000, out=part)
            result.rss = answer["rss"]


def check(corpus: Corpus, process: Process, picked: list[int], opened: dict[str, Any]) -> float:
    """Share of the exact top 10's summed score that the engine's top 10 reaches, mean over some queries."""
    found = process.ask("results", k=10, start=0, stop=len(picked))["ids"]
    shares = []
    if corpus.learned:
        weighted = corpus.weighted_queries()
        scores = [exact_dots(corpus, weighted[i]) for i in picked]
    else:
        number = {word: i for i, word in enumerate(corpus.vocabulary())}
        texts = corpus.queries()
        terms = [np.array([number[t] for t in texts[i] if t in number], np.uint32) for i in picked]
        scores = [exact_scores(corpus, t, k1=opened["k1"], b=opened["b"]) for t in terms]
    for ids, score in zip(found, scores, strict=True):
        best = np.sort(score[score > 0])[::-1][:10].sum()
        shares.append(score[ids[:10]].sum() / best if best else 1.0)
    return float(np.mean(shares))


def engines_of(kind: str, asked: list[str] | None) -> list[str]:
    """Those asked for, or all, that search a corpus of this kind ("text" or "learned"); says which do not."""
    if unknown := [engine for engine in asked or [] if engine not in ENGINES]:
        raise SystemExit(f"no engine {', '.join(unknown)}; there are {', '.join(ENGINES)}")
    fit = [engine for engine in asked or ENGINES if ENGINES[engine][2] == kind]
    for engine in asked or []:
        if engine not in fit:
            print(f"  {engine} searches {ENGINES[engine][2]} corpora, this one is {kind}: left out", file=sys.stderr)
    return fit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append", help="wiki-200k, arxiv-40k, bm25-1M, learned-500k, ...")
    parser.add_argument("--engine", action="append", help=f"one of {', '.join(ENGINES)} (repeatable; all by default)")
    parser.add_argument("--queries", type=int, default=2000, help="how many, sampled with --seed")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slice", type=int, default=250, help="queries an engine runs before the next one's turn")
    parser.add_argument("--k", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: on a busy machine")
    parser.add_argument("--cpu", type=int, help="pin every engine to this core")
    parser.add_argument("--rebuild", action="store_true", help="build the peers' indexes again")
    parser.add_argument("--reuse", action="store_true", help="our index too is not built again when it is there")
    parser.add_argument("--cache", type=Path, default=ROOT / "benchmarks" / "out" / "cache")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out")
    options = parser.parse_args(namespace=argparse.Namespace(built=set()))
    everything: dict[str, Any] = {"machine": machine() | {"clock": options.clock}, "corpora": {}}
    tables: list[str] = []
    print(f"{everything['machine']}", file=sys.stderr)
    for name in options.corpus or ["wiki-200k", "arxiv-40k"]:
        corpus = prepare(name, options.cache)
        print(f"{name}: {corpus.n} passages", file=sys.stderr)
        kind = "learned" if corpus.learned else "text"
        if not (engines := engines_of(kind, options.engine)):
            print(
                f"  no engine asked for searches it; those that do: {', '.join(engines_of(kind, None))}",
                file=sys.stderr,
            )
            continue
        results = [result.summary() for result in measure(corpus, engines, options)]
        everything["corpora"][name] = {"passages": corpus.n, "engines": results}
        tables.append(latency_table(name, corpus.n, results))
        print(tables[-1], flush=True)
        write(options.out / "sparse", everything, "".join(tables))


if __name__ == "__main__":
    main()
