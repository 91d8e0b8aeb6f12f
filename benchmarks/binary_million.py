"""Latency of the methods of binary_methods.py over a million vectors: made, indexed, and searched in turn."""

import resource
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from .binary_methods import INDEXES, LISTS, METHODS, SMALL_ONLY, Floats, Search, listed, ours
from .vectors import read

__all__ = ["DEFAULT", "Latency", "latency", "million", "prepare", "quieter"]

Latency = dict[str, dict[str, float]]
"""name -> p50 and p99 in ms; with lists, also the share of the whole scan's first 10 and 100."""

DEFAULT = "learned + factor (default)"
_N_PROBE = (8, 16, 32, 64, 128)
_SLOW_QUERIES = 40
AT_SCALE = {name: index for name, index in INDEXES.items() if name not in SMALL_ONLY}


def million(embeddings: Path, n: int, path: Path) -> None:
    """Write float32 (n, d), normalised, modelled on the passages of all collections there are."""
    folders = sorted(path.parent for path in embeddings.glob("*/done"))
    pool = np.concatenate([read(folder)[0] for folder in folders])
    rng = np.random.default_rng(0)
    pool = pool[rng.permutation(len(pool))[:20_000]]
    near = np.concatenate(
        [np.argpartition(-(pool[i : i + 1000] @ pool.T), 17, axis=1)[:, :17] for i in range(0, len(pool), 1000)]
    )
    made = open_memmap(path.with_suffix(".part"), mode="w+", dtype=np.float32, shape=(n, pool.shape[1]))
    for start in range(0, n, 50_000):
        some = made[start : start + 50_000]
        base = rng.integers(0, len(pool), len(some))
        a, b, c = (pool[near[base, rng.integers(0, 17, len(some))]] for _ in range(3))
        share = rng.random((len(some), 1), dtype=np.float32)
        some[:] = pool[base] + share * (a - pool[base]) + np.float32(0.3) * (b - c)
        some /= np.linalg.norm(some, axis=1, keepdims=True)
    made.flush()
    path.with_suffix(".part").rename(path)


def prepare(embeddings: Path, work: Path, n: int) -> Iterator[str]:
    """Make vectors and indexes, whatever is not there yet, and say after each what it took.

    Memory: about 1 GB beside the mapped vectors.
    """
    rows_path = work / f"vectors-{n}.npy"
    if not rows_path.exists():
        began = time.perf_counter()
        million(embeddings, n, rows_path)
        yield f"{n:,} vectors: {time.perf_counter() - began:.0f} s"
    rows = open_memmap(rows_path, mode="r")
    for name, index in AT_SCALE.items():
        folder = _folder(work, name, n)
        if folder.exists():
            continue
        began, part = time.perf_counter(), folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        index.build(rows, part, 0)
        part.rename(folder)
        yield f"{name}: {time.perf_counter() - began:.0f} s, {_peak_gb():.1f} GB at most so far"


def latency(queries: Floats, work: Path, n: int, rounds: int) -> list[Latency]:
    """The figures of each round; a round visits all methods in turn whose indexes `prepare` has made.

    One query at a time, one thread, k = 100 where nothing else is said, after 3 queries to warm up.
    """
    import faiss

    faiss.omp_set_num_threads(1)
    rows = open_memmap(work / f"vectors-{n}.npy", mode="r")
    ready = {name: index for name, index in AT_SCALE.items() if _folder(work, name, n).exists()}
    opened = {name: index.open(_folder(work, name, n), rows) for name, index in ready.items()}
    searches: list[tuple[str, Search, int, int]] = [
        (label, method.search(opened[method.index]), 100, _SLOW_QUERIES if method.slow else len(queries))
        for label, method in METHODS.items()
        if method.index in opened
    ]
    mine = ours(opened["learned-factor"])
    searches += [(f"{DEFAULT}, k = {k}", mine, k, len(queries)) for k in (10, 1000)]
    lists = {f"{p} of {LISTS} lists": listed(opened["learned-lists"], p) for p in _N_PROBE}
    searches += [(name, search, 100, len(queries)) for name, search in lists.items()]
    searches.append((f"{DEFAULT}, again at the end", mine, 100, len(queries)))
    print(f"all open, {_peak_gb():.1f} GB", flush=True)
    kept = {name: _kept(search, mine, queries) for name, search in lists.items()}
    measured = []
    for number in range(rounds):
        measured.append({name: _timed(search, queries[:limit], k) for name, search, k, limit in searches})
        for name, shares in kept.items():
            measured[-1][name] |= shares
        print(f"round {number + 1}: default {measured[-1][DEFAULT]}, {_peak_gb():.1f} GB at most", flush=True)
    return measured


def quieter(measured: Sequence[Latency]) -> Latency:
    """The round with the smallest medians over all methods: their geometric mean."""
    return min(measured, key=lambda one: float(np.mean([np.log(each["p50"]) for each in one.values()])))


def _timed(search: Search, queries: Floats, k: int) -> dict[str, float]:
    for query in queries[:3]:
        search(query[None], k)
    taken = []
    for query in queries:
        began = time.perf_counter()
        search(query[None], k)
        taken.append(1000 * (time.perf_counter() - began))
    return {"p50": float(np.percentile(taken, 50)), "p99": float(np.percentile(taken, 99))}


def _kept(search: Search, whole: Search, queries: Floats) -> dict[str, float]:
    """The share of the whole scan's first 10 and 100 that a search of lists finds."""
    found: dict[str, float] = {}
    for k in (10, 100):
        pairs = zip(search(queries, k), whole(queries, k), strict=True)
        found[f"recall@{k}"] = float(np.mean([len(np.intersect1d(a, b)) / k for a, b in pairs]))
    return found


def _folder(work: Path, name: str, n: int) -> Path:
    return work / f"indexes-{n}" / name


def _peak_gb() -> Any:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
