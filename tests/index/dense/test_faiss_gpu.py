"""Flat parts on a GPU: the proof over an index on the CPU that rounds as a GPU may; a GPU itself where there is one."""

from typing import Any

import numpy as np
import pytest
from contracts.memory_parts import MemoryPart, unit_vectors
from numpy.typing import NDArray

from spaniel.index.dense.faiss_gpu import GpuPart, has_gpu, on_gpu
from spaniel.index.dense.part import Found
from spaniel.retrieval.errors import MissingExtra

faiss = pytest.importorskip("faiss")

N, D = 3000, 16
VECTORS = unit_vectors(N, D, 0, distinct=2500)
QUERIES = unit_vectors(12, D, 1)


class Coarse:
    """Inner products of factors rounded to 10 bits, as tensor cores may make them."""

    def __init__(self, dimension: int) -> None:
        self.held = np.zeros((0, dimension), np.float32)
        self.searches = 0

    def add(self, vectors: NDArray[np.float32]) -> None:
        self.held = np.concatenate([self.held, vectors])

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        self.searches += 1
        scores = rounded(queries) @ rounded(self.held).T
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, rows, axis=1), rows


def rounded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return ((values.view(np.uint32) + np.uint32(1 << 12)) & np.uint32(0xFFFFE000)).view(np.float32)


class Watched(MemoryPart):
    scans = 0

    def scan(self, *given: Any) -> list[Found]:
        self.scans += 1
        return super().scan(*given)


def same(found: list[Found], expected: list[Found]) -> bool:
    return all(
        np.array_equal(a.rows, b.rows) and np.array_equal(a.scores, b.scores)
        for a, b in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("make", [Coarse, faiss.IndexFlatIP])
@pytest.mark.parametrize("k", [1, 10, 500, 1900, N, N + 10])
def test_results_are_those_of_the_part(make: Any, k: int) -> None:
    part = Watched(VECTORS)
    gpu = GpuPart(part, make(D))
    assert same(gpu.scan(QUERIES, k), MemoryPart(VECTORS).scan(QUERIES, k))
    assert k > 500 or part.scans == 0, "the part had not to help"
    for share in (0.0, 0.01, 0.5):
        allowed = np.random.default_rng(1).random(N) < share
        assert same(gpu.scan(QUERIES, k, allowed), MemoryPart(VECTORS).scan(QUERIES, k, allowed))


def test_candidates_that_prove_nothing_are_not_used() -> None:
    """Every passage is as good as every other: no bound can tell the best by row."""
    part = Watched(np.repeat(VECTORS[:1], N, axis=0))
    gpu = GpuPart(part, Coarse(D))
    [found] = gpu.scan(QUERIES[:1], 10)
    assert found.rows.tolist() == list(range(10))
    assert part.scans == 1


def test_nothing_to_search() -> None:
    gpu = GpuPart(MemoryPart(VECTORS[:0]), Coarse(D))
    assert [len(found.rows) for found in gpu.scan(QUERIES, 5)] == [0] * len(QUERIES)
    assert GpuPart(MemoryPart(VECTORS), Coarse(D)).scan(QUERIES[:0], 5) == []


def test_without_a_gpu() -> None:
    if has_gpu():
        pytest.skip("there is one")
    with pytest.raises(MissingExtra, match="faiss-gpu"):
        on_gpu(MemoryPart(VECTORS))


def test_with_a_gpu() -> None:
    if not has_gpu():
        pytest.skip("no GPU that FAISS can use")
    gpu = on_gpu(MemoryPart(VECTORS))
    for k in (1, 100, N):
        assert same(gpu.scan(QUERIES, k), MemoryPart(VECTORS).scan(QUERIES, k))
