"""Every schedule against an oracle that errs as judges do: what it costs, and how well it orders.

    python -m benchmarks.rerank_schedules ../shared/data/scifact ../shared/data/nfcorpus --skip 60 [--out DIR]

BM25's first 100 passages of every judged query (`--queries`: a sample of them) are reranked by every method of
`rerank_methods.py` under every setting of the oracle (`spaniel.rerank.judges.oracle`): without errors, as a strong
judge, as a realistic one, with much noise and a liking for what is shown first, and the same on a shuffled first stage.
For each: calls of the judge, passages read, rounds that follow each other, and nDCG@10, the mean over queries of the
mean over seeds (of the oracle and the schedule), with a 95 % interval over queries. Methods share queries, seeds and
the oracle's opinions; the paired differences to the default JointRank have intervals too.

Settings were chosen on the first 40 to 60 queries of a fixed shuffle (this benchmark's, `rerank_aggregators`,
`rerank_pairs`, `rerank_refit`): `--skip 60` leaves these out. Before that, the first stage's slope and a range of
priors were tried on the collection's first 150 queries with more than 20 candidates: `--skip 60 --after 150` for
scifact and `--after 226` for nfcorpus leave both out. Then

- the budget curve: nDCG@10 when every query is cut after 1, 2, 5, ... calls (of some of the queries, one seed);
- the cut sweep: every schedule cut at *every* call (pairwise ones on 20 passages): the lowest mean on the way,
  against BM25's own;
- the bars: which methods reach the ceiling with an oracle without errors, whether the default JointRank is on the
  Pareto front of depth 1, and how far it is before the paper's PageRank at equal calls.

An interrupted run goes on where it was (rerank_schedules.parts.jsonl), unless the code has changed. Writes
rerank_schedules.json, .md and an .svg of each plot to the folder given. Nothing here depends on the machine's
speed.
"""

import argparse
import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.journal import Job, Journal
from benchmarks.plot import log_x
from benchmarks.report import machine, write
from benchmarks.rerank_candidates import Candidates, candidates
from benchmarks.rerank_methods import METHODS, SETTINGS, Method, Setting, played
from benchmarks.rerank_tables import bars, show
from spaniel.eval.statistics import mean_interval
from spaniel.rerank.schedules.table import SCHEDULES

BUDGETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
CUT_PASSAGES: Mapping[str, int] = {"prefer": 20, "order": 100, "score": 100}
CUT_QUERIES: Mapping[str, int] = {"prefer": 40, "order": 100, "score": 100}
CURVE_QUERIES = 100
CURVES = (
    "quicksort", "heapsort", "Mohajer, one random order", "setwise heap, 10", "window 20/10", "TDPart",
    "TourRank-10", "BlitzRank k=10", "JointRank", "JointRank, PageRank (the paper)", "PRP sliding-10", "pointwise",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+")
    parser.add_argument("--queries", type=int, help="of each collection at most, drawn with a fixed seed")
    parser.add_argument("--skip", type=int, default=0, help="so many of the shuffled queries, before those taken")
    parser.add_argument("--after", type=int, default=0, help="of these, those after the collection's first so many")
    parser.add_argument("--seeds", type=int, default=3, help="of the oracle and the schedules")
    parser.add_argument("--methods", nargs="+", choices=sorted({m.base for m in METHODS}), help="rows of these alone")
    parser.add_argument("--rows", action="store_true", help="whole runs alone: no budget curve, no cuts")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="20 queries, one seed: a minute or two")
    parser.add_argument("--stop-s", type=float, default=math.inf, help="stop then; the same command goes on")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    options = parser.parse_args()
    if options.quick:
        options.queries, options.seeds = 20, 1
    options.out.mkdir(parents=True, exist_ok=True)
    methods = [method for method in METHODS if method.base in (options.methods or SCHEDULES)]
    results = []
    with Journal(options.out / "rerank_schedules.parts.jsonl", options.processes, options.stop_s) as journal:
        for path in options.collections:
            found = candidates(path, cache=options.cache)
            queries = sampled(found, options.queries, skip=options.skip, after=options.after)
            results.append(measured(journal, Path(path).name, queries, methods, options.seeds, rows=options.rows))
            print(show(results[-1]), flush=True)
    write(options.out / "rerank_schedules", {"machine": machine(), "results": results}, "\n".join(map(show, results)))
    for result in results:
        plots(result, options.out)


