"""Ours: exact BM25 (float scores, Lucene's formula) over one segment, through the retriever that pipelines use."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import spaniel
from benchmarks.corpora import Corpus
from benchmarks.ours import build_sparse, open_sparse
from spaniel.retrieval.types import Query

from .base import Engine


class Spaniel(Engine):
    def build(self, corpus: Corpus, folder: Path) -> None:
        build_sparse(corpus, folder / "sparse-00000001-0.bin")

    def build_text(self, source: Path, folder: Path) -> None:
        spaniel.build(source, folder / "index").close()

    def open(self, corpus: Corpus, folder: Path) -> None:
        self._retriever = open_sparse(corpus, folder / "sparse-00000001-0.bin")

    def query(self, tokens: Sequence[str] | Mapping[str, int]) -> Any:
        return [" ".join(tokens)]

    def search(self, query: Any, k: int) -> Any:
        return self._retriever.search(query, k=k)

    def ids(self, result: Any) -> list[int]:
        found: list[int] = result[0].ids.tolist()
        return found


class SpanielLearned(Spaniel):
    def query(self, tokens: Sequence[str] | Mapping[str, int]) -> Any:
        assert isinstance(tokens, Mapping)
        return [Query("q", "", weights={term: float(weight) for term, weight in tokens.items()})]
