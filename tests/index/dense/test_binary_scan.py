"""The kernel of the binary store against its definition in NumPy: the same rows, the same scores, the same order."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spaniel.index.dense import binary_reference as reference
from spaniel.index.dense.binary_part import BinaryPart
from spaniel.index.dense.hashing import BLOCK_ROWS, Hash, blocks_of, n_bytes
from spaniel.index.dense.learned import signs
from spaniel.index.dense.part import Found
from spaniel.index.kernels._native import kernel_name, use_kernels
from spaniel.retrieval.errors import InvalidQuery

KERNELS = ("portable", "avx2", "avx512")


def random_part(
    n: int, d: int, *, seed: int = 0, weights: bool = True, factor: bool = False, distinct: int = 0
) -> BinaryPart:
    """A part of random codes; `distinct`: how many different ones, 0 for as many as fall."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (distinct or n, n_bytes(d)), dtype=np.uint8)
    if distinct:
        codes = codes[rng.integers(0, distinct, n)]
    matrix = rng.standard_normal((d, 8 * n_bytes(d))).astype(np.float32) if weights else None
    fitted = Hash(rng.standard_normal(d).astype(np.float32), matrix, np.float32(rng.uniform(0.01, 2)))
    blocks = blocks_of(codes)
    halves = rng.uniform(0, 3, len(blocks) * BLOCK_ROWS).astype(np.float16)
    return BinaryPart(fitted, blocks, halves.view(np.uint16) if factor else None, n, None)


def expected(part: BinaryPart, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None) -> Found:
    factors = None if part.factor is None else part.factors(np.arange(part.n_passages))
    return reference.scan(part.codes, part.blocks, factors, query, k, part.n_passages, allowed)


def assert_same(found: Found, wanted: Found) -> None:
    np.testing.assert_array_equal(found.rows, wanted.rows)
    np.testing.assert_array_equal(found.scores, wanted.scores)
    assert found.rows.dtype == np.int64
    assert found.scores.dtype == np.float32


@pytest.fixture(params=KERNELS)
def kernel(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    before = kernel_name()
    if not use_kernels(request.param):
        pytest.skip(f"this processor has no {request.param}")
    yield request.param
    use_kernels(before)


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 5000])
@pytest.mark.parametrize("d", [1, 8, 31, 384])
@pytest.mark.parametrize("factor", [False, True])
def test_same_as_the_reference_by_every_instruction_set(kernel: str, n: int, d: int, factor: bool) -> None:
    part = random_part(n, d, seed=n + d, factor=factor)
    queries = np.random.default_rng(1).standard_normal((3, d)).astype(np.float32)
    for k in (1, 10, n + 1):
        for found, query in zip(part.scan(queries, k), queries, strict=True):
            assert_same(found, expected(part, query, k))


@settings(max_examples=120)
@given(
    n=st.one_of(st.sampled_from([1, 63, 64, 65, 127, 128, 129]), st.integers(1, 6000)),
    d=st.one_of(st.integers(1, 80), st.sampled_from([384, 768, 1024])),
    k=st.one_of(st.integers(1, 20), st.integers(1, 7000)),
    seed=st.integers(0, 2**31),
    weights=st.booleans(),
    factor=st.booleans(),
    distinct=st.sampled_from([0, 0, 1, 2, 40]),
    share=st.sampled_from([None, 0.0, 0.001, 0.1, 0.9, 1.0]),
    power=st.sampled_from([0, 0, -40, -30, -6, 6, 30]),
    sparse=st.booleans(),
)
def test_same_as_the_reference(
    n: int,
    d: int,
    k: int,
    seed: int,
    weights: bool,
    factor: bool,
    distinct: int,
    share: float | None,
    power: int,
    sparse: bool,
) -> None:
    part = random_part(n, d, seed=seed, weights=weights, factor=factor, distinct=distinct)
    rng = np.random.default_rng(seed + 1)
    queries = rng.standard_normal((2, d)).astype(np.float32) * np.float32(10.0**power)
    if sparse:
        queries *= rng.random((2, d)) < 0.02
    allowed = None if share is None else rng.random(n) < share
    for found, query in zip(part.scan(queries, k, allowed), queries, strict=True):
        assert_same(found, expected(part, query, k, allowed))


