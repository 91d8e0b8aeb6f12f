"""The spread of similarities is that of all pairs, whatever the segments, and something sane where there are none."""

import numpy as np
import pytest
from contracts.memory_parts import MemoryPart, unit_vectors
from contracts.toy_encoder import ToyEncoder, toy_card

from spaniel.index.dense.retriever import DenseRetriever, DenseSegment
from spaniel.index.dense.spread import similarity_spread
from spaniel.retrieval.calibration import SPREADS
from spaniel.retrieval.types import as_queries

VECTORS = unit_vectors(60, 16, 3)


def test_it_is_that_of_all_pairs() -> None:
    pairs = [float(a @ b) for i, a in enumerate(VECTORS) for b in VECTORS[:i]]
    whole = [DenseSegment(MemoryPart(VECTORS))]
    assert similarity_spread(whole) == pytest.approx(np.std(pairs), rel=1e-5)
    parts = [DenseSegment(MemoryPart(VECTORS[a:b]), a) for a, b in ((0, 7), (7, 7), (7, 60))]
    for sample in (10, 59, 60):
        assert similarity_spread(parts, sample) == pytest.approx(similarity_spread(whole, sample), rel=1e-9)


def test_where_there_are_no_pairs() -> None:
    assert similarity_spread([]) == 0.1
    for vectors in (VECTORS[:0], VECTORS[:1], np.repeat(VECTORS[:1], 5, axis=0), np.zeros((4, 16), np.float32)):
        assert similarity_spread([DenseSegment(MemoryPart(vectors))]) == 0.1


def test_units_of_a_retriever() -> None:
    segments = [DenseSegment(MemoryPart(unit_vectors(40, 32, 1)))]
    units = DenseRetriever(segments, toy_card(), encoder=ToyEncoder()).units(as_queries(["a", "b"]))
    assert units.tolist() == [SPREADS * similarity_spread(segments)] * 2
