"""The sparse part of an index made and opened straight from analysed text, for the benchmarks."""

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
from spaniel.index.sparse.reorder import bisect, forward_index
from spaniel.index.sparse.retriever import Bm25Retriever
from spaniel.index.sparse.scorers import Scorer
from spaniel.index.sparse.segment import SparseSegment
from spaniel.index.sparse.settings import SparseSettings

from .corpora import Corpus

__all__ = ["ORDERS", "build_sparse", "open_sparse", "reordered"]

ORDERS = ("natural", "random", "bisected")
BATCH = 2000
RUN_BYTES = 256 << 20  # a run is taken when the builder holds this much


def analyzer() -> Analyzer:
    """Tokens are given: only the spaces between them are cut."""
    return Analyzer(AnalyzerSpec("whitespace"))


def settings(corpus: Corpus) -> SparseSettings:
    return SparseSettings(scorer=Scorer("impact")) if corpus.learned else SparseSettings()


def build_sparse(corpus: Corpus, file: Path) -> None:
    """Text or vectors to one committed-sized sparse file, one thread."""
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


def reordered(corpus: Corpus, source: Path, file: Path, order: str, *, threads: int = 1) -> None:
    """The same segment with its passages in another order; ordinals, and so all results, stay."""
    segment = _segment(source)
    n = segment.n_passages
    new = np.arange(n, dtype=np.int32)
    if order == "random":
        new = np.random.default_rng(3).permutation(n).astype(np.int32)
    elif order == "bisected":
        arrays = segment.decode()
        ptr, docs = arrays["ptr"].astype(np.int64), arrays["doc"]
        rows, terms = forward_index(ptr, docs, n)
        new = bisect(rows, terms, n_terms=len(ptr) - 1, threads=threads)
    place = np.empty(n, np.uint32)
    place[new] = np.arange(n, dtype=np.uint32)
    ordinals: NDArray[np.uint32] = new.astype(np.uint32)
    write_sparse(RealFS(), file, [segment.run(place)], settings(corpus), n_passages=n, ordinals=ordinals)


def _segment(file: Path) -> SparseSegment:
    return SparseSegment(ArrayFile.open(file, kind="sparse", entry=None), 0)


def open_sparse(corpus: Corpus, file: Path, **options: Any) -> Bm25Retriever:
    """A retriever over one sparse file; options are the retriever's."""
    return Bm25Retriever([_segment(file)], None if corpus.learned else analyzer(), settings(corpus), **options)
