"""Pairwise schedules and their settings against the calibrated oracle: their cost, and what a budget leaves of them.

    python -m benchmarks.rerank_pairs ../shared/data/scifact ../shared/data/nfcorpus [--queries 60] [--out DIR]

The queries, first stage and oracle of `rerank_schedules.py`, which has its other settings. For every row: calls and
rounds under the realistic oracle; nDCG@10 under the exact, the strong and the realistic one, and under the last cut
after 20, 50, 100, 200 and 400 calls. Means over queries and seeds. Writes rerank_pairs.json and .md; nothing here
depends on the machine's speed.
"""

import argparse
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.report import machine, markdown, write
from benchmarks.rerank_candidates import Candidates, candidates
from benchmarks.rerank_methods import TOP, answerer
from benchmarks.rerank_schedules import sampled
from spaniel.rerank.asking import BothOrders, number_of
from spaniel.rerank.driver import run_schedule
from spaniel.rerank.schedules.table import read_schedule

ROWS: Sequence[tuple[str, BothOrders]] = (
    ("allpair", "both"),
    ("allpair:aggregate=bradley-terry,prior=1", "both"),
    ("sampled", "both"),
    ("sampled:pairs=window", "both"),
    ("sampled:pairs=random", "both"),
    ("sampled:rate=0.1", "both"),
    ("sampled:rate=0.2", "random"),
    ("heapsort", "both"),
    ("quicksort", "both"),
    ("sliding:passes=10", "both"),
    ("sliding:passes=10,overlap=true", "both"),
    ("knockout", "both"),
    ("knockout:refit=true", "both"),
    ("mohajer", "random"),
    ("mohajer:refit=false", "random"),
    ("mohajer", "both"),
)
NOISES = ("exact", "strong", "realistic")
BUDGETS = (20, 50, 100, 200, 400)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+")
    parser.add_argument("--queries", type=int, default=60, help="of each collection at most, drawn with a fixed seed")
    parser.add_argument("--seeds", type=int, default=2, help="of the oracle and the schedules")
    parser.add_argument("--schedules", nargs="+", help="names of schedules; all rows by default")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    options = parser.parse_args()
    rows = [row for row in ROWS if not options.schedules or row[0].partition(":")[0] in options.schedules]
    results, tables = {}, []
    with ProcessPoolExecutor(options.processes) as pool:
        for path in options.collections:
            name, queries = Path(path).name, sampled(candidates(path, cache=options.cache), options.queries)
            parts = [pool.submit(measured, name, queries, *row, options.seeds) for row in rows]
            results[name] = {f"{row[0]} ({row[1]})": part.result() for row, part in zip(rows, parts, strict=True)}
            tables.append(table(name, queries, results[name]))
            print(tables[-1], flush=True)
    write(options.out / "rerank_pairs", {"machine": machine(), "results": results}, "\n".join(tables))


def measured(
    name: str, queries: Sequence[Candidates], schedule: str, both_orders: BothOrders, seeds: int
) -> dict[str, float]:
    """Means: calls and depth; nDCG@10 by noise, and by budget."""
    figures: dict[str, list[float]] = {}
    for seed in range(seeds):
        for query in queries:
            for noise in NOISES:
                answer, n = answerer(query, noise, name, seed=seed), len(query.ids)
                for budget in (None, *BUDGETS) if noise == "realistic" else (None,):
                    outcome, trace = run_schedule(
                        read_schedule(schedule), n, answer, top=min(TOP, n), both_orders=both_orders,
                        seed=number_of(f"{seed} {query.query_id}"), budget_calls=budget,
                    )  # fmt: skip
                    figures.setdefault(f"{budget or noise}", []).append(query.ndcg(outcome.order))
                    if noise == "realistic" and budget is None:
                        figures.setdefault("calls", []).append(trace.calls)
                        figures.setdefault("depth", []).append(trace.depth)
    return {key: float(np.mean(values)) for key, values in figures.items()}


def table(name: str, queries: Sequence[Candidates], rows: Mapping[str, Mapping[str, float]]) -> str:
    """Markdown."""
    first = np.mean([query.ndcg(range(len(query.ids))) for query in queries])
    head = ["schedule", "calls", "depth", *NOISES, *[f"at {budget}" for budget in BUDGETS]]
    keys = [*NOISES, *map(str, BUDGETS)]
    lines = [
        [label, f"{row['calls']:,.0f}", f"{row['depth']:,.0f}", *[f"{row[key]:.3f}".lstrip("0") for key in keys]]
        for label, row in rows.items()
    ]
    return f"### {name}: {len(queries)} queries, first stage {first:.3f}\n\n{markdown(head, lines)}"


if __name__ == "__main__":
    main()
