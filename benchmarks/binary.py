"""Codes of a few dozen bytes a passage side by side: quality on real collections, and latency over a million vectors.

    python -m benchmarks.binary quality --embeddings DIR --work WORK
    python -m benchmarks.binary prepare --embeddings DIR --work WORK     # a million vectors, every index over them
    python -m benchmarks.binary latency --embeddings DIR --work WORK
    python -m benchmarks.binary table --embeddings DIR --work WORK --out docs/binary

DIR holds a folder for each collection with corpus.npy, queries.npy (float32, normalised), corpus.ids.json and
queries.ids.json. Quality is nDCG@10 in percent of that of the float vectors, and the share of the float vectors' first
100 passages that is among the codes' first 100, as a mean over the collections. The million vectors are modelled on
the real ones: a passage is moved by a random share towards one of its 16 nearest neighbours, then by .3 of the
difference of two others of them. Queries are real. One thread; every index answers one query at a time, in turn, in one
run.
"""

import argparse
import gzip
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from spaniel.index.dense import binary
from spaniel.index.dense.binary_part import BinaryPart
from spaniel.index.dense.part import PART_KIND, Target, Vectors
from spaniel.index.dense.settings import StoreSettings
from spaniel.index.format import ArrayFile
from spaniel.index.fs import RealFS

from .plot import log_log
from .report import machine, markdown, write
from .vectors import read

Floats = NDArray[np.float32]
Search = Callable[[Floats, int], NDArray[np.int64]]
"""(queries (n, d), k) -> rows int64 (n, k), best first."""

SETS = ("nfcorpus", "scifact", "squad-v1.1-dev", "cosqa")
DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
OURS: dict[str, tuple[int, dict[str, Any]]] = {
    "sign": (48, {"codes": "sign", "factor": False}),
    "centred": (48, {"codes": "centred", "factor": False}),
    "random rotation": (48, {"codes": "rotation", "factor": False}),
    "ITQ": (48, {"codes": "itq", "factor": False}),
    "ITQ + factor": (50, {"codes": "itq", "factor": True}),
    "learned": (48, {"codes": "learned", "factor": False}),
    "learned + factor (default)": (50, {"codes": "learned", "factor": True}),
}
FAISS = {
    "faiss RaBitQ": (56, "RaBitQ"),
    "faiss RR,RaBitQ": (56, "RR384,RaBitQ"),
    "faiss RaBitQ fast-scan": (56, "RR384,RaBitQfs"),
    "faiss EDEN": (56, "EDEN1"),
    "faiss PQ96x4 fast-scan": (48, "PQ96x4fs"),
    "faiss OPQ96, PQ96x4 fast-scan": (48, "OPQ96_384,PQ96x4fs"),
    "faiss SQ4": (192, "SQ4"),
    "faiss SQ8": (384, "SQ8"),
}
_TRAIN = 20_000


def open_ours(rows: Floats | None, path: Path, **store: Any) -> BinaryPart:
    """Our part over these vectors, written to `path` unless it is there."""
    settings = StoreSettings(rescore="none", **store)
    if rows is not None:
        path.unlink(missing_ok=True)
        binary.write(Target(RealFS(), path, settings, rows.shape[1]), cast(Vectors, rows), None)
    return binary.open(ArrayFile.open(path, kind=PART_KIND, entry=None), settings)


def ours(part: BinaryPart, n_probe: int | None = None) -> Search:
    return lambda queries, k: np.stack([found.rows for found in part.scan(queries, k, n_probe=n_probe)])


