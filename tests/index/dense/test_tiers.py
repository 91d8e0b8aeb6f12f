"""Tiers: what is stored, scores that depend on their row alone, rows copied as they are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spaniel.index.dense.part import Target
from spaniel.index.dense.part_file import common_of, part_writer
from spaniel.index.dense.settings import StoreSettings
from spaniel.index.dense.tiers import Tier, TierKind, copy_tier, from_halves, open_tier, tier_arrays, write_tier
from spaniel.index.format import ArrayFile
from spaniel.index.fs import RealFS
from spaniel.retrieval.errors import IndexCorrupt

KINDS: Sequence[TierKind] = ("float32", "float16", "int8")
ERROR = {"float32": 0.0, "float16": 2e-3, "int8": 6e-3}


def some_vectors(n: int, dimension: int, seed: int = 0) -> NDArray[np.float32]:
    made = np.random.default_rng(seed).standard_normal((n, dimension)).astype(np.float32)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True))


def target(path: Path, dimension: int, ordinals: NDArray[np.uint32] | None = None) -> Target:
    return Target(RealFS(), path, StoreSettings("float32"), dimension, ordinals)


def written(path: Path, kind: TierKind, vectors: NDArray[np.float32]) -> Tier:
    n, dimension = vectors.shape
    with part_writer(target(path, dimension), n, tier_arrays(kind, n, dimension)) as writer:
        write_tier(writer, kind, vectors)
        entry = writer.close()
    return open_tier(ArrayFile.open(path, kind="dense", entry=entry, verify=True), kind, n, dimension)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_near_and_depend_on_their_row_alone(tmp_path: Path, kind: TierKind) -> None:
    vectors, [query] = some_vectors(400, 37), some_vectors(1, 37, seed=1)
    tier = written(tmp_path / "dense_x-00000001-0.bin", kind, vectors)
    every = np.arange(400)
    scores = tier.dot(query, every)
    assert np.abs(scores - vectors @ query).max() <= ERROR[kind] + 1e-6
    assert np.abs(tier.vectors(every) - vectors).max() <= ERROR[kind]
    some = np.random.default_rng(2).permutation(400)[:91]
    assert (tier.dot(query, some) == scores[some]).all()
    assert (np.concatenate([tier.dot(query, some[i : i + 1]) for i in range(91)]) == scores[some]).all()
    assert len(tier.dot(query, some[:0])) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_copied_as_they_are(tmp_path: Path, kind: TierKind) -> None:
    first = written(tmp_path / "dense_x-00000001-0.bin", kind, some_vectors(50, 8))
    second = written(tmp_path / "dense_x-00000001-1.bin", kind, some_vectors(20, 8, seed=1))
    rows = [np.array([1, 5, 49]), np.array([0, 19])]
    path = tmp_path / "dense_x-00000002-0.bin"
    with part_writer(target(path, 8), 5, tier_arrays(kind, 5, 8)) as writer:
        copy_tier(writer, list(zip([first, second], rows, strict=True)))
    merged = open_tier(ArrayFile.open(path, kind="dense", entry=None), kind, 5, 8)
    assert (merged.vectors(slice(None)) == np.concatenate([first.vectors(rows[0]), second.vectors(rows[1])])).all()


def test_zero_and_large_values(tmp_path: Path) -> None:
    vectors = np.array([[0, 0], [1e9, -1e9], [1e-30, 0]], dtype=np.float32)
    for number, kind in enumerate(KINDS):
        tier = written(tmp_path / f"dense_x-00000001-{number}.bin", kind, vectors)
        assert np.isfinite(tier.vectors(slice(None))).all()
        assert tier.dot(np.ones(2, np.float32), np.arange(3))[0] == 0


def test_ordinals_and_sizes_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "dense_x-00000001-0.bin"
    ordinals = np.array([3, 7], dtype=np.uint32)
    with part_writer(target(path, 4, ordinals), 2, tier_arrays("int8", 2, 4)) as writer:
        write_tier(writer, "int8", some_vectors(2, 4))
    file = ArrayFile.open(path, kind="dense", entry=None)
    found = common_of(file)
    assert (found.n_passages, found.dimension) == (2, 4) and found.ordinals is not None
    assert found.ordinals.tolist() == [3, 7]
    file.check_bytes()
    for kind, n, dimension in (("int8", 3, 4), ("int8", 2, 8), ("float32", 2, 4)):
        with pytest.raises(IndexCorrupt, match="it must be"):
            open_tier(file, kind, n, dimension)  # type: ignore[arg-type]


def test_bytes_are_checked_as_mapped(tmp_path: Path) -> None:
    path = tmp_path / "dense_x-00000001-0.bin"
    written(path, "float32", some_vectors(20, 4))
    data = bytearray(path.read_bytes())
    file = ArrayFile.open(path, kind="dense", entry=None)
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    with pytest.raises(IndexCorrupt, match=r"arrays there: .*vector"):
        file.check_bytes()


@pytest.mark.parametrize("width", [1, 256, 1 << 16])
def test_every_finite_half_is_exact(width: int) -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).reshape(-1, width)
    right = halves.view(np.float16).astype(np.float32)
    finite = np.isfinite(right)
    assert (from_halves(halves).view(np.uint32)[finite] == right.view(np.uint32)[finite]).all()
    assert np.isfinite(from_halves(halves)).all()
    assert from_halves(halves[:0]).shape == (0, width)