def sampled(queries: Sequence[Candidates], most: int | None, *, skip: int = 0, after: int = 0) -> list[Candidates]:
    """So many of them (None: all) behind the first `skip` of a shuffle that is always the same; of these, those that
    come `after` so many in the collection, in their order."""
    drawn = np.random.default_rng(5).permutation(len(queries))[skip:][:most]
    return [queries[i] for i in sorted(drawn.tolist()) if i >= after]


def measured(
    journal: Journal,
    collection: str,
    queries: Sequence[Candidates],
    methods: Sequence[Method],
    seeds: int,
    *,
    rows: bool,
) -> dict[str, Any]:
    """Everything about one collection, as plain JSON; rows: without the budget curve and the cuts."""
    whole: dict[str, Job] = {}
    budgets: dict[str, Job] = {}
    sweeps: dict[str, Job] = {}
    name = f"{collection} {len(queries)} {fingerprint(queries)}"
    for method in methods:
        for setting in SETTINGS:
            key = f"{name} {setting.label} {seeds} {method.schedule}"
            whole[key] = (reranked, collection, queries, method, setting, seeds)
        asks = SCHEDULES[method.base].asks
        n = CUT_PASSAGES[asks]
        few = [query.first(n) for query in queries[: CUT_QUERIES[asks]]]
        if method.sweep and not rows:
            sweeps[f"{name} cuts {len(few)} {n} {method.schedule}"] = (cuts, collection, few, method)
        if method.label in CURVES and not rows:
            few = queries[:CURVE_QUERIES]
            budgets[f"{name} curve {len(few)} {method.schedule}"] = (curve, collection, few, method)
    jobs = whole | budgets | sweeps
    done = journal.done(jobs)
    result = {
        "collection": collection,
        "queries": len(queries),
        "passages": float(np.mean([len(query.ids) for query in queries])),
        "seeds": seeds,
        "first_stage": float(np.mean([query.ndcg(range(len(query.ids))) for query in queries])),
        "ceiling": float(ceilings(queries).mean()),
        "rows": {method.label: row_of(done, jobs, method, queries) for method in methods},
        "curve": {jobs[key][3].label: part for key, part in done.items() if jobs[key][0] is curve},
        "cuts": {jobs[key][3].label: part for key, part in done.items() if jobs[key][0] is cuts},
    }
    return result | {"bars": bars(result, methods)}


def fingerprint(queries: Sequence[Candidates]) -> str:
    """Of what is reranked: as many others are another part of the journal."""
    given = [(query.query_id, query.ids, query.grades.tolist()) for query in queries]
    return hashlib.blake2b(repr(given).encode(), digest_size=6).hexdigest()


def row_of(
    done: Mapping[str, Any], jobs: Mapping[str, Job], method: Method, queries: Sequence[Candidates]
) -> dict[str, Any]:
    """A method's costs, and its nDCG@10 under every setting."""
    row: dict[str, Any] = {"schedule": method.schedule, "both_orders": method.both_orders, "ndcg": {}}
    for key, job in jobs.items():
        if job[0] is not reranked or job[3] is not method:
            continue
        values, interval = np.array(done[key]["ndcg"]), mean_interval(done[key]["ndcg"])
        at = {"mean": interval.mean, "low": interval.low, "high": interval.high, "values": values.round(5).tolist()}
        row["ndcg"][job[4].label] = at
        if job[4].label == "exact":
            at["misses"] = int((values < ceilings(queries) - 1e-9).sum())
        if job[4].label == "realistic":
            row |= {name: done[key][name] for name in ("calls", "docs", "depth")}
    return row


