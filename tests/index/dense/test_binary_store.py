"""The binary store's files: written, merged, opened; damage named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spaniel.index.dense import binary
from spaniel.index.dense.binary_part import BinaryPart
from spaniel.index.dense.lists import NO_ROW, Lists
from spaniel.index.dense.part import PART_KIND, Target, common_meta
from spaniel.index.dense.settings import Codes, StoreSettings
from spaniel.index.format import ArrayFile, write_arrays
from spaniel.index.fs import RealFS
from spaniel.retrieval.errors import IndexCorrupt

KINDS: tuple[Codes, ...] = ("sign", "centred", "rotation", "itq", "learned")


def vectors(n: int, d: int, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((n, d)).astype(np.float32) + rng.standard_normal(d).astype(np.float32) / 2
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def stored(path: Path, rows: NDArray[np.float32], store: StoreSettings, like: BinaryPart | None = None) -> BinaryPart:
    target = Target(RealFS(), path, store, rows.shape[1])
    entry = binary.write(target, rows, like)
    return binary.open(ArrayFile.open(path, kind=PART_KIND, entry=entry, verify=True), store)


@pytest.mark.parametrize("codes", KINDS)
@pytest.mark.parametrize("factor", [False, True])
def test_estimates_are_near_the_dot_product(tmp_path: Path, codes: Codes, factor: bool) -> None:
    rows = vectors(1200, 64)
    part = stored(tmp_path / "dense_x-00000001-0.bin", rows, StoreSettings(codes=codes, factor=factor, rescore="none"))
    found = part.scan(rows[:20], 5)
    assert [f.rows[0] for f in found] == list(range(20)), "every passage is its own best match"
    scores = np.stack([part.rescore(q, np.arange(1200)) for q in rows[:20]])
    assert np.abs(scores - rows[:20] @ rows.T).mean() < 0.12


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65])
@pytest.mark.parametrize("d", [1, 7, 8, 33])
def test_any_number_of_rows_and_dimensions(tmp_path: Path, n: int, d: int) -> None:
    rows = np.random.default_rng(n).standard_normal((n, d)).astype(np.float32)
    part = stored(tmp_path / "dense_x-00000001-0.bin", rows, StoreSettings(factor=True))
    found = part.scan(np.ones((2, d), np.float32), 100)
    assert [sorted(f.rows.tolist()) for f in found] == [list(range(n))] * 2
    assert part.vectors(np.arange(n)).shape == (n, d)


def test_a_later_part_takes_over_what_was_fitted(tmp_path: Path) -> None:
    store = StoreSettings(factor=True, rescore="none")
    first = stored(tmp_path / "dense_x-00000001-0.bin", vectors(1100, 40), store)
    second = stored(tmp_path / "dense_x-00000001-1.bin", vectors(30, 40, seed=1), store, like=first)
    assert binary.same(first, second)


@pytest.mark.parametrize("rescore", ["none", "int8", "float16"])
def test_merging_keeps_every_score(tmp_path: Path, rescore: str) -> None:
    store = StoreSettings.from_json({"factor": True, "rescore": rescore})
    a = stored(tmp_path / "dense_x-00000001-0.bin", vectors(130, 24), store)
    b = stored(tmp_path / "dense_x-00000001-1.bin", vectors(70, 24, seed=1), store, like=a)
    of_a, of_b = np.arange(1, 130, 3), np.arange(0, 70, 2)
    entry = binary.merge(Target(RealFS(), tmp_path / "dense_x-00000001-2.bin", store, 24), [(a, of_a), (b, of_b)])
    c = binary.open(
        ArrayFile.open(tmp_path / "dense_x-00000001-2.bin", kind=PART_KIND, entry=entry, verify=True), store
    )
    query = vectors(1, 24, seed=5)[0]
    rows = np.arange(c.n_passages)
    expected = np.concatenate([a.rescore(query, of_a), b.rescore(query, of_b)])
    np.testing.assert_array_equal(c.rescore(query, rows), expected)
    best = c.scan(query[None], c.n_passages)[0]
    estimates = {id(part): part.scan(query[None], 200)[0] for part in (a, b)}
    mine = {(int(r), float(s)) for r, s in zip(best.rows, best.scores, strict=True)}
    for part, some, first in ((a, of_a, 0), (b, of_b, len(of_a))):
        score = dict(zip(estimates[id(part)].rows.tolist(), estimates[id(part)].scores.tolist(), strict=True))
        assert {(first + i, score[int(row)]) for i, row in enumerate(some)} <= mine
    np.testing.assert_allclose(c.vectors(rows), np.concatenate([a.vectors(of_a), b.vectors(of_b)]), atol=1e-5)


LISTED = StoreSettings(factor=True, rescore="none", lists=7)


def test_all_lists_give_what_a_part_without_lists_gives(tmp_path: Path) -> None:
    rows = vectors(900, 40)
    plain = stored(tmp_path / "dense_x-00000001-0.bin", rows, StoreSettings(factor=True, rescore="none"))
    listed = stored(tmp_path / "dense_x-00000001-1.bin", rows, LISTED)
    allowed = np.random.default_rng(3).random(900) < 0.1
    for some in (None, allowed):
        for a, b in zip(plain.scan(rows[:9], 20, some), listed.tuned(nprobe=7).scan(rows[:9], 20, some), strict=True):
            np.testing.assert_array_equal(a.rows, b.rows)
            np.testing.assert_array_equal(a.scores, b.scores)
    every = np.arange(900)
    np.testing.assert_array_equal(plain.rescore(rows[0], every), listed.rescore(rows[0], every))
    np.testing.assert_allclose(plain.vectors(every), listed.vectors(every), atol=1e-5)


def test_few_lists_hold_most_of_the_best_and_a_filter_never_shortens_a_result(tmp_path: Path) -> None:
    rows = vectors(900, 40)
    part = stored(tmp_path / "dense_x-00000001-0.bin", rows, LISTED)
    for query in rows[:5]:
        few, whole = (part.tuned(nprobe=n).scan(query[None], 10)[0] for n in (3, 7))
        assert len(set(few.rows) & set(whole.rows)) >= 4
        assert len(few.rows) == 10
    allowed = np.zeros(900, bool)
    allowed[[1, 5, 700]] = True
    assert sorted(part.tuned(nprobe=1).scan(rows[:1], 10, allowed)[0].rows) == [1, 5, 700]
    every, some = (part.tuned(nprobe=1).scan(rows[:1], k)[0] for k in (900, 20))
    assert sorted(every.rows) == list(range(900)) and (np.diff(every.scores) <= 0).all()
    np.testing.assert_array_equal(every.rows[:20], some.rows)


@pytest.mark.parametrize("n", [0, 1, 5, 64])
def test_lists_of_few_passages(tmp_path: Path, n: int) -> None:
    part = stored(tmp_path / "dense_x-00000001-0.bin", vectors(n, 9), LISTED)
    assert sorted(part.scan(np.ones((1, 9), np.float32), 99)[0].rows) == list(range(n))


def test_merged_lists_keep_their_members(tmp_path: Path) -> None:
    a = stored(tmp_path / "dense_x-00000001-0.bin", vectors(300, 24), LISTED)
    b = stored(tmp_path / "dense_x-00000001-1.bin", vectors(70, 24, seed=1), LISTED, like=a)
    of_a, of_b = np.arange(1, 300, 3), np.arange(0, 70, 2)
    path = tmp_path / "dense_x-00000001-2.bin"
    entry = binary.merge(Target(RealFS(), path, LISTED, 24), [(a, of_a), (b, of_b)])
    c = binary.open(ArrayFile.open(path, kind=PART_KIND, entry=entry, verify=True), LISTED)
    rows = np.arange(c.n_passages)
    np.testing.assert_array_equal(c.members(rows), np.concatenate([a.members(of_a), b.members(of_b)]))
    query = vectors(1, 24, seed=5)[0]
    expected = np.concatenate([a.rescore(query, of_a), b.rescore(query, of_b)])
    np.testing.assert_array_equal(c.rescore(query, rows), expected)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("codes", np.zeros((2, 3, 64), np.uint8), "array 'codes'"),
        ("factor", np.full(320, 0x7C00, np.uint16), "not finite"),
        ("factor", np.full(320, 0x8001, np.uint16), "negative"),
        ("centre", np.full(24, np.nan, np.float32), "not finite"),
        ("scale", np.zeros(1, np.float32), "scale"),
        ("list_start", np.array([0, 1, 9, 2, 3, 4, 4, 5], np.uint32), "cannot be"),
        ("list_start", np.array([1, 1, 1, 2, 3, 4, 4, 5], np.uint32), "cannot be"),
        ("row", np.zeros(64, np.uint32), "array 'row'"),
    ],
)
def test_foreign_arrays_are_named(tmp_path: Path, name: str, value: NDArray[np.generic], reason: str) -> None:
    centres = np.eye(24, 7, dtype=np.float32)
    arrays: dict[str, NDArray[np.generic]] = {
        "centre": np.zeros(24, np.float32),
        "scale": np.ones(1, np.float32),
        "weights": np.eye(24, dtype=np.float32),
        "codes": np.zeros((5, 3, 64), np.uint8),
        "factor": np.zeros(320, np.uint16),
        "list_centre": centres,
        "list_start": np.array([0, 1, 1, 2, 3, 4, 4, 5], np.uint32),
        "row": np.arange(320, dtype=np.uint32),
    }
    meta = common_meta(Target(RealFS(), tmp_path, LISTED, 24), 320)
    path = tmp_path / "dense_x-00000001-0.bin"
    write_arrays(RealFS(), path, kind=PART_KIND, meta=meta, arrays={**arrays, name: value})
    with pytest.raises(IndexCorrupt, match=reason):
        binary.open(ArrayFile.open(path, kind=PART_KIND, entry=None), LISTED)


@pytest.mark.parametrize("n_probe", [1, 2, 7])
def test_fewer_results_are_the_first_of_more(tmp_path: Path, n_probe: int) -> None:
    rows = vectors(300, 24)
    part = stored(tmp_path / "dense_x-00000001-0.bin", rows, LISTED).tuned(nprobe=n_probe)
    most = random_mask(300, 0.7)
    for allowed in (None, most):
        for query in rows[:8]:
            [whole] = part.scan(query[None], 300, allowed)
            assert len(whole.rows) == (300 if allowed is None else most.sum())
            assert (np.diff(whole.scores) <= 0).all()
            for k in (1, 5, 20, 40, 60, 120, 299):
                [found] = part.scan(query[None], k, allowed)
                assert found.rows.tolist() == whole.rows[:k].tolist()
                assert found.scores.tolist() == whole.scores[:k].tolist()


def random_mask(n: int, share: float) -> NDArray[np.bool_]:
    return np.random.default_rng(4).random(n) < share


@pytest.mark.parametrize("rescore", ["none", "int8"])
def test_a_row_named_twice_is_met_by_searches_and_checks(tmp_path: Path, rescore: str) -> None:
    part = stored(tmp_path / "dense_x-00000001-0.bin", vectors(300, 24), replace(LISTED, rescore=rescore))
    assert part.lists is not None
    part.check()
    row = part.lists.row.copy()
    first, second = np.flatnonzero(row != NO_ROW)[:2]
    row[second] = row[first]
    lists = Lists(part.lists.centres, part.lists.start, row)
    bad = BinaryPart(part.codes, part.blocks, part.factor, 300, part.tier, lists)
    with pytest.raises(IndexCorrupt, match="twice"):
        bad.scan(vectors(1, 24), 300)
    with pytest.raises(IndexCorrupt, match="twice"):
        bad.check()


def test_a_row_that_does_not_exist_is_named(tmp_path: Path) -> None:
    part = stored(tmp_path / "dense_x-00000001-0.bin", vectors(100, 24), LISTED)
    assert part.lists is not None
    row = part.lists.row.copy()
    row[0] = 100
    bad = BinaryPart(part.codes, part.blocks, part.factor, 100, None, Lists(part.lists.centres, part.lists.start, row))
    with pytest.raises(IndexCorrupt, match="'row'"):
        bad.vectors(np.arange(100))
