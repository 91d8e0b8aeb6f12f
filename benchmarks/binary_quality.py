"""Quality of the methods of binary_methods.py on judged collections: nDCG@10, and the float vectors' first 100 kept."""

import gzip
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from spaniel.eval.collections import collection
from spaniel.index.dense.embeddings import EmbeddingCache
from spaniel.models.encoders.open import open_encoder
from spaniel.models.text import passage_text

from .binary_methods import INDEXES, METHODS, Search
from .vectors import read

__all__ = ["DATA", "Judged", "encode", "quality"]

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
_ENCODE = 256


class Judged:
    """Vectors and judgements of one collection; queries with a relevant passage only, 1,500 at most."""

    def __init__(self, name: str, embeddings: Path) -> None:
        folder = embeddings / name
        self.name, self.rows = name, np.array(read(folder)[0])
        place = {doc: i for i, doc in enumerate(json.loads((folder / "corpus.ids.json").read_text()))}
        grades = _grades(DATA / name / "qrels")
        ids = json.loads((folder / "queries.ids.json").read_text())
        kept = [i for i, query in enumerate(ids) if any(g > 0 for g in grades.get(query, {}).values())]
        if len(kept) > 1500:
            kept = sorted(np.random.default_rng(0).choice(kept, 1500, replace=False).tolist())
        self.queries = read(folder)[1][kept]
        self.relevant = [{place[d]: g for d, g in grades[ids[i]].items() if d in place and g > 0} for i in kept]
        self.ideal = [sorted((g for g in grades[ids[i]].values() if g > 0), reverse=True)[:10] for i in kept]

    def exact(self, k: int) -> NDArray[np.int64]:
        """The float vectors' best rows: int64 (q, k)."""
        return np.argsort(-(self.queries @ self.rows.T), axis=1, kind="stable")[:, :k]

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


def quality(name: str, embeddings: Path, scratch: Path, seeds: int, known: dict[str, Any]) -> Iterator[str]:
    """Measure what `known` does not hold yet, one index after the other, and say what was done.

    Args:
        scratch: a folder for indexes, emptied after each.
        known: method -> seed -> {"ndcg": percent of the float vectors', "recall": of their first 100}; filled in.
    """
    wanted: dict[tuple[str, int], list[str]] = {}
    for label, method in METHODS.items():
        for seed in range(seeds if method.seeded else 1):
            if str(seed) not in known.get(label, {}):
                wanted.setdefault((method.index, seed), []).append(label)
    if not wanted:
        return
    judged = Judged(name, embeddings)
    best = judged.exact(100)
    whole = judged.ndcg(best)
    for (index, seed), labels in wanted.items():
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        INDEXES[index].build(judged.rows, scratch, seed)
        opened = INDEXES[index].open(scratch, judged.rows)
        for label in labels:
            figures = _figures(METHODS[label].search(opened), judged, best, whole)
            known.setdefault(label, {})[str(seed)] = figures
            yield f"{name}, {label}, seed {seed}: {figures['ndcg']:.1f} %, R@100 {figures['recall']:.3f}"
    shutil.rmtree(scratch, ignore_errors=True)


def _figures(search: Search, judged: Judged, best: NDArray[np.int64], whole: float) -> dict[str, float]:
    found = search(judged.queries, 100)
    shared = [len(np.intersect1d(a, b)) / best.shape[1] for a, b in zip(found, best, strict=True)]
    return {"ndcg": 100 * judged.ndcg(found) / whole, "recall": float(np.mean(shared))}


def encode(name: str, embeddings: Path) -> None:
    """Write the vectors of one collection's passages and judged queries with all-MiniLM-L6-v2, unless they are there.

    A run that is stopped goes on where it was.
    """
    folder = embeddings / name
    if (folder / "done").exists():
        return
    judged = collection(str(DATA / name))
    passages = {doc.id: passage_text(doc.title, doc.text) for doc in judged.documents()}
    with open_encoder("minilm") as encoder:
        for kind, stem, texts in (("passage", "corpus", passages), ("query", "queries", dict(judged.queries))):
            with EmbeddingCache(folder / f"cache-{kind}", encoder.card) as cache:
                every = list(texts.values())
                rows = _rows(every, cache, lambda some, kind=kind: encoder.encode(some, kind=kind), f"{name} {stem}")
                made = open_memmap(
                    folder / f"{stem}.npy", mode="w+", dtype=np.float32, shape=(len(rows), encoder.card.dimension)
                )
                made[:] = cache.vectors()[rows]
                made.flush()
            (folder / f"{stem}.ids.json").write_text(json.dumps(list(texts)))
    (folder / "done").touch()


def _rows(texts: Sequence[str], cache: EmbeddingCache, encoded: Any, title: str) -> NDArray[np.int64]:
    rows = []
    for start in range(0, len(texts), _ENCODE):
        rows.append(cache.rows_of(texts[start : start + _ENCODE], encoded))
        print(f"{title}: {start + len(rows[-1]):,} of {len(texts):,} encoded", flush=True)
    return np.concatenate(rows)
