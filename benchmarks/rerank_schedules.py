"""Every schedule against an oracle that errs as judges do: what it costs, and how well it orders.

    python -m benchmarks.rerank_schedules ../shared/data/scifact ../shared/data/nfcorpus [--quick] [--out DIR]

BM25's first 100 passages of every judged query (`--queries`: a sample of them) are reranked by every method of
`rerank_methods.py` under every setting of the oracle (`spaniel.rerank.judges.oracle`): without errors, as a strong
judge, as a realistic one, with much noise and a liking for what is shown first, and the same on a shuffled first stage.
For each: calls of the judge, passages read, rounds that follow each other, and nDCG@10, the mean over queries of the
mean over seeds (of the oracle and the schedule), with a 95 % interval over queries. Methods share queries, seeds and
the oracle's opinions. Then

- the budget curve: nDCG@10 when every query is cut after 1, 2, 5, ... calls (of some of the queries, one seed);
- the cut sweep: every method cut at *every* call (pairwise ones on 20 passages): the lowest mean on the way,
  against BM25's own;
- the bars: which methods reach the ceiling with an oracle without errors, whether the default JointRank is on the
  Pareto front of depth 1, and how far it is before the paper's PageRank at equal calls.

Writes rerank_schedules.json, .md and an .svg of each plot to the folder given. Nothing here depends on the machine's
speed.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.plot import log_x
from benchmarks.report import machine, write
from benchmarks.rerank_candidates import Candidates, candidates
from benchmarks.rerank_methods import METHODS, SETTINGS, Method, Setting, played
from benchmarks.rerank_tables import bars, show
from spaniel.eval.statistics import mean_interval
from spaniel.rerank.schedules.table import SCHEDULES

BUDGETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
CUT_PASSAGES: Mapping[str, int] = {"prefer": 20, "order": 100, "score": 100}
CUT_QUERIES = CURVE_QUERIES = 40
CURVES = (
    "quicksort", "heapsort", "Mohajer, one random order", "setwise heap, 10", "window 20/10", "TDPart",
    "TourRank-10", "BlitzRank k=10", "JointRank", "JointRank, PageRank (the paper)", "PRP sliding-10", "pointwise",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+")
    parser.add_argument("--queries", type=int, default=150, help="of each collection at most, drawn with a fixed seed")
    parser.add_argument("--seeds", type=int, default=3, help="of the oracle; of methods with thousands of calls one")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="20 queries, one seed: a minute")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    options = parser.parse_args()
    if options.quick:
        options.queries, options.seeds = 20, 1
    methods = [method for method in METHODS if method.base in SCHEDULES]
    results = []
    with ProcessPoolExecutor(options.processes) as pool:
        for path in options.collections:
            began = time.monotonic()
            queries = sampled(candidates(path, cache=options.cache), options.queries)
            result = measured(pool, Path(path).name, queries, methods, options.seeds)
            results.append(result)
            print(show(result), f"\n{time.monotonic() - began:.0f} s\n", flush=True)
    figures = {"machine": machine(), "command": " ".join(options.collections), "results": results}
    write(options.out / "rerank_schedules", figures, "\n".join(map(show, results)))
    for result in results:
        plots(result, options.out)


def sampled(queries: Sequence[Candidates], most: int) -> list[Candidates]:
    """So many of them, always the same, in their order."""
    drawn = np.random.default_rng(5).permutation(len(queries))[:most]
    return [queries[i] for i in sorted(drawn.tolist())]


def measured(
    pool: ProcessPoolExecutor, collection: str, queries: Sequence[Candidates], methods: Sequence[Method], seeds: int
) -> dict[str, Any]:
    """Everything about one collection, as plain JSON."""
    first = np.array([query.ndcg(range(len(query.ids))) for query in queries])
    rows: dict[str, Any] = {}
    jobs = [(method, setting, 1 if method.slow else seeds) for method in methods for setting in SETTINGS]
    parts = [pool.submit(reranked, collection, queries, *job) for job in jobs]
    for (method, setting, _), part in zip(jobs, parts, strict=True):
        ndcg, costs = part.result()
        row = rows.setdefault(
            method.label, {"schedule": method.schedule, "both_orders": method.both_orders, "ndcg": {}}
        )
        interval = mean_interval(ndcg)
        row["ndcg"][setting.label] = {
            "mean": interval.mean, "low": interval.low, "high": interval.high,
            "misses": int((ndcg < ceilings(queries) - 1e-9).sum()) if setting.label == "exact" else None,
            "values": ndcg.round(5).tolist(),
        }  # fmt: skip
        if setting.label == "realistic":
            row |= {"calls": costs[0], "docs": costs[1], "depth": costs[2]}
    result = {
        "collection": collection,
        "queries": len(queries),
        "passages": float(np.mean([len(query.ids) for query in queries])),
        "seeds": seeds,
        "first_stage": float(first.mean()),
        "ceiling": float(ceilings(queries).mean()),
        "rows": rows,
        "curve": curve(pool, collection, queries[:CURVE_QUERIES], methods),
        "cuts": cuts(pool, collection, queries[:CUT_QUERIES], methods),
    }
    return result | {"bars": bars(result, methods)}


def ceilings(queries: Sequence[Candidates]) -> NDArray[np.float64]:
    return np.array([query.ceiling for query in queries])


def reranked(
    collection: str, queries: Sequence[Candidates], method: Method, setting: Setting, seeds: int
) -> tuple[NDArray[np.float64], list[float]]:
    """nDCG@10 of each query, the mean over seeds; mean calls, passages read and rounds."""
    ndcg, costs = np.zeros(len(queries)), []
    for seed in range(seeds):
        for at, query in enumerate(queries):
            shown = query.shuffled(seed) if setting.shuffled else query
            outcome, trace = played(method, shown, setting.noise, collection, seed=seed)
            ndcg[at] += shown.ndcg(outcome.order) / seeds
            costs.append((trace.calls, trace.docs_read, trace.depth))
    return ndcg, np.mean(costs, axis=0).tolist()


def curve(
    pool: ProcessPoolExecutor, collection: str, queries: Sequence[Candidates], methods: Sequence[Method]
) -> dict[str, Any]:
    """nDCG@10 under the realistic oracle when every query is cut after so many calls: method -> [calls, nDCG]."""
    chosen = [method for method in methods if method.label in CURVES]
    parts = {method.label: pool.submit(_curve, collection, queries, method) for method in chosen}
    first = float(np.mean([query.ndcg(range(len(query.ids))) for query in queries]))
    return {"first_stage": first, "queries": len(queries)} | {label: part.result() for label, part in parts.items()}


def _curve(collection: str, queries: Sequence[Candidates], method: Method) -> list[tuple[float, float]]:
    points = []
    for budget in BUDGETS:
        ends = [played(method, query, "realistic", collection, seed=0, budget_calls=budget) for query in queries]
        ndcg = [query.ndcg(outcome.order) for query, (outcome, _) in zip(queries, ends, strict=True)]
        points.append((float(budget), float(np.mean(ndcg))))
        if not any(trace.stopped for _, trace in ends):
            break
    return points


def cuts(
    pool: ProcessPoolExecutor, collection: str, queries: Sequence[Candidates], methods: Sequence[Method]
) -> dict[str, Any]:
    """Every method cut at every call: method -> the lowest mean on the way, and where."""
    parts = {}
    for method in methods:
        n = CUT_PASSAGES[SCHEDULES[method.base].asks]
        parts[method.label] = n, pool.submit(_cuts, collection, [query.first(n) for query in queries], method)
    return {label: {"passages": n} | part.result() for label, (n, part) in parts.items()}


def _cuts(collection: str, queries: Sequence[Candidates], method: Method) -> dict[str, float]:
    """nDCG less the first stage's for each query (rows) and budget (columns); the worst column."""
    firsts = [query.ndcg(range(len(query.ids))) for query in queries]
    columns = []
    budget = 0
    while True:
        ends = [played(method, query, "realistic", collection, seed=0, budget_calls=budget) for query in queries]
        columns.append([
            query.ndcg(outcome.order) - first
            for query, (outcome, _), first in zip(queries, ends, firsts, strict=True)
        ])  # fmt: skip
        if not any(trace.stopped for _, trace in ends):
            break
        budget += 1
    gains = np.array(columns)
    means = gains.mean(1)
    worst = int(means.argmin())
    error = gains[worst].std(ddof=1) / np.sqrt(len(queries)) if len(queries) > 1 else 0.0
    return {
        "queries": len(queries),
        "cuts": budget,
        "worst": float(means[worst]),
        "at": worst,
        "error": float(error),
        "end": float(means[-1]),
    }


def plots(result: dict[str, Any], out: Path) -> None:
    """Quality against calls as SVG: where the methods end, and how they get there."""
    rows = result["rows"]
    ends = {label: [(row["calls"], row["ndcg"]["realistic"]["mean"])] for label, row in rows.items()}
    name = result["collection"]
    y = f"nDCG@10, {name}, realistic oracle"
    out.joinpath(f"rerank_schedules_{name}.svg").write_text(log_x(ends, x="calls a query", y=y))
    lines = {label: result["curve"][label] for label in CURVES if label in result["curve"]}
    out.joinpath(f"rerank_budget_{name}.svg").write_text(log_x(lines, x="calls a query, then cut", y=y))


if __name__ == "__main__":
    main()
