"""bm25s with its Numba backend, one thread; compiled code is warmed up when opened."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bm25s
import Stemmer

from benchmarks.corpora import Corpus

from .base import Engine, records


class Bm25s(Engine):
    def build(self, corpus: Corpus, folder: Path) -> None:
        engine = bm25s.BM25(k1=self.k1, b=self.b, method="lucene", backend="numba")
        engine.index([line.split() for line in corpus.lines()], show_progress=False)
        engine.save(os.fspath(folder), show_progress=False)

    def build_text(self, source: Path, folder: Path) -> None:
        texts = [text for _, text in records(source)]
        tokens = bm25s.tokenize(texts, stopwords="en", stemmer=Stemmer.Stemmer("porter"), show_progress=False)
        engine = bm25s.BM25(k1=self.k1, b=self.b, method="lucene", backend="numba")
        engine.index(tokens, show_progress=False)
        engine.save(os.fspath(folder), corpus=texts, show_progress=False)

    def open(self, corpus: Corpus, folder: Path) -> None:
        self._engine = bm25s.BM25.load(os.fspath(folder))
        self._engine.backend = "numba"
        for query in corpus.queries(20):
            self.search(self.query(query), 10)

    def query(self, tokens: Sequence[str]) -> Any:
        return [list(tokens)]

    def search(self, query: Any, k: int) -> Any:
        return self._engine.retrieve(query, k=k, show_progress=False, n_threads=1)

    def ids(self, result: Any) -> list[int]:
        found: list[int] = result.documents[0][result.scores[0] > 0].tolist()
        return found
