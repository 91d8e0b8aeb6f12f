"""Scoring a large run: time and memory of `score_lists` and `score_file` beside pytrec_eval's, equal values asserted.

    python -m benchmarks.eval_speed

10,000 queries with 1,000 results each, five measures. Two starting points: a TREC run file, and string ids and scores
in lists, as they stand in memory when a search has just ended. The clock runs from there to the values of every query:
it holds our look at every id and pytrec_eval's dict of dicts (made the fastest way known: a zip for each query). Every
round starts a fresh process for each side in turn; the table gives the least time, the median ratio of a round (by
processor time in brackets), and peak memory: of the whole process, and what came on top of the qrels (and the lists)
that both need. `trusted` is the lists again, without our look for a document that stands twice, which pytrec_eval does
not take either.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .report import machine, markdown, write

ROOT = Path(__file__).resolve().parents[1]
MEASURES = {"nDCG@10": "ndcg_cut_10", "R@100": "recall_100", "R@1000": "recall_1000", "AP": "map", "RR": "recip_rank"}
SIDES = ("spaniel", "pytrec_eval")
POOL = 1_000_000  # documents of the collection that the run finds something of
JUDGED = 50  # judgements of a query, 10 of them of relevant documents
Lists = tuple[list[str], list[str], list[float]]
Qrels = dict[str, dict[str, int]]


def found(query: int, depth: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Document numbers and strictly falling scores of a query's results."""
    random = np.random.default_rng([1, query])
    documents = random.permutation(np.unique(random.integers(POOL, size=depth + 50)))[:depth]
    # Steps far above float32's, so that nobody has to break a tie.
    return documents, np.round(30.0 - 20.0 * (np.arange(depth) + random.random(depth) / 2) / depth, 5)


