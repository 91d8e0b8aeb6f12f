"""The kernels give the reference's ids and scores, bit for bit."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from contracts.sparse_corpus import WHITESPACE, corpora, make_segment, same, split, text, zipf_corpus
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaniel.index.format import ArrayFile
from spaniel.index.fs import RealFS
from spaniel.index.kernels import _native
from spaniel.index.sparse.build import DEAD, SparseBuilder, write_sparse
from spaniel.index.sparse.reference import reference_search
from spaniel.index.sparse.retriever import Bm25Retriever
from spaniel.index.sparse.scorers import Scorer
from spaniel.index.sparse.segment import SparseSegment
from spaniel.index.sparse.settings import SparseSettings
from spaniel.retrieval.types import Ranking


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    corpora(), text, st.integers(1, 80), st.integers(1, 3), st.sampled_from(["windows", "blocks", "auto"]), st.data()
)
def test_random_corpora(
    tmp_path: Path,
    corpus: tuple[SparseSettings, list[tuple[str, ...]]],
    query: str,
    k: int,
    n_segments: int,
    schedule: str,
    data: st.DataObject,
) -> None:
    config, passages = corpus
    cuts = np.array_split(np.arange(len(passages)), n_segments)
    segments = [
        make_segment(
            tmp_path / f"sparse-00000001-{i}.bin",
            [passages[j] for j in cut],
            config,
            first=int(cut[0]),
            n_runs=1 + i % 2,
        )
        for i, cut in enumerate(cuts)
        if len(cut)
    ]
    dead = data.draw(st.sets(st.integers(0, len(passages) - 1), max_size=len(passages)))
    for segment in segments:
        gone = np.array(sorted(dead), dtype=np.int64)
        local = segment.local_of(gone)
        if len(local):
            texts = [passages[int(o)] for o in segment.ordinals[local]]
            segment.tombstones = segment.bury(local, texts, WHITESPACE)
    asked = data.draw(st.sampled_from([config.scorer, Scorer("bm25+", k1=1.7, b=0.9), Scorer("lucene", k1=0.4, b=0.1)]))
    used = SparseSettings(config.fields, asked)
    passing = data.draw(st.one_of(st.none(), st.sets(st.integers(0, len(passages) - 1))))
    alive = {i: [split(t) for t in texts] for i, texts in enumerate(passages) if i not in dead}
    expected = reference_search(alive, split(query), used, k=k, allowed=passing)
    retriever = Bm25Retriever(
        segments,
        WHITESPACE,
        used,
        schedule=schedule,
        matching=lambda where: np.array(sorted(passing or ()), dtype=np.int64),
    )
    where = None if passing is None else {"any": 1}
    same(retriever.search([query], k=k, where=where)[0], expected)


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> tuple[SparseSegment, list[tuple[str]]]:
    """Enough passages for several windows, and terms of every class."""
    passages = zipf_corpus(70_000, 7)
    path = tmp_path_factory.mktemp("big") / "sparse-00000001-0.bin"
    segment = make_segment(path, passages, SparseSettings(), n_runs=3)
    return segment, passages


QUERIES = [
    "t1",
    "t0 t2 t5",
    "t900 t40 t3",
    "t2999 t1500",
    "t7 t8 t9 t10 t11 t12 t13 t600 t1200",
    "t3 t3 t3 t77",
    "zzz",
    "",
]


@pytest.mark.parametrize("kernel", ["avx512", "avx2", "portable"])
@pytest.mark.parametrize("schedule", ["windows", "blocks"])
@pytest.mark.parametrize("k", [1, 10, 100, 1000, 80_000])
def test_schedules_equal_the_exhaustive_sum(
    big: tuple[SparseSegment, list[tuple[str]]], kernel: str, schedule: str, k: int
) -> None:
    before = _native.kernel_name()
    if not _native.use_kernels(kernel):
        pytest.skip(f"this processor has no {kernel}")
    try:
        retriever = Bm25Retriever([big[0]], WHITESPACE, big[0].settings, schedule=schedule)
        found = retriever.search(QUERIES, k=k)
        expected = retriever._engine.search(QUERIES, k, exhaustive=True)
        for ranking, (ids, scores) in zip(found, expected, strict=True):
            same(ranking, Ranking(ids, scores))
    finally:
        _native.use_kernels(before)


def test_exhaustive_equals_the_reference(big: tuple[SparseSegment, list[tuple[str]]]) -> None:
    segment, passages = big
    retriever = Bm25Retriever([segment], WHITESPACE, segment.settings)
    terms = {i: [split(t) for t in texts] for i, texts in enumerate(passages)}
    for query in QUERIES[1:5]:
        ids, scores = retriever._engine.search([query], 200, exhaustive=True)[0]
        same(Ranking(ids, scores), reference_search(terms, split(query), segment.settings, k=200))


def test_every_class_of_term_occurs(big: tuple[SparseSegment, list[tuple[str]]]) -> None:
    arrays = big[0].arrays
    sizes = {name: len(arrays[name]) for name in ("rare_doc", "medium_top", "long_top", "dense_top")}
    assert all(sizes.values()), sizes


def test_threads_and_batches_do_not_matter(big: tuple[SparseSegment, list[tuple[str]]]) -> None:
    queries = [f"t{i} t{3 * i} t{i % 5}" for i in range(200)]
    one = Bm25Retriever([big[0]], WHITESPACE, big[0].settings, threads=1)
    four = Bm25Retriever([big[0]], WHITESPACE, big[0].settings, threads=4)
    for a, b in zip(one.search(queries, k=50), four.search(queries, k=50), strict=True):
        same(a, b)
    same(one.search(queries[7:8], k=50)[0], four.search(queries, k=50)[7])


@pytest.mark.parametrize("schedule", ["windows", "blocks", "bmp"])
def test_threads_of_the_caller_share_a_fresh_segment(
    big: tuple[SparseSegment, list[tuple[str]]], schedule: str
) -> None:
    """Terms are checked, and the block index is made, by whoever needs them first: here several threads at once."""
    queries = [f"t{i} t{3 * i} t{i % 5}" for i in range(100)]
    file = ArrayFile.open(big[0].path, kind="sparse", entry=None)
    fresh = SparseSegment(file, big[0].first_ordinal)
    shared = Bm25Retriever([fresh], WHITESPACE, fresh.settings, schedule=schedule, threads=2)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda some: shared.search(some, k=50), [queries[i : i + 10] for i in range(0, 100, 10)]))
    alone = Bm25Retriever([big[0]], WHITESPACE, big[0].settings, schedule=schedule).search(queries, k=50)
    for a, b in zip([ranking for some in found for ranking in some], alone, strict=True):
        same(a, b)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[SparseSegment], Bm25Retriever]:
    """Three segments, the second one reordered, each with dead passages; and what gives the same without reordering."""
    passages, folder, rng = zipf_corpus(76_000, 11), tmp_path_factory.mktemp("parts"), np.random.default_rng(2)
    segments, plain = [], []
    for number, (first, last) in enumerate([(0, 36_000), (36_000, 71_000), (71_000, 76_000)]):
        texts = passages[first:last]
        natural = make_segment(folder / f"sparse-00000001-{number}.bin", texts, SparseSettings(), first=first)
        dead = np.flatnonzero(rng.random(len(texts)) < 0.1)
        order = rng.permutation(len(texts)) if number == 1 else np.arange(len(texts))
        used = reordered(natural, order, folder / f"sparse-00000002-{number}.bin", first) if number == 1 else natural
        place = np.argsort(order)
        natural.tombstones = natural.bury(dead, [texts[i] for i in dead], WHITESPACE)
        if used is not natural:
            local = np.sort(place[dead])
            used.tombstones = used.bury(local, [texts[order[i]] for i in local], WHITESPACE)
        segments.append(used)
        plain.append(natural)
    return segments, Bm25Retriever(plain, WHITESPACE, SparseSettings())


def reordered(segment: SparseSegment, order: np.ndarray, path: Path, first: int) -> SparseSegment:
    """The segment with its passages in this order: local number -> number before."""
    numbers = np.argsort(order).astype(np.uint32)
    ordinals = (order + first).astype(np.uint32)
    entry = write_sparse(
        RealFS(), path, [segment.run(numbers)], segment.settings, n_passages=len(order), ordinals=ordinals
    )
    return SparseSegment(ArrayFile.open(path, kind="sparse", entry=entry, verify=True), first)


@pytest.mark.parametrize("schedule", ["windows", "blocks", "auto"])
@pytest.mark.parametrize("share", [1.0, 0.5, 0.01, 0.0003])
def test_segments_tombstones_and_filters_at_scale(
    parts: tuple[list[SparseSegment], Bm25Retriever], schedule: str, share: float
) -> None:
    """Cut and filtered afterwards, the exhaustive sum over segments in their natural order says what must come out."""
    segments, plain = parts
    allowed = np.flatnonzero(np.random.default_rng(int(share * 10_000)).random(76_000) < share)
    retriever = Bm25Retriever(
        segments, WHITESPACE, SparseSettings(), schedule=schedule, matching=lambda where: allowed.astype(np.int64)
    )
    everything = plain._engine.search(QUERIES, 76_000, exhaustive=True)
    for k in (1, 10, 1000):
        found = retriever.search(QUERIES, k=k, where=None if share == 1.0 else {"any": 1})
        for ranking, (ids, scores) in zip(found, everything, strict=True):
            kept = np.flatnonzero(np.isin(ids, allowed) if share < 1.0 else np.ones(len(ids), dtype=bool))[:k]
            same(ranking, Ranking(ids[kept], scores[kept]))
    living = np.concatenate([segment.ordinals[segment.live_mask()] for segment in segments])
    assert 60_000 < len(living) < 70_000 and all(np.isin(ids, living).all() for ids, _ in everything)
    assert sum(len(ids) for ids, _ in everything) > 76_000


def test_reordering_and_dropping_keep_scores(tmp_path: Path) -> None:
    passages = zipf_corpus(3000, 3, 400)
    config = SparseSettings()
    segment = make_segment(tmp_path / "sparse-00000001-0.bin", passages, config)
    dead = np.arange(0, 3000, 7)
    segment.tombstones = segment.bury(dead, [passages[i] for i in dead], WHITESPACE)
    before = Bm25Retriever([segment], WHITESPACE, config)
    kept = np.setdiff1d(np.arange(3000), dead)
    order = np.random.default_rng(0).permutation(kept)
    map_ = np.full(3000, DEAD, dtype=np.uint32)
    map_[order] = np.arange(len(order), dtype=np.uint32)
    path = tmp_path / "sparse-00000002-0.bin"
    entry = write_sparse(
        RealFS(), path, [segment.run(map_)], config, n_passages=len(order), ordinals=order.astype(np.uint32)
    )
    merged = SparseSegment(ArrayFile.open(path, kind="sparse", entry=entry, verify=True), 0)
    after = Bm25Retriever([merged], WHITESPACE, config)
    for query in ["t1 t5 t30", "t2", "t100 t200 t3"]:
        for k in (1, 10, 5000):
            same(after.search([query], k=k)[0], before.search([query], k=k)[0])
    only = np.array([3, 8, 9, 2999, 7], dtype=np.int64)
    bits, left_out = merged.bitmap(only)
    assert left_out == len(order) - 4  # 7 is dead
    assert int(np.bitwise_count(bits).sum()) == 4


def test_weights_of_learned_sparse_vectors(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    config = SparseSettings({"contents": 1.0}, Scorer("impact"))
    vectors = [
        {f"t{j}": int(rng.integers(1, 256)) for j in rng.choice(300, size=20, replace=False)} for _ in range(2500)
    ]
    builder = SparseBuilder(None, config)
    builder.add_weights(vectors)
    entry = write_sparse(
        RealFS(), tmp_path / "sparse-00000001-0.bin", [builder.take_run()], config, n_passages=len(vectors)
    )
    segment = SparseSegment(ArrayFile.open(tmp_path / "sparse-00000001-0.bin", kind="sparse", entry=entry), 0)
    from spaniel.retrieval.types import Query

    for _ in range(20):
        weights = {f"t{j}": float(rng.random() * 5) for j in rng.choice(320, size=15, replace=False)}
        for schedule in ("windows", "blocks"):
            found = Bm25Retriever([segment], None, config, schedule=schedule).search(
                [Query("", "", weights=weights)], k=30
            )
            scores = [sum(w * v.get(t, 0) for t, w in weights.items()) for v in vectors]
            order = sorted(range(len(scores)), key=lambda i: (-np.float32(scores[i]), i))[:30]
            same(found[0], Ranking.of(order, [np.float32(scores[i]) for i in order]))


def test_high_counts_are_exact(tmp_path: Path) -> None:
    """Counts in the flat of the curve share an impact, and are told apart all the same."""
    passages = [("a " * n + "b " * (n % 7),) for n in (1, 2, 30, 31, 32, 200, 255, 256, 257, 300, 4000)]
    config = SparseSettings()
    segment = make_segment(tmp_path / "sparse-00000001-0.bin", passages, config)
    assert len(segment.arrays["exception_tf"]) > 0
    terms = {i: [split(t) for t in texts] for i, texts in enumerate(passages)}
    for query in ["a", "a b", "b"]:
        found = Bm25Retriever([segment], WHITESPACE, config).search([query], k=20)[0]
        same(found, reference_search(terms, split(query), config, k=20))