def test_no_query_at_all_and_a_query_of_zeros() -> None:
    part = random_part(500, 40)
    assert part.scan(np.zeros((0, 40), np.float32), 3) == []
    found = part.scan(np.zeros((1, 40), np.float32), 7)[0]
    assert found.rows.tolist() == list(range(7)), "where all tie, the first rows come"


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_batch_on_threads_is_its_queries(threads: int) -> None:
    part = random_part(9000, 100, factor=True)
    queries = np.random.default_rng(2).standard_normal((37, 100)).astype(np.float32)
    together = [Found(*one) for one in part._scan.search(queries, 50, 0, None, threads)]
    for found, query in zip(together, queries, strict=True):
        assert_same(found, part.scan(query[None], 50)[0])


def test_a_query_too_large_is_refused() -> None:
    part = random_part(100, 64)
    with pytest.raises(InvalidQuery, match="too large"):
        part.scan(np.full((1, 64), 3e38, np.float32), 3)


def test_scores_beyond_float32_tie() -> None:
    part = random_part(300, 16, weights=False)
    query = np.full(16, 3e38, np.float32)
    assert_same(part.scan(query[None], 10)[0], expected(part, query, 10))


@pytest.mark.parametrize("factor", [False, True])
def test_scores_that_float32_cannot_tell_apart_tie_by_row(factor: bool) -> None:
    part = random_part(4000, 32, weights=False, factor=factor)
    codes = Hash(np.full(32, 1e4, np.float32), None, np.float32(1e-3))
    part = BinaryPart(codes, part.blocks, part.factor, 4000, None)
    query = np.random.default_rng(4).random(32).astype(np.float32)
    found = part.scan(query[None], 50)[0]
    assert len(set(found.scores.tolist())) < 10
    assert_same(found, expected(part, query, 50))


def fast_scan(part: BinaryPart) -> Any:
    """The same codes in FAISS's PQ fast-scan: a codebook of the 16 sign patterns of each 4 dimensions."""
    faiss = pytest.importorskip("faiss")
    d = part.dimension
    index = faiss.IndexPQFastScan(d, d // 4, 4, faiss.METRIC_INNER_PRODUCT)
    patterns = signs(np.arange(16, dtype=np.uint8)[:, None])[:, :4]
    faiss.copy_array_to_vector(np.tile(patterns, (d // 4, 1, 1)).ravel(), index.pq.centroids)
    index.is_trained = True
    index.add(signs(part.codes_of(np.arange(part.n_passages))))
    return index


@pytest.mark.parametrize("d", [128, 384, 768])
@pytest.mark.parametrize("weights", [False, True])
def test_the_top_100_is_that_of_faiss_fast_scan(d: int, weights: bool) -> None:
    """But for its tables, rounded to 8 bits, FAISS's scan over the same codes is another implementation of ours."""
    part = random_part(2_000, d, seed=d, weights=weights)
    queries = np.random.default_rng(5).standard_normal((50, d)).astype(np.float32)
    turned = queries if part.codes.weights is None else queries @ part.codes.weights
    theirs = fast_scan(part).search(turned, 100)[1]
    ours = part.scan(queries, 100)
    assert np.mean([np.intersect1d(one.rows, two).size for one, two in zip(ours, theirs, strict=True)]) >= 99
    for query, spread, one, two in zip(queries, np.linalg.norm(turned, axis=1), ours, theirs, strict=True):
        missing = one.scores[-1] - part.rescore(query, two).min()
        assert missing <= 0.1 * spread * part.codes.scale, "what it finds instead is as good but for that rounding"
