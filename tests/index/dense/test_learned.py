"""Learned codes: the descent against a slow one, and that it pays."""

import numpy as np
import pytest
from numpy.typing import NDArray

from spaniel.index.dense.hashing import Hash, fit_hash
from spaniel.index.dense.itq import fit_rotation, random_rotation
from spaniel.index.dense.learned import packed, refined, signs


def correlated(n: int, d: int, seed: int = 0) -> NDArray[np.float32]:
    """Vectors of length 1 whose dimensions are mixed, some with far more variance than others."""
    rng = np.random.default_rng(seed)
    mix = rng.standard_normal((d, d)) * np.geomspace(1, 0.05, d)
    rows = rng.standard_normal((n, d)) @ mix.T + rng.standard_normal(d)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def loss(
    codes: NDArray[np.uint8],
    rows: NDArray[np.float32],
    rest: NDArray[np.float32],
    weights: NDArray[np.float32],
    along: float,
) -> NDArray[np.float64]:
    errors = (rest - signs(codes) @ weights.T).astype(np.float64)
    return (errors**2).sum(axis=1) + along * (errors * rows).sum(axis=1) ** 2


@pytest.mark.parametrize("along", [0.0, 3.0])
def test_no_single_bit_improves_a_refined_code(along: float) -> None:
    rows = correlated(40, 24)
    weights = np.random.default_rng(1).standard_normal((24, 24)).astype(np.float32) / 12
    rest = rows - rows.mean(axis=0)
    before = packed(rest @ weights)
    after = refined(before, rows, rest, weights, along=along, sweeps=100)
    best = loss(after, rows, rest, weights, along)
    assert (best <= loss(before, rows, rest, weights, along) + 1e-6).all()
    for bit in range(24):
        other = after.copy()
        other[:, bit // 8] ^= 1 << bit % 8
        assert (loss(other, rows, rest, weights, along) >= best - 1e-4).all()


def test_one_sweep_turns_bits_in_order() -> None:
    rows = correlated(20, 16, seed=3)
    weights = np.random.default_rng(1).standard_normal((16, 16)).astype(np.float32) / 8
    start = packed(rows)
    expected = start.copy()
    for bit in range(16):
        other = expected.copy()
        other[:, bit // 8] ^= 1 << bit % 8
        better = loss(other, rows, rows, weights, 0) < loss(expected, rows, rows, weights, 0) - 1e-5
        expected[better] = other[better]
    np.testing.assert_array_equal(refined(start, rows, rows, weights, along=0.0, sweeps=1), expected)


def test_learned_codes_err_far_less_than_rotated_ones() -> None:
    rows, later = correlated(1500, 32), correlated(1800, 32)[1500:]

    def error(fitted: Hash, some: NDArray[np.float32]) -> float:
        return float(((fitted.decode(*fitted.encode(some)) - some) ** 2).sum() / ((some - fitted.centre) ** 2).sum())

    learned, itq = (fit_hash(kind, rows, factor=True, seed=0) for kind in ("learned", "itq"))
    assert error(learned, rows) < 0.6 * error(itq, rows)
    assert error(learned, later) < 0.7 * error(itq, later), "so do those of vectors that nothing was fitted on"


def test_rotations_are_orthonormal_and_decided_by_their_seed() -> None:
    for rotation in (random_rotation(20, 3), fit_rotation(correlated(200, 20), iterations=5, seed=3)):
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(20), atol=1e-5)
    np.testing.assert_array_equal(random_rotation(20, 3), random_rotation(20, 3))
    assert np.abs(random_rotation(20, 3) - random_rotation(20, 4)).max() > 0.1


def test_a_factor_makes_a_passage_s_score_for_itself_right() -> None:
    rows = correlated(1200, 40)
    for kind in ("sign", "itq", "learned"):
        fitted = fit_hash(kind, rows, factor=True, seed=0)  # type: ignore[arg-type]
        codes, factors = fitted.encode(rows)
        own = (fitted.decode(codes, factors) * rows).sum(axis=1)
        assert np.abs(own - 1).max() < 1e-3
