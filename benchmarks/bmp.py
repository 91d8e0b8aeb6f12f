"""Block-Max Pruning and our schedules over the same index, in turn, in one process and thread.

    python -m benchmarks.bmp --corpus wiki-200k

First what is exact: `windows`, `blocks` and `auto`, and `bmp` by block size, with and without superblocks; extra bytes
are those of the schedule's own index, beside the segment's file. Then what gives something up: alpha and beta (SIGIR
2024), mu, eta and gamma (superblocks), with recall, the share of the exact top k that was found. Every variant runs a
slice of the queries before any runs the next; the latency of a query is its least over the rounds, the Python call
included.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.index.sparse.retriever import Bm25Retriever
from spaniel.retrieval.types import Query, Ranking

from .corpora import Corpus, prepare
from .ours import ORDERS, build_sparse, open_sparse, reordered
from .report import machine, markdown, write

ROOT = Path(__file__).resolve().parents[1]
EXACT: dict[str, dict[str, Any]] = {
    "windows": {"schedule": "windows"},
    "blocks": {"schedule": "blocks"},
    "auto": {},
    **{f"bmp b={b}": {"schedule": "bmp", "block_size": b} for b in (8, 16, 32, 64, 128, 256)},
    **{f"bmp b={b}, superblocks of 64": {"schedule": "bmp", "block_size": b, "superblock": 64} for b in (8, 32)},
}
Variants = Mapping[str, Mapping[str, Any]]


def given_up(block_size: int) -> dict[str, dict[str, Any]]:
    """The grids of the approximations under one block size."""
    base = {"schedule": "bmp", "block_size": block_size}
    grid: dict[str, dict[str, Any]] = {}
    for alpha in (1.0, 0.85, 0.7, 0.55, 0.4):
        for beta in (1.0, 0.75, 0.5):
            grid[f"alpha={alpha}, beta={beta}"] = {**base, "alpha": alpha, "beta": beta}
    for mu, eta in ((0.8, 1.0), (0.6, 1.0), (0.4, 0.8)):
        grid[f"mu={mu}, eta={eta}"] = {**base, "superblock": 16, "mu": mu, "eta": eta}
    for gamma in (10, 50, 250):
        grid[f"gamma={gamma}"] = {**base, "superblock": 16, "gamma": gamma}
    return grid


@dataclass
class Measured:
    """us: float64 (queries,); recall: mean share of the exact top k; extra_bytes: of the schedule's own index."""

    us: NDArray[np.float64]
    recall: float
    extra_bytes: int


def measure(
    retrievers: Mapping[str, Bm25Retriever], queries: Sequence[Query], k: int, *, rounds: int, slice_: int, clock: str
) -> dict[str, Measured]:
    """Every retriever over all queries, by slices; the first of them is exact."""
    now = time.perf_counter_ns if clock == "wall" else time.thread_time_ns
    least = {name: np.full(len(queries), np.inf) for name in retrievers}
    found: dict[str, list[Ranking]] = {name: [Ranking.empty()] * len(queries) for name in retrievers}
    for retriever in retrievers.values():
        retriever.search(queries[:20], k=k)  # derives the block index, warms the caches
    for _ in range(rounds):
        for start in range(0, len(queries), slice_):
            for name, retriever in retrievers.items():
                for i in range(start, min(start + slice_, len(queries))):
                    one = queries[i : i + 1]
                    began = now()
                    [ranking] = retriever.search(one, k=k)
                    least[name][i] = min(least[name][i], (now() - began) / 1e3)
                    found[name][i] = ranking
    exact = next(iter(found.values()))
    return {
        name: Measured(least[name], _recall(found[name], exact), _extra_bytes(retriever))
        for name, retriever in retrievers.items()
    }


def _recall(found: Sequence[Ranking], exact: Sequence[Ranking]) -> float:
    shares = [len(np.intersect1d(f.ids, e.ids)) / len(e) for f, e in zip(found, exact, strict=True) if len(e)]
    return float(np.mean(shares))


