"""Throughput of a batch on two cores against one.

    python -m benchmarks.threads --corpus wiki-200k

The batch runs in turn with one and with two threads; the figure is the least wall time of some rounds. Needs a machine
with nothing else to do.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from .corpora import prepare
from .ours import asked, cached_sparse, open_sparse
from .report import machine, markdown, write

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append")
    parser.add_argument("--k", type=int, nargs="+", default=[10, 1000])
    parser.add_argument("--queries", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=ROOT / "benchmarks" / "out" / "cache")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in options.corpus or ["wiki-200k"]:
        corpus = prepare(name, options.cache)
        file, queries = cached_sparse(corpus, options.cache), asked(corpus, options.queries)
        engines = {n: open_sparse(corpus, file, threads=n) for n in (1, options.threads)}
        for k in options.k:
            seconds = dict.fromkeys(engines, float("inf"))
            for _ in range(options.rounds):
                for n, engine in engines.items():
                    start = time.perf_counter()
                    engine.search(queries, k=k)
                    seconds[n] = min(seconds[n], time.perf_counter() - start)
            rows.append({"corpus": name, "k": k, "queries": len(queries), "seconds": seconds})
    head = ["corpus", "k", "1 thread, queries/s", f"{options.threads} threads, queries/s", "ratio"]
    text = markdown(head, [_row(row, options.threads) for row in rows])
    print(text)
    write(options.out / "threads", {"machine": machine(), "rows": rows}, text)


def _row(row: dict[str, Any], threads: int) -> list[str]:
    one, many = (row["queries"] / row["seconds"][n] for n in (1, threads))
    return [row["corpus"], str(row["k"]), f"{one:,.0f}", f"{many:,.0f}", f"{many / one:.2f}"]


if __name__ == "__main__":
    main()
