"""What the settings of the oracle come to: how often answers flip, and how far all-pairs gets with them.

    python -m benchmarks.rerank_oracle ../shared/data/scifact ../shared/data/nfcorpus [--queries 50] [--seeds 5]

BM25's first 100 passages of every judged query (`--queries`: the sample that `rerank_schedules.py` draws). For each
setting of `spaniel.rerank.judges.oracle.CALIBRATED`, held for the collection itself or, with `--noise-of`, for another:

- *flips*: the share of a query's pairs that get another answer when they are shown the other way round, the mean over
  the queries with two passages or more;
- *all-pairs*: nDCG@10 of ordering by wins over all pairs in both orders, ties as the first stage has them;
- *of the way*: (all-pairs - BM25) / (ceiling - BM25), of means over queries, with a 95 % interval over queries (the
  ratio's linear expansion).

Each is the mean over seeds of the oracle. Nothing here depends on the machine's speed.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import markdown
from benchmarks.rerank_candidates import Candidates, candidates
from benchmarks.rerank_schedules import sampled
from spaniel.rerank.judges.oracle import CALIBRATED, Noise, OracleView

HEAD = ("collection", "setting", "system, call, position", "flips", "all-pairs", "of the way")


@dataclass(frozen=True, slots=True)
class Measured:
    """An oracle on one collection, by query.

    Attributes:
        flips: float64 (q,), 0 to 1; NaN of a query with one passage.
        ndcg, first, ceiling: float64 (q,), nDCG@10 of all-pairs, of the first stage and of the best order.
    """

    flips: NDArray[np.float64]
    ndcg: NDArray[np.float64]
    first: NDArray[np.float64]
    ceiling: NDArray[np.float64]

    @property
    def way(self) -> float:
        """How much of what lies between the first stage and the ceiling all-pairs makes up."""
        return float((self.ndcg - self.first).sum() / (self.ceiling - self.first).sum())

    @property
    def way_half(self) -> float:
        """Half of the width of its 95 % interval over queries."""
        room = self.ceiling - self.first
        beside = self.ndcg - self.first - self.way * room
        return float(1.96 * beside.std(ddof=1) / np.sqrt(len(room)) / room.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+")
    parser.add_argument("--queries", type=int, help="of each collection at most, drawn with a fixed seed; else all")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--noise-of", choices=CALIBRATED, help="take the settings found on this collection")
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    rows = []
    for path in options.collections:
        name, queries = Path(path).name, candidates(path, cache=options.cache)
        queries = sampled(queries, options.queries or len(queries))
        for setting, noise in CALIBRATED[options.noise_of or name].items():
            found = measured(queries, noise, seeds=range(options.seeds))
            rows.append([f"{name} ({len(queries)} queries)", setting, *cells(noise, found)])
        print(f"{name}: BM25 {found.first.mean():.3f}, ceiling {found.ceiling.mean():.3f}", flush=True)
    print(markdown(HEAD, rows))


def cells(noise: Noise, found: Measured) -> list[str]:
    return [
        ", ".join(f"{value:.3f}" for value in (noise.system, noise.call, noise.position)),
        f"{100 * np.nanmean(found.flips):.1f} %",
        f"{found.ndcg.mean():.3f}",
        f"{100 * found.way:.0f} ± {100 * found.way_half:.0f} %",
    ]


def measured(queries: Sequence[Candidates], noise: Noise, *, seeds: Sequence[int]) -> Measured:
    """The mean over seeds, by query."""
    found = np.array([[all_pairs(query, noise, seed) for query in queries] for seed in seeds]).mean(axis=0)
    first = np.array([query.ndcg(range(len(query.ids))) for query in queries])
    return Measured(found[:, 0], found[:, 1], first, np.array([query.ceiling for query in queries]))


def all_pairs(query: Candidates, noise: Noise, seed: int) -> tuple[float, float]:
    """The share of pairs that flip (NaN without any), and nDCG@10 of all-pairs."""
    n = len(query.ids)
    view = OracleView(query.query_id, query.ids, query.grades, noise, seed)
    one, two = np.triu_indices(n, 1)
    ahead, behind = view.prefer(one, two), view.prefer(two, one)
    wins = np.bincount(one, ahead - behind, n) + np.bincount(two, behind - ahead, n)
    flips = float((ahead + behind != 1).mean()) if n > 1 else float("nan")
    return flips, query.ndcg(np.argsort(-wins, kind="stable").tolist())


if __name__ == "__main__":
    main()
