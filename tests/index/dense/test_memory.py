"""Vectors stream: what is written and merged, and what opening an index takes, does not grow with them."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from contracts.toy_encoder import toy_card

from spaniel.index.dense.embeddings import EmbeddingCache, embed
from spaniel.index.dense.kinds import store_module
from spaniel.index.dense.part import Target
from spaniel.index.dense.settings import StoreSettings
from spaniel.index.format import ArrayFile
from spaniel.index.fs import RealFS
from spaniel.models.encoders.base import Encoded, Encoder

N, DIMENSION = 30_000, 512
VECTORS_BYTES = 4 * N * DIMENSION  # 61 MB


def peak_bytes(step: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Counting(Encoder):
    """The number in a text, over and over."""

    def _encoded(self, texts: list[str], kind: object = None) -> Encoded:
        made = np.empty((len(texts), DIMENSION), np.float32)
        made[:] = np.array([float(text) for text in texts])[:, None] / N
        return Encoded(made)


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_vectors_are_never_all_in_memory(tmp_path: Path, kind: str) -> None:
    encoder = Counting(toy_card(DIMENSION))
    target = Target(RealFS(), tmp_path / "dense-x-00000001-0.bin", StoreSettings(kind), DIMENSION)  # type: ignore[arg-type]
    module = store_module(target.store.kind)

    def write() -> None:
        with EmbeddingCache(tmp_path, encoder.card) as cache:
            vectors = embed(((row, str(row)) for row in range(N)), N, encoder, cache)
        module.write(target, vectors, None)

    assert peak_bytes(write) < VECTORS_BYTES / 3
    entry = None

    def recover() -> None:
        with EmbeddingCache(tmp_path, encoder.card) as cache:
            assert len(cache) == N

    assert peak_bytes(recover) < VECTORS_BYTES / 8
    part = module.open(ArrayFile.open(target.path, kind="dense", entry=entry), target.store)
    other = Target(RealFS(), tmp_path / "dense-x-00000002-0.bin", target.store, DIMENSION)
    assert peak_bytes(lambda: module.merge(other, [(part, np.arange(1, N))])) < VECTORS_BYTES / 3
    opened = peak_bytes(lambda: module.open(ArrayFile.open(other.path, kind="dense", entry=entry), target.store))
    assert opened < 100_000
    query = np.ones((1, DIMENSION), np.float32)
    assert peak_bytes(lambda: part.scan(query, 10)) < VECTORS_BYTES / 3
