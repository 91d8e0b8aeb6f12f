"""Seismic (Bruch et al., SIGIR 2024), approximate: its defaults and a cautious query (all terms, heap factor 1)."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from seismic import SeismicDataset, SeismicIndex, get_seismic_string

from benchmarks.corpora import Corpus

from .base import Engine


class Seismic(Engine):
    def build(self, corpus: Corpus, folder: Path) -> None:
        vectors, dataset, kind = corpus.vectors(), SeismicDataset(), get_seismic_string()
        assert vectors.weights is not None
        names = np.array([str(t) for t in range(int(vectors.terms.max()) + 1)], dtype=kind)
        for i in range(len(vectors)):
            weights = vectors.weights[vectors.ptr[i] : vectors.ptr[i + 1]].astype(np.float32)
            dataset.add_document(str(i), names[vectors.row(i)], weights)
        SeismicIndex.build_from_dataset(dataset, num_threads=1).save(os.fspath(folder / "seismic"))

    def open(self, corpus: Corpus, folder: Path) -> None:
        (file,) = folder.glob("seismic*")
        self._index = SeismicIndex.load(os.fspath(file))

    def query(self, tokens: Sequence[str] | dict[str, int]) -> Any:
        assert isinstance(tokens, dict)
        return np.array(list(tokens), dtype=get_seismic_string()), np.array(list(tokens.values()), np.float32)

    def search(self, query: Any, k: int) -> Any:
        terms, weights = query
        return self._index.search("q", terms, weights, k, query_cut=len(terms), heap_factor=1.0)

    def ids(self, result: Any) -> list[int]:
        return [int(name) for _, _, name in result]
