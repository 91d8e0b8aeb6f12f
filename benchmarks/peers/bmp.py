"""BMP, the authors' wheel (Mallia et al., SIGIR 2024), blocks of 32 passages, exact (alpha = beta = 1).

It scores 8-bit impacts and keeps term numbers in 16 bits, so a text corpus is given as quantised BM25 impacts of its
65,535 commonest terms; queries lose their rarer ones, which can only make it faster.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import bmp
import numpy as np

from benchmarks.corpora import Corpus, impacts
from benchmarks.synthetic import Vectors

from .base import Engine

BLOCK = 32


def _build(vectors: Vectors, folder: Path, names: Sequence[str] | None) -> None:
    indexer = bmp.Indexer(os.fspath(folder / "index.bmp"), BLOCK, False)
    assert vectors.weights is not None
    for i in range(len(vectors)):
        terms = vectors.row(i).tolist()
        weights = vectors.weights[vectors.ptr[i] : vectors.ptr[i + 1]].tolist()
        tokens = [names[t] for t in terms] if names else [str(t) for t in terms]
        indexer.add_document(str(i), dict(zip(tokens, weights, strict=True)))
    indexer.finish()


class Bmp(Engine):
    def build(self, corpus: Corpus, folder: Path) -> None:
        vectors, kept = impacts(corpus, k1=self.k1, b=self.b, n_terms=65_535)
        words = corpus.vocabulary()
        (folder / "terms.txt").write_text("\n".join(words[t] for t in np.flatnonzero(kept)))
        _build(vectors, folder, words)

    def open(self, corpus: Corpus, folder: Path) -> None:
        self._searcher = bmp.Searcher(os.fspath(folder / "index.bmp"))
        terms = folder / "terms.txt"
        self._known = set(terms.read_text().split("\n")) if terms.exists() else None

    def query(self, tokens: Sequence[str] | Mapping[str, int]) -> Any:
        known = self._known
        return {t: 1.0 for t in tokens if known is None or t in known}

    def search(self, query: Any, k: int) -> Any:
        # It panics on a query without terms.
        return self._searcher.search(query, k, 1.0, 1.0) if query else ([], [])

    def ids(self, result: Any) -> list[int]:
        return [int(name) for name in result[0]]


class BmpLearned(Bmp):
    def build(self, corpus: Corpus, folder: Path) -> None:
        _build(corpus.vectors(), folder, None)

    def query(self, tokens: Sequence[str] | Mapping[str, int]) -> Any:
        assert isinstance(tokens, Mapping)
        return {term: float(weight) for term, weight in tokens.items()}
