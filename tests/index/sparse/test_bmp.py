"""Block-Max Pruning with nothing given up is exact, whatever the blocks; what is given up, passages may be missing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.sparse_corpus import WHITESPACE, corpora, make_segment, same, split, text, zipf_corpus
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaniel.index.kernels import _native
from spaniel.index.sparse.knobs import Knobs
from spaniel.index.sparse.reference import reference_search
from spaniel.index.sparse.retriever import Bm25Retriever
from spaniel.index.sparse.segment import SparseSegment
from spaniel.index.sparse.settings import SparseSettings
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Ranking

BLOCKS = st.sampled_from([(8, None), (8, 2), (16, 0), (9, 3), (32, 64), (256, None)])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corpora(), text, st.integers(1, 80), st.integers(1, 3), BLOCKS, st.data())
def test_random_corpora(
    tmp_path: Path,
    corpus: tuple[SparseSettings, list[tuple[str, ...]]],
    query: str,
    k: int,
    n_segments: int,
    blocks: tuple[int, int | None],
    data: st.DataObject,
) -> None:
    config, passages = corpus
    segments = [
        make_segment(tmp_path / f"sparse-00000001-{i}.bin", [passages[j] for j in cut], config, first=int(cut[0]))
        for i, cut in enumerate(np.array_split(np.arange(len(passages)), n_segments))
        if len(cut)
    ]
    dead = data.draw(st.sets(st.integers(0, len(passages) - 1), max_size=len(passages)))
    for segment in segments:
        local = segment.local_of(np.array(sorted(dead), dtype=np.int64))
        if len(local):
            segment.tombstones = segment.bury(local, [passages[int(o)] for o in segment.ordinals[local]], WHITESPACE)
    passing = data.draw(st.one_of(st.none(), st.sets(st.integers(0, len(passages) - 1))))
    alive = {i: [split(t) for t in texts] for i, texts in enumerate(passages) if i not in dead}
    retriever = Bm25Retriever(
        segments,
        WHITESPACE,
        config,
        schedule="bmp",
        block_size=blocks[0],
        superblock=blocks[1],
        matching=lambda where: np.array(sorted(passing or ()), dtype=np.int64),
    )
    where = None if passing is None else {"any": 1}
    expected = reference_search(alive, split(query), config, k=k, allowed=passing)
    same(retriever.search([query], k=k, where=where)[0], expected)


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> SparseSegment:
    """Terms of every class, several windows, and a last block that is not full."""
    path = tmp_path_factory.mktemp("bmp") / "sparse-00000001-0.bin"
    return make_segment(path, zipf_corpus(40_003, 11), SparseSettings())


QUERIES = ["t1", "t0 t2 t5", "t900 t40 t3", "t2999 t1500", "t7 t8 t9 t10 t11 t600 t1200", "t3 t3 t3 t77", "zzz", ""]


def exhaustive(segment: SparseSegment, queries: list[str], k: int) -> list[Ranking]:
    retriever = Bm25Retriever([segment], WHITESPACE, segment.settings)
    return [Ranking(*found) for found in retriever._engine.search(queries, k, exhaustive=True)]


@pytest.mark.parametrize("kernel", ["avx512", "avx2", "portable"])
@pytest.mark.parametrize(("block_size", "superblock"), [(8, 64), (32, None), (100, 7), (256, 256)])
@pytest.mark.parametrize("k", [1, 10, 1000, 50_000])
def test_equals_the_exhaustive_sum(
    big: SparseSegment, kernel: str, block_size: int, superblock: int | None, k: int
) -> None:
    before = _native.kernel_name()
    if not _native.use_kernels(kernel):
        pytest.skip(f"this processor has no {kernel}")
    try:
        retriever = Bm25Retriever(
            [big], WHITESPACE, big.settings, schedule="bmp", block_size=block_size, superblock=superblock
        )
        for found, expected in zip(retriever.search(QUERIES, k=k), exhaustive(big, QUERIES, k), strict=True):
            same(found, expected)
    finally:
        _native.use_kernels(before)


def test_more_terms_than_two_bytes_count_and_the_last_passage(tmp_path: Path) -> None:
    """Two traps of the method's first implementation: short term numbers, and a last block that was never scored."""
    passages = [(" ".join(f"w{i * 100 + j}" for j in range(100)),) for i in range(701)]
    segment = make_segment(tmp_path / "sparse-00000001-0.bin", passages, SparseSettings())
    assert segment.native.n_terms == 70_100
    retriever = Bm25Retriever([segment], WHITESPACE, segment.settings, schedule="bmp", block_size=8)
    for i in (0, 655, 656, 700):
        assert retriever.search([f"w{i * 100 + 99}"], k=5)[0].ids.tolist() == [i]