def ceilings(queries: Sequence[Candidates]) -> NDArray[np.float64]:
    return np.array([query.ceiling for query in queries])


def reranked(
    collection: str, queries: Sequence[Candidates], method: Method, setting: Setting, seeds: int
) -> dict[str, Any]:
    """nDCG@10 of each query, the mean over seeds; mean calls, passages read and rounds."""
    ndcg, costs = np.zeros(len(queries)), []
    for seed in range(seeds):
        for at, query in enumerate(queries):
            shown = query.shuffled(seed) if setting.shuffled else query
            outcome, trace = played(method, shown, setting.noise, collection, seed=seed)
            ndcg[at] += shown.ndcg(outcome.order) / seeds
            costs.append((trace.calls, trace.docs_read, trace.depth))
    return {"ndcg": ndcg.tolist()} | dict(zip(("calls", "docs", "depth"), np.mean(costs, axis=0).tolist(), strict=True))


def curve(collection: str, queries: Sequence[Candidates], method: Method) -> list[tuple[float, float, float]]:
    """Under the realistic oracle, every query cut after so many calls: (calls, nDCG@10, that of the first stage)."""
    first = float(np.mean([query.ndcg(range(len(query.ids))) for query in queries]))
    points = []
    for budget in BUDGETS:
        ends = [played(method, query, "realistic", collection, seed=0, budget_calls=budget) for query in queries]
        ndcg = [query.ndcg(outcome.order) for query, (outcome, _) in zip(queries, ends, strict=True)]
        points.append((float(budget), float(np.mean(ndcg)), first))
        if not any(trace.stopped for _, trace in ends):
            break
    return points


def cuts(collection: str, queries: Sequence[Candidates], method: Method) -> dict[str, float]:
    """Cut at every call: the lowest mean change of nDCG@10 from the first stage, its standard error, and where."""
    firsts = [query.ndcg(range(len(query.ids))) for query in queries]
    budgets: list[list[float]] = []  # for each budget from 0, the change of each query
    stopped = True
    while stopped:
        budget = len(budgets)
        ends = [played(method, query, "realistic", collection, seed=0, budget_calls=budget) for query in queries]
        stopped = any(trace.stopped for _, trace in ends)
        after = [query.ndcg(outcome.order) for query, (outcome, _) in zip(queries, ends, strict=True)]
        budgets.append([one - two for one, two in zip(after, firsts, strict=True)])
    gains = np.array(budgets)
    means = gains.mean(1)
    worst = int(means.argmin())
    error = gains[worst].std(ddof=1) / np.sqrt(len(queries)) if len(queries) > 1 else 0.0
    passages = max(len(query.ids) for query in queries)
    return {"queries": len(queries), "passages": passages, "cuts": len(budgets) - 1, "worst": float(means[worst]),
            "at": worst, "error": float(error), "end": float(means[-1])}  # fmt: skip


def plots(result: dict[str, Any], out: Path) -> None:
    """Quality against calls as SVG: where the methods end, and how they get there."""
    rows = result["rows"]
    ends = {label: [(row["calls"], row["ndcg"]["realistic"]["mean"])] for label, row in rows.items()}
    name = result["collection"]
    y = f"nDCG@10, {name}, realistic oracle"
    out.joinpath(f"rerank_schedules_{name}.svg").write_text(log_x(ends, x="calls a query", y=y))
    if not result["curve"]:
        return
    lines = {label: [point[:2] for point in result["curve"][label]] for label in CURVES if label in result["curve"]}
    out.joinpath(f"rerank_budget_{name}.svg").write_text(log_x(lines, x="calls a query, then cut", y=y))


if __name__ == "__main__":
    main()
