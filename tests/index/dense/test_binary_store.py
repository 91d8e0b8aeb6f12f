"""The binary store's files: written, merged, opened; damage named."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spaniel.index.dense import binary
from spaniel.index.dense.binary_part import BinaryPart
from spaniel.index.dense.part import PART_KIND, Target
from spaniel.index.dense.settings import Codes, StoreSettings
from spaniel.index.format import ArrayFile
from spaniel.index.fs import RealFS
from spaniel.retrieval.errors import InvalidInput

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
    assert binary.same(first.codes, second.codes)


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


def test_parts_fitted_apart_are_not_merged(tmp_path: Path) -> None:
    store = StoreSettings()
    a = stored(tmp_path / "dense_x-00000001-0.bin", vectors(130, 24), store)
    b = stored(tmp_path / "dense_x-00000001-1.bin", vectors(70, 24, seed=1), store)
    with pytest.raises(InvalidInput, match="fitted apart"):
        binary.merge(
            Target(RealFS(), tmp_path / "dense_x-00000001-2.bin", store, 24), [(a, np.arange(3)), (b, np.arange(3))]
        )