def faiss_index(rows: Floats, factory: str) -> Any:
    """A FAISS index, trained on at most 20,000 rows."""
    import faiss

    index = faiss.index_factory(rows.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    index.train(rows[np.random.default_rng(0).permutation(len(rows))[:_TRAIN]])
    index.add(rows)
    return index


def faiss_search(index: Any) -> Search:
    return lambda queries, k: np.asarray(index.search(queries, k)[1], dtype=np.int64)


def hamming(rows: Floats, binary_index: Any = None, candidates: int = 0) -> tuple[Search, Any]:
    """sign(x) by Hamming distance (FAISS); its first `candidates` then by the float query against the signs: the search
    of BPR (Yamada et al., ACL 2021)."""
    import faiss

    codes = np.packbits(rows >= 0, axis=1, bitorder="little")
    if binary_index is None:
        binary_index = faiss.IndexBinaryFlat(rows.shape[1])
        binary_index.add(codes)

    def search(queries: Floats, k: int) -> NDArray[np.int64]:
        near = binary_index.search(np.packbits(queries >= 0, axis=1, bitorder="little"), max(k, candidates))[1]
        if not candidates:
            return np.asarray(near, dtype=np.int64)
        signs = np.unpackbits(codes[near], axis=2, bitorder="little").astype(np.float32) * 2 - 1
        order = np.argsort(-np.einsum("qd,qcd->qc", queries, signs), axis=1, kind="stable")[:, :k]
        return np.take_along_axis(near, order, axis=1)

    return search, binary_index


def methods(rows: Floats, folder: Path, seed: int) -> Iterator[tuple[str, int, Search]]:
    """Every method over these vectors: name, bytes a passage, search."""
    yield "float32", 4 * rows.shape[1], exact(rows)
    yield "sign, Hamming only", 48, hamming(rows)[0]
    yield "sign, Hamming 1000, then the float query (BPR)", 48, hamming(rows, candidates=1000)[0]
    for name, (size, store) in OURS.items():
        part = open_ours(rows, folder / "dense_x-00000001-0.bin", seed=seed, **store)
        yield name, size, ours(part)
        if name.endswith("(default)"):
            yield "learned + factor, 50 candidates by int8", size, rescored(part, rows, 50)
    for name, (size, factory) in FAISS.items():
        yield name, size, faiss_search(faiss_index(rows, factory))


def exact(rows: Floats) -> Search:
    return lambda queries, k: np.argsort(-(queries @ rows.T), axis=1, kind="stable")[:, :k]


def rescored(part: BinaryPart, rows: Floats, candidates: int) -> Search:
    """The first candidates again by int8 vectors, a scale a passage, as tiers.py keeps them."""
    scale = np.abs(rows).max(axis=1, keepdims=True) / 127
    stored = np.rint(rows / scale).astype(np.float32) * scale

    def search(queries: Floats, k: int) -> NDArray[np.int64]:
        first = np.stack([found.rows for found in part.scan(queries, max(k, candidates))])
        scores = np.einsum("qd,qcd->qc", queries, stored[first[:, :candidates]])
        best = np.take_along_axis(first, np.argsort(-scores, axis=1, kind="stable"), axis=1)
        return np.concatenate([best, first[:, candidates:]], axis=1)[:, :k]

    return search


class Collection:
    """Vectors and judgements of one collection; queries with a relevant passage only, 1,500 at most."""

    def __init__(self, name: str, embeddings: Path) -> None:
        folder = embeddings / name
        self.name, self.rows = name, read(folder)[0]
        place = {doc: i for i, doc in enumerate(json.loads((folder / "corpus.ids.json").read_text()))}
        grades = _grades(DATA / name / "qrels")
        ids = json.loads((folder / "queries.ids.json").read_text())
        kept = [i for i, query in enumerate(ids) if any(g > 0 for g in grades.get(query, {}).values())]
        if len(kept) > 1500:
            kept = sorted(np.random.default_rng(0).choice(kept, 1500, replace=False).tolist())
        self.queries = read(folder)[1][kept]
        self.relevant = [{place[d]: g for d, g in grades[ids[i]].items() if d in place and g > 0} for i in kept]
        self.ideal = [sorted((g for g in grades[ids[i]].values() if g > 0), reverse=True)[:10] for i in kept]

    def ndcg(self, found: NDArray[np.int64]) -> float:
        """Mean nDCG@10, linear gains."""
        discount = 1 / np.log2(np.arange(2, 12))
        total = 0.0
        for rows, relevant, ideal in zip(found, self.relevant, self.ideal, strict=True):
            gains = np.array([relevant.get(int(row), 0) for row in rows[:10]])
            total += float(gains @ discount[: len(gains)]) / float(np.array(ideal) @ discount[: len(ideal)])
        return total / len(found)


def _grades(folder: Path) -> dict[str, dict[str, int]]:
    path = next(p for p in (folder / "test.tsv", folder / "test.tsv.gz") if p.exists())
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    grades: dict[str, dict[str, int]] = {}
    for query, doc, grade in (row for row in rows if row[-1].lstrip("-").isdigit()):
        grades.setdefault(query, {})[doc] = int(grade)
    return grades


def quality(embeddings: Path, work: Path, seeds: int) -> dict[str, Any]:
    """name -> {bytes, ndcg: per collection percent of float, recall: mean share of the float vectors' first 100}."""
    figures: dict[str, Any] = {}
    scratch = work / "quality"
    scratch.mkdir(exist_ok=True)
    for name in SETS:
        collection = Collection(name, embeddings)
        wanted = exact(collection.rows)(collection.queries, 100)
        whole = collection.ndcg(wanted)
        for seed in range(seeds):
            for method, size, search in methods(collection.rows, scratch, seed):
                if seed and not method.startswith(("random", "ITQ", "learned")):
                    continue
                found = search(collection.queries, 100)
                shared = [len(np.intersect1d(a, b)) / 100 for a, b in zip(found, wanted, strict=True)]
                row = figures.setdefault(method, {"bytes": size, "ndcg": {}, "recall": {}})
                row["ndcg"].setdefault(name, []).append(100 * collection.ndcg(found) / whole)
                row["recall"].setdefault(name, []).append(float(np.mean(shared)))
        print(name, "done", flush=True)
    return figures


def million(embeddings: Path, n: int, path: Path) -> None:
    """Write float32 (n, 384), normalised, modelled on the passages of all collections there are."""
    folders = sorted(path.parent for path in embeddings.glob("*/done"))
    pool = np.concatenate([read(folder)[0] for folder in folders])
    rng = np.random.default_rng(0)
    pool = pool[rng.permutation(len(pool))[:20_000]]
    near = np.concatenate(
        [np.argpartition(-(pool[i : i + 1000] @ pool.T), 17, axis=1)[:, :17] for i in range(0, len(pool), 1000)]
    )
    made = open_memmap(path, mode="w+", dtype=np.float32, shape=(n, pool.shape[1]))
    for start in range(0, n, 50_000):
        some = made[start : start + 50_000]
        base = rng.integers(0, len(pool), len(some))
        a, b, c = (pool[near[base, rng.integers(0, 17, len(some))]] for _ in range(3))
        share = rng.random((len(some), 1), dtype=np.float32)
        some[:] = pool[base] + share * (a - pool[base]) + np.float32(0.3) * (b - c)
        some /= np.linalg.norm(some, axis=1, keepdims=True)
    made.flush()


LATENCY = ("sign", "learned", "learned + factor (default)")
LISTS = 1024


def prepare(embeddings: Path, work: Path, n: int) -> None:
    """Vectors and indexes, whatever is not there yet."""
    import faiss

    if not (work / "million.npy").exists():
        million(embeddings, n, work / "million.npy")
    rows = open_memmap(work / "million.npy", mode="r")
    stores = {name: OURS[name][1] for name in LATENCY} | {"IVF": {**OURS[LATENCY[-1]][1], "lists": LISTS}}
    for i, (name, store) in enumerate(stores.items()):
        if not (path := work / f"dense_x-00000001-{i}.bin").exists():
            began = time.perf_counter()
            open_ours(rows, work / "dense_x-00000002-0.bin", **store)
            (work / "dense_x-00000002-0.bin").rename(path)
            print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    for name, (_, factory) in FAISS.items():
        if not (path := work / (factory.replace(",", "_") + ".faiss")).exists():
            began = time.perf_counter()
            faiss.write_index(faiss_index(np.asarray(rows), factory), str(path))
            print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)


