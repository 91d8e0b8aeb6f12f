"""What each kind of store costs and finds: build seconds, bytes, opening, latency, recall against the exact top 10.

    spaniel encode passages.jsonl --model minilm --out embeddings/scifact/corpus.npy
    spaniel encode queries.jsonl --kind query --model minilm --out embeddings/scifact/queries.npy
    python -m benchmarks.dense_stores embeddings/scifact embeddings/vaswani --drawn 200000

Every store goes through the retriever of an index (candidates 100, k 10, one thread, queries one at a time); recall is
the share of the float32 top 10 that comes back. Parts are built once and kept, with the CPU seconds that took; stores
are measured in turn. `--drawn N` adds N vectors like those of the first folder (see vectors.py), `--build-only` ends
before measuring.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy and FAISS read them

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.index.dense.kinds import store_module
from spaniel.index.dense.part import PART_KIND, DensePart, Target, Tunable
from spaniel.index.dense.retriever import DenseRetriever, DenseSegment
from spaniel.index.dense.settings import StoreSettings
from spaniel.index.format import ArrayFile
from spaniel.index.fs import RealFS
from spaniel.models.card import ModelCard
from spaniel.retrieval.types import Query

from .report import machine, markdown, write
from .vectors import drawn, read, truth

ROOT = Path(__file__).resolve().parents[1]
STORES = {
    "float32": StoreSettings("float32"),
    "float16": StoreSettings("float16"),
    "int8": StoreSettings("int8"),
    "binary": StoreSettings("binary"),
    "binary, no second tier": StoreSettings("binary", rescore="none"),
    "pq": StoreSettings("pq"),
    "rabitq": StoreSettings("rabitq"),
    "ivf": StoreSettings("ivf"),
    "hnsw": StoreSettings("hnsw"),
}
EFFORTS: dict[str, list[dict[str, int]]] = {
    "hnsw": [{}, {"ef": 256}, {"ef": 512}],
    "ivf": [{"nprobe": 16}, {}],
}
FILTERS = {"1 in 10": 10, "1 in 200": 200}


@dataclass(frozen=True)
class Collection:
    """A set of vectors; `best` are the rows of the exact top 10 of each query."""

    name: str
    corpus: NDArray[np.float32]
    queries: NDArray[np.float32]
    best: NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--drawn", type=int, default=0, metavar="N")
    parser.add_argument("--stores", nargs="+", choices=STORES, default=list(STORES))
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("--cache", type=Path, default=ROOT / "benchmarks" / "out" / "cache")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    text, rows = "", []
    for collection in collections(options.folders, options.drawn, options.queries, options.cache):
        built = {name: build(collection, name, options.cache) for name in options.stores}
        if options.build_only:
            continue
        measured = [
            {"collection": collection.name, "n": len(collection.corpus), **one}
            for name in options.stores
            for one in measure(collection, name, built[name], options.rounds)
        ]
        text += table(collection, measured)
        rows += measured
    print(text)
    if rows:
        write(options.out / "dense_stores", {"machine": machine(), "rows": rows}, text)


def collections(folders: list[Path], n_drawn: int, n_queries: int, cache: Path) -> list[Collection]:
    """The folders' vectors, and those drawn from the first of them."""
    found = []
    for folder in folders:
        corpus, queries = read(folder)
        found.append((folder.name, corpus, queries[:n_queries]))
    if n_drawn:
        name, corpus, queries = found[0]
        more = drawn(corpus, n_drawn, cache / f"{name}-{n_drawn}.npy")
        found.append((f"{name}, drawn to {n_drawn:,}", more, queries))
    return [Collection(name, corpus, queries, truth(corpus, queries, 10)) for name, corpus, queries in found]


