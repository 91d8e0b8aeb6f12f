"""Latency against the size of the corpus, on real and synthetic text, with the slope in log-log and a plot.

    python -m benchmarks.growth --plot docs/growth.svg

A slope of 1 is latency that grows like the corpus; under 1 it grows slower. The slope is fitted by least squares to the
logarithms of mean latency and passages. Queries are the same for every size of a real corpus; the synthetic corpora's
are drawn anew from the same model, so their number of matching postings grows with the corpus.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from .corpora import prepare
from .ours import asked, cached_sparse, latencies, open_sparse
from .plot import log_log
from .report import machine, markdown, write

ROOT = Path(__file__).resolve().parents[1]
REAL = ["wiki-200k:25k", "wiki-200k:50k", "wiki-200k:100k", "wiki-200k"]
SYNTHETIC = ["bm25-25k", "bm25-50k", "bm25-100k", "bm25-200k", "bm25-400k", "bm25-1M"]


def measure(names: list[str], options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each corpus: passages, and mean and p99 microseconds for each k."""
    rows = []
    for name in names:
        corpus = prepare(name, options.cache)
        file = cached_sparse(corpus, options.cache, options.order, rebuild=options.rebuild)
        retriever, queries = open_sparse(corpus, file), asked(corpus, options.queries)
        row: dict[str, Any] = {"corpus": name, "passages": corpus.n, "us": {}}
        for k in options.k:
            us = latencies(retriever, queries, k, rounds=options.rounds, clock=options.clock)
            row["us"][k] = {"mean": float(us.mean()), "p99": float(np.percentile(us, 99))}
        rows.append(row)
        print(name, row["us"], flush=True)
    return rows


def slope(rows: list[dict[str, Any]], k: int, what: str = "mean") -> float:
    """Exponent e of latency ~ passages^e, least squares in log-log."""
    x = np.log([row["passages"] for row in rows])
    y = np.log([row["us"][k][what] for row in rows])
    return float(np.polyfit(x, y, 1)[0])


def table(series: dict[str, list[dict[str, Any]]], ks: list[int]) -> str:
    head = ["corpus", "passages", *[f"k={k} mean / p99 us" for k in ks]]
    rows = [
        [row["corpus"], f"{row['passages']:,}"]
        + [f"{row['us'][k]['mean']:,.0f} / {row['us'][k]['p99']:,.0f}" for k in ks]
        for part in series.values()
        for row in part
    ]
    slopes = [
        [f"slope, {name}", "", *[f"{slope(part, k):.2f} / {slope(part, k, 'p99'):.2f}" for k in ks]]
        for name, part in series.items()
        if len(part) > 1
    ]
    return markdown(head, rows + slopes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--k", type=int, nargs="+", default=[10, 1000])
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--order", default="natural")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--largest", type=int, default=1_000_000, help="leave out synthetic corpora above this")
    parser.add_argument("--rebuild", action="store_true")
    parser.add_argument("--plot", type=Path, help="write an SVG here")
    parser.add_argument("--cache", type=Path, default=ROOT / "benchmarks" / "out" / "cache")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out")
    options = parser.parse_args()
    sizes = {"k": 1_000, "M": 1_000_000}
    synthetic = [n for n in SYNTHETIC if int(n[5:-1]) * sizes[n[-1]] <= options.largest]
    series = {"Wikipedia": measure(REAL, options), "synthetic": measure(synthetic, options)}
    text = table(series, options.k)
    print(text)
    write(options.out / "growth", {"machine": machine() | {"clock": options.clock}, "series": series}, text)
    if options.plot:
        lines = {
            f"{name}, k={k} (slope {slope(rows, k):.2f})": [(row["passages"], row["us"][k]["mean"]) for row in rows]
            for name, rows in series.items()
            for k in options.k
        }
        options.plot.write_text(log_log(lines, x="passages", y="mean microseconds a query"))


if __name__ == "__main__":
    main()
