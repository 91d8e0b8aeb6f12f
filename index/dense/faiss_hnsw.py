"""`hnsw`: a graph over 8-bit codes (Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search
using hierarchical navigable small world graphs", 2016), 32 links a passage, linked one by one so that two builds give
the same. The graph is FAISS's own bytes; every link is checked after they were read.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .faiss_calls import faiss, parsed, ranked, serialized
from .faiss_fitted import AT_ONCE, Arrays, Effort, Fitted, Searcher, check, check_range, fit_range, pieces, selection
from .part import Found
from .settings import StoreSettings

__all__ = ["Hnsw", "HnswSearcher"]

LINKS = 32
EF_BUILD = 40
EF_SEARCH = 128


class Hnsw(Fitted):
    kind, code = "hnsw", b"IxSQ"

    @classmethod
    def fit(cls, sample: NDArray[np.float32], n_passages: int, store: StoreSettings) -> Self:
        d = sample.shape[1]
        index = faiss().IndexScalarQuantizer(d, faiss().ScalarQuantizer.QT_8bit, faiss().METRIC_INNER_PRODUCT)
        fit_range(index, sample)
        return cls(index, d)

    @classmethod
    def read(cls, arrays: Arrays, dimension: int, path: Path) -> Self:
        index = parsed(arrays["fitted"], path, code=cls.code, dimension=dimension, n_passages=0)
        check_range(index.sq, dimension, path)
        return cls(index, dimension)

    def built(self, codes: Iterable[NDArray[np.uint8]]) -> dict[str, NDArray[Any]]:
        """The graph, linked row by row: two builds give the same."""
        kind, metric = faiss().ScalarQuantizer.QT_8bit, faiss().METRIC_INNER_PRODUCT
        graph = faiss().IndexHNSWSQ(self.dimension, kind, LINKS, metric)
        faiss().downcast_index(graph.storage).sq = self.index.sq
        graph.storage.is_trained = graph.is_trained = True
        graph.hnsw.efConstruction = EF_BUILD
        for some in codes:
            graph.add(self.index.sa_decode(some))
        return {"graph": serialized(graph, faiss().IO_FLAG_SKIP_STORAGE)}

    def searcher(self, codes: NDArray[np.uint8], arrays: Arrays, path: Path) -> Searcher:
        n = len(codes)
        flag = faiss().IO_FLAG_SKIP_STORAGE
        graph = parsed(arrays["graph"], path, code=b"IHNs", dimension=self.dimension, n_passages=n, flags=flag)
        _check_graph(graph.hnsw, n, path)
        storage = self._clone()
        for some in pieces(codes):
            storage.add_sa_codes(some)
        graph.storage, graph.own_fields = storage, False
        return HnswSearcher(graph, storage, n)


def _check_graph(hnsw: Any, n: int, path: Path) -> None:
    """Every link leads to a passage of its level, every passage's links lie inside the array."""
    links, starts, levels, reach = (
        faiss().vector_to_array(getattr(hnsw, name))
        for name in ("neighbors", "offsets", "levels", "cum_nneighbor_per_level")
    )
    check(len(levels) == n and len(starts) == n + 1 and starts[0] == 0, path, "graph's sizes")
    check(len(reach) > 1 and reach[0] == 0 and bool((np.diff(reach) >= 0).all()), path, "graph's links a level")
    check(n == 0 or bool(levels.min() >= 1 and levels.max() < len(reach)), path, "graph's levels")
    check(bool((np.diff(starts) == reach[levels]).all()) and starts[-1] == len(links), path, "graph's offsets")
    entry, top = hnsw.entry_point, hnsw.max_level
    check(entry == -1 if n == 0 else 0 <= entry < n and top == levels[entry] - 1 == levels.max() - 1, path, "entry")
    for first in range(0, n, AT_ONCE):
        some = slice(first, min(first + AT_ONCE, n))
        here = links[starts[some.start] : starts[some.stop]]
        check(not len(here) or bool(here.min() >= -1 and here.max() < n), path, "graph's links")
        # A link on a level leads to a passage of that level: else links would be read outside those it has.
        sizes = reach[levels[some]]
        place = np.arange(len(here)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        level = np.searchsorted(reach, place, side="right") - 1
        there = here >= 0
        check(bool((levels[here[there]] > level[there]).all()), path, "graph's links between levels")


class HnswSearcher(Searcher):
    exact_below = 10_000  # a graph is walked until enough of what it meets is allowed

    def __init__(self, graph: Any, storage: Any, n: int) -> None:
        self._graph, self._storage, self._n = graph, storage, n  # the graph does not own its storage

    def rounds(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None, effort: Effort
    ) -> Iterator[Found]:
        selector, _bits = selection(allowed)
        ef = effort or EF_SEARCH
        while ef < self._n:
            given = faiss().SearchParametersHNSW(efSearch=ef, sel=selector)
            scores, rows = self._graph.search(query[None], ef, params=given)
            yield ranked(scores[0], rows[0])
            ef *= 2
