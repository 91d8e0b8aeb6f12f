"""What the engine adds to its searches: one query at a time, each way in turn, on one index with words and vectors.

    python -m benchmarks.engine INDEX COLLECTION [--queries 300] [--rounds 3] [--out FILE.json]

INDEX is an index with vectors, COLLECTION what its queries are taken from. Each query goes, in an order that rotates,
through: BM25 alone and vectors alone (200 passages each, as the hybrid pipeline asks for them, the query's encoding
included), `Engine.search` (both side by side, fused, the ten best with their texts), `Engine.ask` with the embedded
generator, the same by words alone, and the same out of the cache. Milliseconds, median and 99th percentile of the
fastest of the rounds of each query; the first round of all is not counted. The bar: the median of `Engine.search` under
1.5 times that of the slower search alone.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from spaniel.eval.collections import collection
from spaniel.index.dense.hybrid import DEPTH
from spaniel.index.index import Index, open_index
from spaniel.rag.engine.cache import AnswerCache
from spaniel.rag.engine.engine import Engine

from .report import machine, markdown

BAR = 1.5
Ways = dict[str, Callable[[str], object]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index")
    parser.add_argument("collection")
    parser.add_argument("--queries", type=int, default=300, help="drawn with a fixed seed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    texts = list(collection(options.collection).queries.values())
    drawn = np.random.default_rng(0).permutation(len(texts))[: options.queries]
    with open_index(options.index) as index:
        result = measured(index, [texts[place] for place in drawn], options.rounds)
    print(table(result))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1), encoding="utf-8")


def measured(index: Index, queries: list[str], rounds: int) -> dict[str, Any]:
    """Everything about one index, as plain JSON."""
    ways = ways_of(index)
    names = list(ways)
    ms = np.full((rounds + 1, len(queries), len(names)), np.inf)
    for round_ in range(rounds + 1):
        for at, query in enumerate(queries):
            for step in range(len(names)):
                way = (at + step) % len(names)
                start = perf_counter()
                ways[names[way]](query)
                ms[round_, at, way] = (perf_counter() - start) * 1e3
    best = ms[1:].min(axis=0)
    timed = {
        name: {"p50": float(np.median(best[:, way])), "p99": float(np.percentile(best[:, way], 99))}
        for way, name in enumerate(names)
    }
    slower = max(timed["bm25 alone"]["p50"], timed["vectors alone"]["p50"])
    return {
        "machine": machine(),
        "passages": len(index),
        "store": next(iter(index.settings.dense.values())).store.kind,
        "queries": len(queries),
        "rounds": rounds,
        "ms": timed,
        "search against the slower one": timed["Engine.search"]["p50"] / slower,
    }


def ways_of(index: Index) -> Ways:
    """Name -> one query's work."""
    words, vectors = index.bm25(DEPTH), index.dense(None, DEPTH, candidates=2 * DEPTH)
    engine = Engine(index, telemetry=False)
    sparse = Engine(index, index.bm25(DEPTH), telemetry=False)
    kept = Engine(index, cache=AnswerCache(max_entries=100_000), telemetry=False)
    return {
        "bm25 alone": lambda query: words.search([query]),
        "vectors alone": lambda query: vectors.search([query]),
        "Engine.search": lambda query: engine.search(query),
        "Engine.ask": lambda query: engine.ask(query),
        "Engine.ask, words": lambda query: sparse.ask(query),
        "Engine.ask, cached": lambda query: kept.ask(query),
    }


def table(result: dict[str, Any]) -> str:
    """Markdown."""
    slower = max(result["ms"][name]["p50"] for name in ("bm25 alone", "vectors alone"))
    head = ["way", "p50 ms", "p99 ms", "of the slower search"]
    rows = [
        [name, f"{ms['p50']:.2f}", f"{ms['p99']:.2f}", f"{ms['p50'] / slower:.2f}"] for name, ms in result["ms"].items()
    ]
    ratio = result["search against the slower one"]
    kept = f"bar {BAR}: {'reached' if ratio < BAR else 'NOT reached'} ({ratio:.2f})"
    named = f"{result['passages']:,} passages, {result['store']} vectors, {result['queries']} queries"
    return f"{named}, {result['machine']}\n\n{markdown(head, rows)}\n\n{kept}"


if __name__ == "__main__":
    main()
