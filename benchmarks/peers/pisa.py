"""PISA through pyterrier_pisa: SIMD-BP128 lists, 8-bit precomputed impacts, three query algorithms over one index."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pyterrier_pisa import PisaIndex, _pisathon

from benchmarks.corpora import Corpus

from .base import Engine, records


class _Pisa(Engine):
    algorithm = ""

    def build(self, corpus: Corpus, folder: Path) -> None:
        index = PisaIndex(os.fspath(folder), text_field="text", stemmer="none", stops="none", threads=1, overwrite=True)
        index.index({"docno": str(i), "text": line} for i, line in enumerate(corpus.lines()))
        # Opening it the first time writes the compressed lists and the block maxima: part of the build.
        self._retriever(folder)

    def build_text(self, source: Path, folder: Path) -> None:
        index = PisaIndex(os.fspath(folder), text_field="text", stemmer="porter2", threads=1, overwrite=True)
        index.index({"docno": name, "text": text} for name, text in records(source))
        index.bm25(k1=self.k1, b=self.b, threads=1, precompute_impact=True)

    def _retriever(self, folder: Path) -> Any:
        index = PisaIndex(os.fspath(folder), text_field="text", stemmer="none", stops="none", threads=1)
        return index.bm25(k1=self.k1, b=self.b, threads=1, precompute_impact=True)

    def open(self, corpus: Corpus, folder: Path) -> None:
        self._context = self._retriever(folder)._ctxt
        kinds = (np.int32, object, np.int32, np.float32)
        self._out = [np.empty(1000, kind) for kind in kinds]  # places, names, ranks, scores

    def query(self, tokens: Sequence[str]) -> Any:
        return dict.fromkeys(tokens, 1.0)

    def search(self, query: Any, k: int) -> Any:
        # The wheel's own transformer wraps this call in data frames, which would cost more than the search.
        qidxs, docnos, ranks, scores = self._out
        return _pisathon.retrieve(
            self._context, self.algorithm, [(0, query)], k=k, threads=1, query_weighted=0, pretokenised=True,
            result_qidxs=qidxs, result_docnos=docnos, result_ranks=ranks, result_scores=scores,
        )  # fmt: skip

    def ids(self, result: Any) -> list[int]:
        return [int(name) for name in self._out[1][:result]]

    def forget(self, result: Any) -> None:
        self._out[1][:result] = None  # the C side does not release what it overwrites


class MaxScore(_Pisa):
    algorithm = "maxscore"


class BlockMaxMaxScore(_Pisa):
    algorithm = "block_max_maxscore"


class BlockMaxWand(_Pisa):
    algorithm = "block_max_wand"


class MaxScoreLearned(_Pisa):
    """Impacts as they are; a query's term is repeated by its weight, which is how PISA takes query weights."""

    algorithm = "maxscore"

    def build(self, corpus: Corpus, folder: Path) -> None:
        vectors = corpus.vectors()
        assert vectors.weights is not None
        names = [str(t) for t in range(int(vectors.terms.max()) + 1)]
        weights, ptr = vectors.weights, vectors.ptr

        def documents() -> Iterator[dict[str, Any]]:
            for i in range(len(vectors)):
                terms = [names[t] for t in vectors.row(i).tolist()]
                yield {"docno": str(i), "toks": dict(zip(terms, weights[ptr[i] : ptr[i + 1]].tolist(), strict=True))}

        index = PisaIndex(os.fspath(folder), text_field="toks", stemmer="none", stops="none", threads=1)
        index.toks_indexer(scale=1.0).index(documents())
        self._retriever(folder)

    def _retriever(self, folder: Path) -> Any:
        index = PisaIndex(os.fspath(folder), text_field="toks", stemmer="none", stops="none", threads=1)
        return index.quantized(threads=1)

    def query(self, tokens: Sequence[str] | dict[str, int]) -> Any:
        assert isinstance(tokens, dict)
        return {term: float(weight) for term, weight in tokens.items()}