def build(collection: Collection, name: str, cache: Path) -> dict[str, Any]:
    """Path, settings and cost of a part that holds the collection; made if it is not there."""
    store, (n, d) = STORES[name], collection.corpus.shape
    words = "-".join(map(str, (collection.name, n, store.kind, store.rescore))).replace(", ", "-").replace(" ", "-")
    folder = cache / words.replace(",", "")
    path, note = folder / "dense_x-00000001-0.bin", folder / "built.json"
    if not note.exists():
        folder.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        start = time.process_time()
        entry = store_module(store.kind).write(Target(RealFS(), path, store, d), collection.corpus, None)
        note.write_text(json.dumps({"cpu_s": time.process_time() - start, "bytes": entry.size_bytes}))
    return {"path": path, "store": store, **json.loads(note.read_text())}


def measure(collection: Collection, name: str, built: dict[str, Any], rounds: int) -> list[dict[str, Any]]:
    """One row for each effort of a store."""
    store_module(built["store"].kind)  # importing FAISS is not opening a part
    searches(collection, DenseSegment(open_part(built)), 1)
    start = time.perf_counter()
    part = open_part(built)
    opened = (time.perf_counter() - start) * 1e3
    rows = []
    for effort in EFFORTS.get(built["store"].kind, [{}]):
        tuned = part.tuned(**effort) if effort and isinstance(part, Tunable) else part
        label = ", ".join([name, *(f"{key} {value}" for key, value in effort.items())])
        rows.append(
            {
                "store": label,
                "build_cpu_s": built["cpu_s"],
                "bytes": built["bytes"] / max(len(collection.corpus), 1),
                "open_ms": opened,
                **searches(collection, DenseSegment(tuned), rounds),
                "filtered": {
                    share: searches(collection, replace(DenseSegment(tuned), live=_some(collection, every)), 1)
                    for share, every in FILTERS.items()
                },
            }
        )
    return rows


def open_part(built: dict[str, Any]) -> DensePart:
    """The part, opened as an index opens it."""
    file = ArrayFile.open(built["path"], kind=PART_KIND, entry=None)
    return store_module(built["store"].kind).open(file, built["store"])


def searches(collection: Collection, segment: DenseSegment, rounds: int) -> dict[str, float]:
    """Recall of the top 10 and milliseconds, each query by itself, the least of some rounds."""
    card = ModelCard("measured", "", "vectors", "", collection.corpus.shape[1])
    retriever = DenseRetriever([segment], card)
    asked = [Query("", "", vector=vector) for vector in collection.queries]
    best = collection.best
    if segment.live is not None:
        kept = np.flatnonzero(segment.live)
        best = kept[truth(np.asarray(collection.corpus[kept]), collection.queries, 10)]
    ms = np.full(len(asked), np.inf)
    recall = np.zeros(len(asked))
    for _ in range(rounds):
        for place, query in enumerate(asked):
            start = time.perf_counter()
            [ranking] = retriever.search([query], k=10)
            ms[place] = min(ms[place], (time.perf_counter() - start) * 1e3)
            recall[place] = len(np.intersect1d(ranking.ids, best[place])) / 10
    return {"recall": float(recall.mean()), "p50": float(np.median(ms)), "p99": float(np.quantile(ms, 0.99))}


def _some(collection: Collection, every: int) -> NDArray[np.bool_]:
    return np.random.default_rng(every).random(len(collection.corpus)) < 1 / every


def table(collection: Collection, rows: list[dict[str, Any]]) -> str:
    """Markdown: a row for each store and effort."""
    n, d = collection.corpus.shape
    head = ["store", "build CPU s", "bytes a passage", "open ms", "recall@10", "ms p50 / p99"]
    head += [f"{share}: recall, ms" for share in FILTERS]
    lines = [
        [
            row["store"],
            f"{row['build_cpu_s']:.1f}",
            f"{row['bytes']:,.0f}",
            f"{row['open_ms']:.1f}",
            f"{row['recall']:.3f}",
            f"{row['p50']:.2f} / {row['p99']:.2f}",
            *(f"{one['recall']:.3f}, {one['p50']:.2f}" for one in row["filtered"].values()),
        ]
        for row in rows
    ]
    asked = f"{len(collection.queries)} queries"
    return f"\n### {collection.name}: {n:,} passages of {d} dimensions, {asked}\n\n" + markdown(head, lines)


if __name__ == "__main__":
    main()
