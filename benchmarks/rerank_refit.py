"""The listwise schedules with and without `refit`: the same questions, the order left to Bradley-Terry at the end.

    python -m benchmarks.rerank_refit ../shared/data/scifact ../shared/data/nfcorpus [--queries 100] [--seeds 2]

BM25's first 100 passages of a sample of the judged queries, under every setting of the oracle (`rerank_methods.py`).
Prints for each setting nDCG@10 by the method's own rule, and what the refit changes: the mean over queries of the mean
over seeds, with a 95 % interval of the paired difference.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.report import machine
from benchmarks.rerank_candidates import Candidates, candidates
from benchmarks.rerank_methods import SETTINGS, Method, Setting, played
from benchmarks.rerank_schedules import sampled
from spaniel.eval.statistics import mean_interval

METHODS = (
    Method("setwise heap, 3", "setwise-heap:size=3"),
    Method("setwise heap, 10", "setwise-heap:size=10"),
    Method("TDPart", "tdpart:window=20"),
    Method("TourRank-1", "tourrank:tournaments=1"),
    Method("TourRank-2", "tourrank:tournaments=2"),
    Method("BlitzRank k=20", "blitzrank:size=20"),
    Method("BlitzRank k=10", "blitzrank:size=10"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+")
    parser.add_argument("--queries", type=int, default=100, help="of each collection at most, drawn with a fixed seed")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    print(machine())
    for path in options.collections:
        queries = sampled(candidates(path, cache=options.cache), options.queries)
        name = Path(path).name
        print(f"\n{name}: {len(queries)} queries, {options.seeds} seeds\n")
        print("| method | " + " | ".join(setting.label for setting in SETTINGS) + " |")
        print("|---|" + "---|" * len(SETTINGS))
        for method in METHODS:
            cells = [cell(method, setting, name, queries, options.seeds) for setting in SETTINGS]
            print(f"| {method.label} | " + " | ".join(cells) + " |", flush=True)


def cell(method: Method, setting: Setting, collection: str, queries: list[Candidates], seeds: int) -> str:
    """`own rule, refit - own rule [low, high]`, in points of nDCG@10."""
    refit = replace(method, schedule=f"{method.schedule},refit=true")
    found = np.zeros((len(queries), 2))
    for i, query in enumerate(queries):
        for seed in range(seeds):
            shown = query.shuffled(seed) if setting.shuffled else query
            for j, way in enumerate((method, refit)):
                outcome, _ = played(way, shown, setting.noise, collection, seed=seed)
                found[i, j] += 100 * shown.ndcg(outcome.order) / seeds
    change = mean_interval(found[:, 1] - found[:, 0], seed=0)
    return f"{found[:, 0].mean():.1f} {change.mean:+.1f} [{change.low:+.1f}, {change.high:+.1f}]"


if __name__ == "__main__":
    main()