def _extra_bytes(retriever: Bm25Retriever) -> int:
    knobs = retriever.knobs.native()
    if knobs["schedule"] != "bmp":
        return 0
    sizes = [
        segment.native.block_index_bytes(knobs["block_docs"], knobs["superblock"]) for segment in retriever.segments
    ]
    return sum(sizes)


def table(results: Mapping[int, Mapping[str, Measured]], *, recall: bool) -> str:
    """Markdown, a row for each variant, columns by k."""
    head = ["schedule"]
    for k in results:
        head += [f"k={k} mean / p99 us", f"times {next(iter(results[k]))}", *([f"recall@{k}"] if recall else [])]
    rows = []
    for name, first in next(iter(results.values())).items():
        row = [name]
        for by_name in results.values():
            us, base = by_name[name].us, next(iter(by_name.values())).us
            row += [f"{us.mean():,.0f} / {np.percentile(us, 99):,.0f}", f"{us.mean() / base.mean():.1f}"]
            row += [f"{by_name[name].recall:.3f}"] if recall else []
        rows.append([*row, f"{first.extra_bytes / 1e6:,.0f}"])
    return markdown([*head, "extra MB"], rows)


def _open(corpus: Corpus, file: Path, variants: Variants) -> dict[str, Bm25Retriever]:
    """One retriever for each variant, all over the same mapped segment, so that block indexes are shared."""
    first = open_sparse(corpus, file)
    return {name: Bm25Retriever(first.segments, first.analyzer, first.settings, **v) for name, v in variants.items()}


def _segment_file(corpus: Corpus, order: str, cache: Path) -> Path:
    file = cache / "indexes" / f"{corpus.name}-bmp" / f"sparse-{ORDERS.index(order) + 1:08d}-0.bin"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        if order == "natural":
            build_sparse(corpus, file)
        else:
            reordered(corpus, _segment_file(corpus, "natural", cache), file, order)
    return file


def _queries(corpus: Corpus, n: int, seed: int) -> list[Query]:
    if corpus.learned:
        every = [Query("", "", weights={t: float(w) for t, w in q.items()}) for q in corpus.weighted_queries()]
    else:
        every = [Query("", " ".join(words)) for words in corpus.queries()]
    picked = np.random.default_rng(seed).permutation(len(every))[:n]
    return [every[i] for i in picked]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append", help="wiki-200k, arxiv-40k, bm25-1M, learned-500k, ...")
    parser.add_argument("--order", action="append", choices=ORDERS, help="of the passages; natural by default")
    parser.add_argument("--queries", type=int, default=500, help="how many, sampled with --seed")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slice", type=int, default=100, help="queries a variant runs before the next one's turn")
    parser.add_argument("--k", type=int, nargs="+", default=[10, 1000])
    parser.add_argument("--grid-block", type=int, default=32, help="block size of the approximations")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: on a busy machine")
    parser.add_argument("--cache", type=Path, default=ROOT / "benchmarks" / "out" / "cache")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out")
    options = parser.parse_args()
    figures: dict[str, Any] = {"machine": machine() | {"clock": options.clock}, "tables": {}}
    print(figures["machine"], file=sys.stderr)
    run = {"rounds": options.rounds, "slice_": options.slice, "clock": options.clock}
    for name in options.corpus or ["wiki-200k"]:
        corpus = prepare(name, options.cache)
        queries = _queries(corpus, options.queries, options.seed)
        for order in options.order or ["natural"]:
            file = _segment_file(corpus, order, options.cache)
            exact = {"windows": EXACT["windows"]}
            for title, variants in (
                ("exact", EXACT),
                (f"b={options.grid_block}", exact | given_up(options.grid_block)),
            ):
                opened = _open(corpus, file, variants)
                results = {k: measure(opened, queries, k, **run) for k in options.k}
                text = table(results, recall=title != "exact")
                if title == "exact":
                    wrong = [n for by in results.values() for n, m in by.items() if m.recall != 1.0]
                    if wrong:
                        raise SystemExit(f"not exact: {wrong}")
                print(f"\n### {name}, {order} order, {title}: {corpus.n:,} passages, {len(queries)} queries\n\n{text}")
                figures["tables"][f"{name} {order} {title}"] = text
    write(options.out / "bmp", figures)


if __name__ == "__main__":
    main()