def latency(embeddings: Path, work: Path, n_queries: int) -> dict[str, dict[str, float]]:
    """name -> {p50, p99} in ms at k = 100, one query at a time, one thread; with lists, the whole scan's recall."""
    import faiss

    faiss.omp_set_num_threads(1)
    queries = np.concatenate([read(embeddings / name)[1][:50] for name in SETS])
    queries = queries[np.random.default_rng(0).permutation(len(queries))[:n_queries]]
    figures: dict[str, dict[str, float]] = {}

    def measure(name: str, search: Search, limit: int = n_queries) -> None:
        search(queries[:1], 100)
        taken = []
        for query in queries[:limit]:
            began = time.perf_counter()
            search(query[None], 100)
            taken.append(1000 * (time.perf_counter() - began))
        figures[name] = {"p50": float(np.percentile(taken, 50)), "p99": float(np.percentile(taken, 99))}
        print(name, figures[name], flush=True)

    parts = [open_ours(None, work / f"dense_x-00000001-{i}.bin", **OURS[name][1]) for i, name in enumerate(LATENCY)]
    for name, part in zip(LATENCY, parts, strict=True):
        measure(name, ours(part))
    listed = open_ours(None, work / f"dense_x-00000001-{len(LATENCY)}.bin", lists=LISTS, **OURS[LATENCY[-1]][1])
    whole = ours(parts[-1])(queries, 10)
    for n_probe in (16, 32, 64, 128):
        name = f"learned + factor, {n_probe} of {LISTS} lists"
        measure(name, ours(listed, n_probe))
        found = ours(listed, n_probe)(queries, 10)
        figures[name]["recall"] = float(
            np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(found, whole, strict=True)])
        )
        print("  recall@10 of the whole scan", figures[name]["recall"], flush=True)
    rows = open_memmap(work / "million.npy", mode="r")
    _, index = hamming(rows[:0])
    for start in range(0, len(rows), 50_000):
        index.add(np.packbits(rows[start : start + 50_000] >= 0, axis=1, bitorder="little"))
    bits = faiss_search(index)
    for heap in (True, False):
        index.use_heap = heap
        name = f"faiss IndexBinaryFlat, {'heap' if heap else 'counting'}"
        measure(name, lambda q, k: bits(np.packbits(q >= 0, axis=1, bitorder="little"), k))  # type: ignore[arg-type]
    for name, (_, factory) in FAISS.items():
        if (path := work / (factory.replace(",", "_") + ".faiss")).exists():
            slow = factory in ("SQ4", "SQ8", "RaBitQ", "RR384,RaBitQ", "EDEN1")
            measure(name, faiss_search(faiss.read_index(str(path))), 40 if slow else n_queries)
    flat = faiss.IndexFlatIP(rows.shape[1])
    for start in range(0, len(rows), 50_000):
        flat.add(np.ascontiguousarray(rows[start : start + 50_000]))
    measure("faiss IndexFlatIP", faiss_search(flat), 40)
    measure(LATENCY[-1] + ", again at the end", ours(parts[-1]))
    return figures


