"""A whole BM25 evaluation, from the files of a collection to its figures, beside bm25s + pytrec_eval.

    python -m benchmarks.eval_whole --collection nfcorpus --rounds 5

Each job is a process of its own that starts from nothing: interpreter, imports, index, 1,000 results for every judged
query, measures. They take turns; printed are the median and the least of the wall clock, and the processor time. Ours
is the command as a user types it (`--no-cache`), which also stores the texts, checks the collection and computes
intervals; `--timing 0` leaves out the timing of single queries, which the other job has not got.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .corpora import data_folder
from .report import machine, markdown, write

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / ".venv-bench" / "bin" / "python"


def commands(folder: Path, threads: int) -> dict[str, list[str]]:
    """Job -> its words."""
    ours = ["-m", "spaniel", "eval", "run", str(folder), "--pipeline", "bm25", "--no-cache", "--timing", "0", "--json"]
    measures = [word for name in ("nDCG@10", "R@100", "RR", "AP") for word in ("--measure", name)]
    theirs = [str(ROOT / "benchmarks" / "peers" / "whole_bm25s.py"), str(folder), str(threads)]
    return {
        "spaniel eval run": [sys.executable, *ours, *measures, "--threads", str(threads)],
        # -P: beside the script lies a module of ours that is called bm25s too.
        "bm25s + pytrec_eval": [str(PEERS), "-P", *theirs],
    }


def once(words: list[str]) -> dict[str, Any]:
    """Run a job: seconds, processor seconds, and its figures."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu": cpu, "figures": figures(json.loads(done.stdout))}


def figures(found: dict[str, Any]) -> dict[str, float]:
    """Measure -> mean, of either job."""
    if "pipelines" not in found:
        return found
    return {name: figure["mean"] for name, figure in found["pipelines"][0]["measures"].items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collection", default="nfcorpus")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out")
    options = parser.parse_args()
    jobs = commands(data_folder() / options.collection, options.threads)
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in jobs}
    for _ in range(options.rounds):
        for name, words in jobs.items():
            rounds[name].append(once(words))
    rows = []
    for name, done in rounds.items():
        seconds, cpu = [one["seconds"] for one in done], [one["cpu"] for one in done]
        row = [name, f"{statistics.median(seconds):.2f}", f"{min(seconds):.2f}", f"{statistics.median(cpu):.2f}"]
        rows.append([*row, *(f"{value:.4f}" for value in done[0]["figures"].values())])
    head = ["job", "median s", "least s", "processor s", *rounds["spaniel eval run"][0]["figures"]]
    text = f"\n### {options.collection}, {options.threads} threads, {options.rounds} rounds\n\n" + markdown(head, rows)
    print(text)
    write(options.out / "eval_whole", {"machine": machine(), "rounds": rounds}, text)


if __name__ == "__main__":
    main()
