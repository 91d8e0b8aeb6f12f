"""Which schedule wins where, and what the choice between them costs.

    python -m benchmarks.kernels --corpus wiki-200k:25k --corpus wiki-200k

For each corpus, order of passages and k: mean latency of the `windows` schedule (every matching posting is scored), of
`blocks` (block maxima, blocks by descending bound), and of `auto`, which chooses for each query. `regret` is auto's
mean over the better one's mean; `to oracle` is auto's mean over the mean of the better one of each query, which no
choice between the two can beat. The results are the same in every column; this is checked.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .corpora import Corpus, prepare
from .ours import ORDERS, asked, cached_sparse, latencies, open_sparse
from .report import machine, markdown, write

ROOT = Path(__file__).resolve().parents[1]
SCHEDULES = ("windows", "blocks", "auto")


def rows_of(corpus: Corpus, order: str, options: argparse.Namespace) -> list[dict[str, float | str | int]]:
    """One row for each k."""
    file = cached_sparse(corpus, options.cache, order, rebuild=options.rebuild)
    queries = asked(corpus, options.queries)
    engines = {name: open_sparse(corpus, file, schedule=name) for name in SCHEDULES}
    rows: list[dict[str, float | str | int]] = []
    for k in options.k:
        for query in queries[:50]:
            found = [engine.search([query], k=k)[0] for engine in engines.values()]
            if any(f.ids.tolist() != found[0].ids.tolist() for f in found[1:]):
                raise SystemExit(f"{corpus.name}, {order}, k={k}: the schedules differ for {query!r}")
        us: dict[str, NDArray[np.float64]] = {name: np.full(len(queries), np.inf) for name in SCHEDULES}
        for _ in range(options.rounds):  # in turn, so that a slow minute falls on all
            for name, engine in engines.items():
                us[name] = np.minimum(us[name], latencies(engine, queries, k, rounds=1, clock=options.clock))
        means = {name: float(us[name].mean()) for name in SCHEDULES}
        best = min(means["windows"], means["blocks"])
        rows.append(
            {"corpus": corpus.name, "passages": corpus.n, "order": order, "k": k, **means}
            | {"p99": float(np.percentile(us["auto"], 99)), "regret": means["auto"] / best}
            | {"oracle": means["auto"] / float(np.minimum(us["windows"], us["blocks"]).mean())}
            | {"wins": "windows" if means["windows"] <= means["blocks"] else "blocks"}
            | {"like_blocks": float(np.mean(abs(us["auto"] - us["blocks"]) < abs(us["auto"] - us["windows"])))}
        )
    return rows


def table(rows: list[dict[str, float | str | int]]) -> str:
    head = ["corpus", "passages", "order", "k", "windows us", "blocks us", "wins", "auto us", "auto p99", "regret"]
    return markdown([*head, "to oracle", "nearer blocks"], [_cells(row) for row in rows])


def _cells(r: dict[str, float | str | int]) -> list[str]:
    us = [f"{r[name]:.0f}" for name in ("windows", "blocks", "auto", "p99")]
    return [
        *(str(r["corpus"]), f"{r['passages']:,}", str(r["order"]), str(r["k"]), us[0], us[1], str(r["wins"]), us[2]),
        *(us[3], f"{r['regret']:.2f}", f"{r['oracle']:.2f}", f"{r['like_blocks']:.0%}"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append", help="see corpora.prepare; repeatable")
    parser.add_argument("--order", action="append", choices=ORDERS, help="all by default")
    parser.add_argument("--k", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--rebuild", action="store_true")
    parser.add_argument("--cache", type=Path, default=ROOT / "benchmarks" / "out" / "cache")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out")
    options = parser.parse_args()
    rows: list[dict[str, float | str | int]] = []
    for name in options.corpus or [f"wiki-200k:{n}k" for n in (25, 50, 100)] + ["wiki-200k", "arxiv-40k"]:
        for order in options.order or ORDERS:
            rows += rows_of(prepare(name, options.cache), order, options)
            print(table(rows[-len(options.k) :]), flush=True)
    write(options.out / "kernels", {"machine": machine() | {"clock": options.clock}, "rows": rows}, table(rows))


if __name__ == "__main__":
    main()