def table(quality_of: dict[str, Any], latency_of: dict[str, dict[str, float]]) -> str:
    """Markdown of both."""
    head = ["codes", "bytes", *SETS, "nDCG@10, mean %", "R@100 of float", "p50 ms", "p99 ms"]
    lines = []
    for name, row in quality_of.items():
        per_set = [float(np.mean(row["ndcg"][s])) for s in SETS]
        recall = float(np.mean([np.mean(row["recall"][s]) for s in SETS]))
        ms = latency_of.get({"float32": "faiss IndexFlatIP"}.get(name, name), {})
        lines.append(
            [name, str(row["bytes"]), *[f"{v:.1f}" for v in per_set], f"{np.mean(per_set):.1f}", f"{recall:.3f}"]
            + [f"{ms[q]:.2f}" if ms else "" for q in ("p50", "p99")]
        )
    others = [
        [name, f"{ms['p50']:.2f}", f"{ms['p99']:.2f}", f"{ms['recall']:.3f}" if "recall" in ms else ""]
        for name, ms in latency_of.items()
    ]
    timings = markdown(["one query, k = 100", "p50 ms", "p99 ms", "recall@10 of the whole scan"], others)
    return markdown(head, lines) + "\n" + timings


def plot(quality_of: dict[str, Any], latency_of: dict[str, dict[str, float]]) -> str:
    """SVG: loss of nDCG@10 in percent against latency, a line (a point) a method of 48 to 56 bytes."""
    points = {}
    for name, row in quality_of.items():
        if name in latency_of and row["bytes"] <= 56:
            loss = 100 - float(np.mean([np.mean(row["ndcg"][s]) for s in SETS]))
            points[f"{name}, {row['bytes']} bytes"] = [(latency_of[name]["p50"], max(loss, 0.1))]
    return log_log(points, x="p50 of one query over a million vectors, ms", y="nDCG@10 lost, percent of float")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["quality", "prepare", "latency", "table"])
    parser.add_argument("--embeddings", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--out", type=Path, help="stem of the plot (.svg); the table goes to WORK")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.stage == "prepare":
        prepare(args.embeddings, args.work, args.n)
    elif args.stage in ("quality", "latency"):
        both = quality(args.embeddings, args.work, args.seeds) if args.stage == "quality" else None
        figures = both if both is not None else latency(args.embeddings, args.work, args.queries)
        (args.work / f"{args.stage}.json").write_text(json.dumps({"machine": machine(), "figures": figures}, indent=1))
    else:
        parsed = {name: json.loads((args.work / f"{name}.json").read_text()) for name in ("quality", "latency")}
        text = table(parsed["quality"]["figures"], parsed["latency"]["figures"])
        print(text)
        if args.out:
            write(args.work / "binary", {"machine": parsed["latency"]["machine"], **parsed}, text)
            args.out.with_suffix(".svg").write_text(plot(parsed["quality"]["figures"], parsed["latency"]["figures"]))


if __name__ == "__main__":
    main()
