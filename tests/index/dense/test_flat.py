"""Flat stores against the plainest search there is, with ties, filters, batches, and values at the edges of float32."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spaniel.index.dense import flat
from spaniel.index.dense.part import Found, Target
from spaniel.index.dense.settings import StoreKind, StoreSettings
from spaniel.index.format import ArrayFile
from spaniel.index.fs import RealFS
from spaniel.retrieval.errors import IndexCorrupt

KINDS = ("float32", "float16", "int8")


def store(folder: Path, kind: str, vectors: NDArray[np.float32], number: int = 0) -> flat.FlatPart:
    target = Target(
        RealFS(),
        folder / f"dense-{kind}-00000001-{number}.bin",
        StoreSettings(cast(StoreKind, kind)),
        vectors.shape[1],
    )
    return opened(target, flat.write(target, vectors, None))


def opened(target: Target, entry: object) -> flat.FlatPart:
    file = ArrayFile.open(target.path, kind="dense", entry=None, verify=True)
    return cast(flat.FlatPart, flat.open(file, target.store))


def plainly(part: flat.FlatPart, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None) -> Found:
    rows = np.arange(part.n_passages) if allowed is None else np.flatnonzero(allowed)
    stored = part.tier.vectors(slice(None)) if part.tier.scale is None else part.tier.unscaled(slice(None))
    sums = np.array([float((stored[row] * query.astype(np.float64)).sum()) for row in rows])
    if part.tier.scale is not None:
        sums = sums * part.tier.scale[rows]
    scores = sums.astype(np.float32)
    order = np.lexsort((rows, -scores))[:k]
    return Found(rows[order], scores[order])


def same(one: Found, other: Found) -> bool:
    return np.array_equal(one.rows, other.rows) and np.array_equal(one.scores, other.scores)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_plain_search(tmp_path: Path, kind: str) -> None:
    generator = np.random.default_rng(1)
    vectors = generator.standard_normal((3000, 24)).astype(np.float32)
    vectors[1000:1100] = vectors[7]  # ties
    vectors[2000:2100] = np.nextafter(vectors[7], np.float32(np.inf))  # and what float32 sums cannot tell apart
    part = store(tmp_path, kind, vectors)
    queries = np.concatenate([generator.standard_normal((5, 24)), vectors[7:8]]).astype(np.float32)
    for allowed in (None, generator.random(3000) < 0.4, generator.random(3000) < 0.01, np.zeros(3000, bool)):
        for k in (1, 10, 150, 5000):
            together = part.scan(queries, k, allowed)
            for query, found in zip(queries, together, strict=True):
                assert same(found, plainly(part, query, k, allowed))
                assert same(found, part.scan(query[None], k, allowed)[0])
                assert (part.rescore(query, found.rows) == found.scores).all()


VALUES = st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e-3, 1e-20, -1e-38, 3.0, 1e15])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_the_values(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    n, dimension = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 5))
    rows = st.lists(VALUES, min_size=dimension, max_size=dimension)
    vectors = np.array(data.draw(st.lists(rows, min_size=n, max_size=n)), dtype=np.float32)
    queries = np.array(data.draw(st.lists(rows, min_size=1, max_size=3)), dtype=np.float32)
    for kind in KINDS:
        part = store(tmp_path_factory.mktemp("flat"), kind, vectors)
        for query, found in zip(queries, part.scan(queries, 3), strict=True):
            assert same(found, plainly(part, query, 3, None))


@pytest.mark.parametrize("kind", KINDS)
def test_merged_rows_score_as_before(tmp_path: Path, kind: str) -> None:
    vectors = np.random.default_rng(2).standard_normal((50, 8)).astype(np.float32)
    whole = store(tmp_path, kind, vectors)
    parts = [store(tmp_path, kind, vectors[:30], 1), store(tmp_path, kind, vectors[30:], 2)]
    target = Target(RealFS(), tmp_path / "dense-x-00000002-0.bin", StoreSettings(cast(StoreKind, kind)), 8)
    merged = opened(target, flat.merge(target, [(parts[0], np.arange(30)), (parts[1], np.arange(20))]))
    for query in vectors[::7]:
        assert same(merged.scan(query[None], 9)[0], whole.scan(query[None], 9)[0])


def test_no_rows_and_queries_beyond_float32(tmp_path: Path) -> None:
    part = store(tmp_path, "float32", np.zeros((0, 4), np.float32))
    assert len(part.scan(np.ones((1, 4), np.float32), 5)[0].rows) == 0
    part = store(tmp_path, "int8", np.array([[1e10, 0], [2e10, 0]], np.float32))
    assert part.scan(np.array([[3e38, 0]], np.float32), 2)[0].rows.tolist() == [0, 1]  # both infinite


def test_a_header_that_cannot_be(tmp_path: Path) -> None:
    target = Target(RealFS(), tmp_path / "dense-x-00000001-0.bin", StoreSettings("float32"), 4)
    flat.write(target, np.ones((3, 4), np.float32), None)
    file = ArrayFile.open(target.path, kind="dense", entry=None)
    for longest in (None, "long", -1.0):
        with pytest.raises(IndexCorrupt, match="longest"):
            flat.open(ArrayFile(file.path, file.kind, {**file.meta, "longest": longest}, file.arrays), target.store)


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_rows_whose_sums_overflow_on_the_way_are_kept(tmp_path: Path, kind: str) -> None:
    vectors = np.array([[1e30, -1e30], [1, 2], [-1e30, 1e30], [3, 4]] * 5, np.float32)
    query = np.array([1e30, 1e30], np.float32)
    part = store(tmp_path, kind, vectors)
    with np.errstate(over="ignore", invalid="ignore"):
        for k in (1, 7, 20):
            [found] = part.scan(query[None], k)
            assert len(found.rows) == k
            assert same(found, plainly(part, query, k, None))