def test_ties_at_the_first_threshold_are_kept(tmp_path: Path) -> None:
    """A third trap: all equal to the primed threshold, and still k of them."""
    passages = [("a b c",)] * 400
    segment = make_segment(tmp_path / "sparse-00000001-0.bin", passages, SparseSettings())
    retriever = Bm25Retriever([segment], WHITESPACE, segment.settings, schedule="bmp", block_size=8)
    assert retriever.search(["a c"], k=100)[0].ids.tolist() == list(range(100))


@pytest.mark.parametrize(
    "knobs",
    [{"alpha": 0.6}, {"beta": 0.5}, {"mu": 0.5, "eta": 0.8}, {"gamma": 3}, {"superblock": 8, "gamma": 2, "alpha": 0.8}],
)
def test_approximations_return_true_scores(big: SparseSegment, knobs: dict[str, Any]) -> None:
    retriever = Bm25Retriever([big], WHITESPACE, big.settings, schedule="bmp", block_size=8, **knobs)
    everything = exhaustive(big, QUERIES, 50_000)
    found = retriever.search(QUERIES, k=50)
    for ranking, whole in zip(found, everything, strict=True):
        scores = dict(whole)
        assert [scores[i] for i in ranking.ids.tolist()] == ranking.scores.tolist()
        Ranking.of(ranking.ids, ranking.scores)
    assert any(f.ids.tolist() != e.ids[:50].tolist() for f, e in zip(found, everything, strict=True))


def test_gamma_is_how_many_superblocks_are_visited(big: SparseSegment) -> None:
    for gamma in (1, 2, 5):
        retriever = Bm25Retriever(
            [big], WHITESPACE, big.settings, schedule="bmp", block_size=16, superblock=4, gamma=gamma
        )
        found = retriever.search(["t0 t5 t90"], k=1000)[0]
        assert 0 < len(set((found.ids // 64).tolist())) <= gamma


def test_threads_share_the_block_index(big: SparseSegment) -> None:
    queries = [f"t{i} t{3 * i} t{i % 5}" for i in range(100)]
    knobs: dict[str, Any] = {"schedule": "bmp", "block_size": 24}
    one = Bm25Retriever([big], WHITESPACE, big.settings, threads=1, **knobs)
    four = Bm25Retriever([big], WHITESPACE, big.settings, threads=4, **knobs)
    for a, b in zip(four.search(queries, k=20), one.search(queries, k=20), strict=True):
        same(a, b)
    assert big.native.block_index_bytes(24) > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"schedule": "wand"},
        {"alpha": 0.0},
        {"beta": 1.5},
        {"gamma": -1},
        {"schedule": "bmp", "mu": float("nan")},
        {"schedule": "bmp", "eta": 2.0},
        {"block_size": 7},
        {"schedule": "bmp", "superblock": 1},
        {"schedule": "bmp", "superblock": 0, "mu": 0.5},
        {"schedule": "blocks", "mu": 0.5},
        {"schedule": "windows", "alpha": 0.9},
        {"schedule": "windows", "gamma": 3},
    ],
)
def test_bad_knobs_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as error:
        Knobs(**wrong)
    assert any(name in str(error.value) for name in wrong)


def test_a_knob_that_does_nothing_is_named_with_its_value() -> None:
    with pytest.raises(InvalidInput, match=r"'windows' scores every posting, alpha=0\.5 skips blocks") as error:
        Knobs(schedule="windows", alpha=0.5)
    assert "blocks" in error.value.hint
    assert Knobs(schedule="windows", beta=0.5).beta == 0.5  # which terms to keep is no matter of blocks
    for schedule in ("auto", "blocks", "bmp"):
        assert Knobs(schedule=schedule, alpha=0.5, gamma=2).native()["gamma"] == 2
