"""The sparse part of an index made and opened straight from analysed text, for the benchmarks."""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.index.analysis import Analyzer, AnalyzerSpec
from spaniel.index.format import ArrayFile
from spaniel.index.fs import RealFS
from spaniel.index.sparse.build import Run, SparseBuilder, write_sparse
from spaniel.index.sparse.reorder import bisected
from spaniel.index.sparse.retriever import Bm25Retriever
from spaniel.index.sparse.scorers import Scorer
from spaniel.index.sparse.segment import SparseSegment
from spaniel.index.sparse.settings import SparseSettings
from spaniel.retrieval.types import Query

from .corpora import Corpus

__all__ = ["ORDERS", "asked", "build_sparse", "cached_sparse", "latencies", "open_sparse", "reordered"]

ORDERS = ("natural", "random", "bisected")
BATCH = 2000
RUN_BYTES = 256 << 20  # a run is taken when the builder holds this much


def analyzer() -> Analyzer:
    """Tokens are given: only the spaces between them are cut."""
    return Analyzer(AnalyzerSpec("whitespace"))


def settings(corpus: Corpus) -> SparseSettings:
    return SparseSettings(scorer=Scorer("impact")) if corpus.learned else SparseSettings()


def build_sparse(corpus: Corpus, file: Path) -> None:
    """Text or vectors to one sparse file, one thread."""
    builder = SparseBuilder(None if corpus.learned else analyzer(), settings(corpus))
    runs: list[Run] = []
    base = 0
    documents = _vectors(corpus) if corpus.learned else ((line,) for line in corpus.lines())
    while batch := list(islice(documents, BATCH)):
        (builder.add_weights if corpus.learned else builder.add)(batch)
        if builder.memory_bytes > RUN_BYTES:
            n = builder.n_passages
            runs.append(builder.take_run(base))
            base += n
    runs.append(builder.take_run(base))
    write_sparse(RealFS(), file, runs, settings(corpus), n_passages=corpus.n)


def _vectors(corpus: Corpus) -> Iterator[Any]:
    vectors = corpus.vectors()
    assert vectors.weights is not None
    names = [str(t) for t in range(int(vectors.terms.max()) + 1)]
    for i in range(len(vectors)):
        weights = vectors.weights[vectors.ptr[i] : vectors.ptr[i + 1]].tolist()
        yield dict(zip([names[t] for t in vectors.row(i).tolist()], weights, strict=True))


def reordered(corpus: Corpus, source: Path, file: Path, order: str) -> None:
    """The same segment with its passages in another order; ordinals, and so all results, stay."""
    segment = _segment(source)
    n = segment.n_passages
    new = np.arange(n, dtype=np.int32)
    if order == "random":
        new = np.random.default_rng(3).permutation(n).astype(np.int32)
    elif order == "bisected":
        new = bisected([segment.run(new.astype(np.uint32))], n, memory_bytes=1 << 40)
    place = np.empty(n, np.uint32)
    place[new] = np.arange(n, dtype=np.uint32)
    ordinals: NDArray[np.uint32] = new.astype(np.uint32)
    write_sparse(RealFS(), file, [segment.run(place)], settings(corpus), n_passages=n, ordinals=ordinals)


def _segment(file: Path) -> SparseSegment:
    return SparseSegment(ArrayFile.open(file, kind="sparse", entry=None), 0)


def open_sparse(corpus: Corpus, file: Path, **options: Any) -> Bm25Retriever:
    """A retriever over one sparse file; options are the retriever's."""
    return Bm25Retriever([_segment(file)], None if corpus.learned else analyzer(), settings(corpus), **options)


def latencies(
    retriever: Bm25Retriever, queries: list[Any], k: int, *, rounds: int = 3, clock: str = "wall"
) -> NDArray[np.float64]:
    """Microseconds of each query, float64 (len(queries),), the least of some rounds; the Python call is included."""
    now = time.perf_counter_ns if clock == "wall" else time.thread_time_ns
    best = np.full(len(queries), np.inf)
    search = retriever.search
    for _ in range(rounds):
        for i, query in enumerate(queries):
            start = now()
            search([query], k=k)
            best[i] = min(best[i], (now() - start) / 1000)
    return best


def asked(corpus: Corpus, n: int, seed: int = 7) -> list[Any]:
    """Queries as the retriever takes them, a sample."""
    if corpus.learned:
        every: list[Any] = [
            Query("q", "", weights={t: float(w) for t, w in q.items()}) for q in corpus.weighted_queries()
        ]
    else:
        every = [" ".join(tokens) for tokens in corpus.queries()]
    picked = np.sort(np.random.default_rng(seed).permutation(len(every))[:n])
    return [every[i] for i in picked]


def cached_sparse(corpus: Corpus, cache: Path, order: str = "natural", *, rebuild: bool = False) -> Path:
    """The sparse file of a corpus in one of `ORDERS`, built when it is not there."""
    folder = cache / "ours" / corpus.name
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"sparse-{i:08}-0.bin" for i, name in enumerate(ORDERS, 1)}
    if rebuild:
        for name in {order, "natural"}:
            files[name].unlink(missing_ok=True)
    if not files["natural"].exists():
        build_sparse(corpus, files["natural"])
    if not files[order].exists():
        reordered(corpus, files["natural"], files[order], order)
    return files[order]
