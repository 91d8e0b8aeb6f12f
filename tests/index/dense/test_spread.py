"""Spread and contrast of similarities are those of all pairs, whatever the segments, and sane where there are none."""

from dataclasses import astuple

import numpy as np
import pytest
from contracts.memory_parts import MemoryPart, unit_vectors
from contracts.toy_encoder import ToyEncoder, toy_card

from spaniel.index.dense.retriever import DenseRetriever, DenseSegment
from spaniel.index.dense.spread import Similarities, similarities
from spaniel.retrieval.calibration import SPREADS
from spaniel.retrieval.types import as_queries

VECTORS = unit_vectors(60, 16, 3)


def test_it_is_that_of_all_pairs() -> None:
    pairs = [float(a @ b) for i, a in enumerate(VECTORS) for b in VECTORS[:i]]
    whole = [DenseSegment(MemoryPart(VECTORS))]
    found = similarities(whole)
    assert found.spread == pytest.approx(np.std(pairs), rel=1e-5)
    assert found.contrast == pytest.approx((1 - np.mean(pairs)) / np.std(pairs), rel=1e-5)
    parts = [DenseSegment(MemoryPart(VECTORS[a:b]), a) for a, b in ((0, 7), (7, 7), (7, 60))]
    for sample in (10, 59, 60):
        assert astuple(similarities(parts, sample)) == pytest.approx(astuple(similarities(whole, sample)), rel=1e-9)


def test_the_dead_do_not_count() -> None:
    """Half is deleted, and that half is one cluster: what is left says what it says without it."""
    cluster = (VECTORS[:1] + 0.01 * VECTORS).astype(np.float32)
    live = np.arange(120) >= 60
    parts = [DenseSegment(MemoryPart(np.concatenate([cluster, VECTORS])), live=live)]
    for sample in (10, 60, 500):
        assert similarities(parts, sample) == similarities([DenseSegment(MemoryPart(VECTORS), 60)], sample)
    dead = DenseSegment(MemoryPart(VECTORS), live=np.zeros(60, dtype=bool))
    assert similarities([dead]) == Similarities()


def test_where_there_are_no_pairs() -> None:
    assert similarities([]) == Similarities()
    for vectors in (VECTORS[:0], VECTORS[:1], np.repeat(VECTORS[:1], 5, axis=0), np.zeros((4, 16), np.float32)):
        assert similarities([DenseSegment(MemoryPart(vectors))]) == Similarities()


def test_units_of_a_retriever() -> None:
    segments = [DenseSegment(MemoryPart(unit_vectors(40, 32, 1)))]
    units = DenseRetriever(segments, toy_card(), encoder=ToyEncoder()).units(as_queries(["a", "b"]))
    assert units.tolist() == [SPREADS * similarities(segments).unit] * 2


def test_vectors_that_all_point_one_way_count_less() -> None:
    """A common direction is added that drowns the rest: the spread hardly changes, the contrast falls."""
    rng = np.random.default_rng(5)
    apart = rng.normal(size=(200, 48))
    lengths = rng.normal(2.0, 1.0, size=(200, 1)) * np.linalg.norm(apart, axis=1, keepdims=True)
    alike = apart + lengths * np.eye(48)[0]
    units, spreads = [], []
    for made in (apart, alike):
        vectors = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
        found = similarities([DenseSegment(MemoryPart(vectors))])
        spreads.append(found.spread)
        units.append(found.unit)
        assert found.unit >= found.spread
    assert units[0] == spreads[0]
    assert units[1] > 3 * spreads[1]


def test_a_scale_of_the_vectors_is_one_of_the_unit() -> None:
    one, ten = (similarities([DenseSegment(MemoryPart(scale * VECTORS))]) for scale in (1, 10))
    assert ten.contrast == pytest.approx(one.contrast, rel=1e-5)
    assert ten.unit == pytest.approx(100 * one.unit, rel=1e-5)


def test_vectors_far_apart_have_a_least_unit() -> None:
    """Three quarters of the way from other passages to itself, in six units."""
    found = similarities([DenseSegment(MemoryPart(unit_vectors(200, 384, 2)))])
    assert found.contrast > 15
    assert SPREADS * found.unit == pytest.approx(0.75, abs=0.02)