def make_qrels(n_queries: int, depth: int) -> Qrels:
    """Half of the judged documents of each query are among its results, relevant ones nearer to the top."""
    qrels = {}
    for query in range(n_queries):
        random = np.random.default_rng([2, query])
        documents, _ = found(query, depth)
        inside = documents[np.unique((random.random(JUDGED // 2) ** 2 * depth).astype(int))].tolist()
        outside = random.integers(POOL, size=JUDGED // 2).tolist()
        grades = random.choice([0, 0, 0, 0, 1, 2], size=JUDGED).tolist()
        qrels[f"q{query}"] = dict(zip([f"doc{n}" for n in (*inside, *outside)], grades, strict=False))
    return qrels


def make_lists(n_queries: int, depth: int) -> Lists:
    """Three lists, one row a result; the same document is the same string."""
    names = [f"doc{n}" for n in range(POOL)]
    queries: list[str] = []
    documents: list[str] = []
    scores: list[float] = []
    for query in range(n_queries):
        ids, values = found(query, depth)
        queries += [f"q{query}"] * depth
        documents += map(names.__getitem__, ids.tolist())
        scores += values.tolist()
    return queries, documents, scores


def write_run(path: Path, n_queries: int, depth: int) -> None:
    """The same results as a TREC run."""
    with path.open("w", encoding="utf-8") as out:
        for query in range(n_queries):
            ids, values = found(query, depth)
            rows = zip(ids.tolist(), values.tolist(), strict=True)
            out.writelines(f"q{query} Q0 doc{id_} {rank} {score} run\n" for rank, (id_, score) in enumerate(rows, 1))


def ours_from_file(path: Path, qrels: Qrels, _depth: int) -> NDArray[np.float64]:
    from spaniel.eval import score_file

    return np.array(list(score_file(path, qrels, list(MEASURES)).values.values()))


def ours_from_lists(lists: Lists, qrels: Qrels, _depth: int) -> NDArray[np.float64]:
    from spaniel.eval import score_lists

    return np.array(list(score_lists(*lists, qrels, list(MEASURES)).values.values()))


def ours_trusted(lists: Lists, qrels: Qrels, _depth: int) -> NDArray[np.float64]:
    from spaniel.eval import score_lists

    return np.array(list(score_lists(*lists, qrels, list(MEASURES), trusted=True).values.values()))


def theirs_from_file(path: Path, qrels: Qrels, _depth: int) -> NDArray[np.float64]:
    import pytrec_eval

    with path.open(encoding="utf-8") as lines:
        return _theirs(pytrec_eval.parse_run(lines), qrels)


def theirs_from_lists(lists: Lists, qrels: Qrels, depth: int) -> NDArray[np.float64]:
    queries, documents, scores = lists
    starts = range(0, len(queries), depth)
    run = {queries[s]: dict(zip(documents[s : s + depth], scores[s : s + depth], strict=True)) for s in starts}
    return _theirs(run, qrels)


def _theirs(run: dict[str, dict[str, float]], qrels: Qrels) -> NDArray[np.float64]:
    """float64 (n_measures, n_queries)."""
    import pytrec_eval

    values = pytrec_eval.RelevanceEvaluator(qrels, set(MEASURES.values())).evaluate(run)
    return np.array([[values[query][name] for query in qrels] for name in MEASURES.values()])


COMPETITORS: dict[tuple[str, str], Callable[[Any, Qrels, int], NDArray[np.float64]]] = {
    ("spaniel", "file"): ours_from_file,
    ("spaniel", "lists"): ours_from_lists,
    ("spaniel", "trusted"): ours_trusted,
    ("pytrec_eval", "file"): theirs_from_file,
    ("pytrec_eval", "lists"): theirs_from_lists,
    ("pytrec_eval", "trusted"): theirs_from_lists,
}


def memory(field: str) -> int:
    """Bytes of this process: "VmRSS" now, "VmHWM" at its peak."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith(field + ":"))


def worker(side: str, start: str, folder: Path, n_queries: int, depth: int) -> dict[str, float]:
    """Prepare what both sides need, then measure one of them; values go to a file of the folder."""
    qrels = make_qrels(n_queries, depth)
    source: Any = folder / "run.trec" if start == "file" else make_lists(n_queries, depth)
    __import__("spaniel.eval.measures" if side == "spaniel" else "pytrec_eval")
    before = memory("VmRSS")
    clock, cpu = time.perf_counter(), time.process_time()
    values = COMPETITORS[side, start](source, qrels, depth)
    seconds, cpu = time.perf_counter() - clock, time.process_time() - cpu
    values.tofile(folder / f"{side}-{start}.values")
    return {"seconds": seconds, "cpu": cpu, "peak": memory("VmHWM"), "added": memory("VmHWM") - before}


def measured(folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, str, dict[str, float]]]:
    """(starting point, side, figures), each from a process of its own, the sides in turn."""
    for start in options.start:
        for _ in range(options.rounds):
            for side in SIDES:
                command = [sys.executable, "-m", "benchmarks.eval_speed", "--worker", side, "--folder", str(folder)]
                command += ["--start", start, "--queries", str(options.queries), "--depth", str(options.depth)]
                done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
                yield start, side, json.loads(done.stdout)


def assert_equal(folder: Path, start: str, n_queries: int) -> float:
    """The largest difference between the two sides' values; an error above 1e-9."""
    ours, theirs = (np.fromfile(folder / f"{side}-{start}.values") for side in SIDES)
    if ours.shape != theirs.shape or len(ours) != n_queries * len(MEASURES) or not ours.any():
        raise SystemExit(f"{start}: {len(ours)} values of ours, {len(theirs)} of pytrec_eval")
    largest = float(np.abs(ours - theirs).max())
    if not largest <= 1e-9:
        raise SystemExit(f"{start}: values differ by up to {largest}")
    return largest


def table(figures: dict[str, dict[str, list[dict[str, float]]]], differences: dict[str, float]) -> str:
    """One row a starting point and side, ratios beside pytrec_eval."""
    rows = []
    for start, sides in figures.items():
        ours, theirs = (sides[side] for side in SIDES)
        ratios = [_median_ratio(ours, theirs, clock) for clock in ("seconds", "cpu")]
        shares = [max(run[what] for run in ours) / max(run[what] for run in theirs) for what in ("peak", "added")]
        for side, runs in sides.items():
            row = [start, side, *(f"{min(run[clock] for run in runs):.2f}" for clock in ("seconds", "cpu"))]
            row += [f"{max(run[what] for run in runs) / 2**20:,.0f}" for what in ("peak", "added")]
            compared = [f"{ratios[0]:.1f} ({ratios[1]:.1f})", f"{shares[0]:.2f} ({shares[1]:.2f})"]
            row += ["", ""] if side == "spaniel" else compared
            rows.append([*row, f"{differences[start]:.1e}"])
    head = [
        "from",
        "scored by",
        "least s",
        "cpu s",
        "peak MiB",
        "added MiB",
        "times ours (cpu)",
        "our share (of added)",
    ]
    return markdown([*head, "differ by"], rows)


def _median_ratio(ours: list[dict[str, float]], theirs: list[dict[str, float]], clock: str) -> float:
    """Over the rounds, how many times our time theirs is."""
    return statistics.median(t[clock] / o[clock] for o, t in zip(ours, theirs, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--depth", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--start", choices=["file", "lists", "trusted"], action="append")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out")
    parser.add_argument("--worker", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.start = options.start or ["file", "lists", "trusted"]
    if options.worker:
        figures = worker(options.worker, options.start[0], options.folder, options.queries, options.depth)
        print(json.dumps(figures))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "file" in options.start:
            write_run(folder / "run.trec", options.queries, options.depth)
        found_: dict[str, dict[str, list[dict[str, float]]]] = {s: {side: [] for side in SIDES} for s in options.start}
        for start, side, one in measured(folder, options):
            print(f"{start}, {side}: {one['seconds']:.2f} s, peak {one['peak'] / 2**20:,.0f} MiB", file=sys.stderr)
            found_[start][side].append(one)
        differences = {start: assert_equal(folder, start, options.queries) for start in options.start}
    text = f"{options.queries:,} queries x {options.depth:,} results, {', '.join(MEASURES)}\n\n"
    text += table(found_, differences)
    print(text)
    write(options.out / "eval-speed", {"machine": machine(), "figures": found_, "differences": differences}, text)


if __name__ == "__main__":
    main()
