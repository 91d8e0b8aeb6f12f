"""Worlds with known truth: where queries and their scores come from in the simulations."""

from collections.abc import Callable, Mapping
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["BINARY_PAIRS", "DIFFERENCES", "MEANS", "Draw", "joint_outcomes", "latent_pairs", "rng_of"]

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]

NORMAL = NormalDist()


def rng_of(*numbers: int) -> np.random.Generator:
    """The generator of one trial."""
    return np.random.default_rng(numbers)


def graded(rng: np.random.Generator, n: int) -> Floats:
    """Like nDCG@10 of a fair system: a quarter zeros, a fifth ones, the rest between."""
    kind = rng.random(n)
    return np.where(kind < 0.25, 0.0, np.where(kind < 0.45, 1.0, rng.beta(2, 2, n)))


def hard(rng: np.random.Generator, n: int) -> Floats:
    """Like nDCG@10 on a hard set: seven tenths zeros, the rest mostly small."""
    return np.where(rng.random(n) < 0.7, 0.0, rng.beta(1, 3, n))


def half_tied(rng: np.random.Generator, n: int) -> Floats:
    """Differences of two like systems: half of the queries the same, the rest symmetric around 0."""
    return np.where(rng.random(n) < 0.5, 0.0, rng.beta(2, 2, n) - 0.5)


def reciprocal_ranks(rng: np.random.Generator, n: int) -> Floats:
    """Differences in reciprocal rank: three fifths the same, the rest drawn anew from the same distribution."""
    a = 1 / rng.geometric(0.3, n)
    return a - np.where(rng.random(n) < 0.6, a, 1 / rng.geometric(0.3, n))


def lopsided(rng: np.random.Generator, n: int) -> Floats:
    """Differences with many small gains and few large losses: 7 in 10 the same, 1 in 20 lost."""
    kind = rng.random(n)
    return np.where(kind < 0.7, 0.0, np.where(kind < 0.95, rng.beta(1, 4, n) / 2, -rng.beta(2, 2, n)))


# World -> (draw, true mean).
MEANS: Mapping[str, tuple[Draw, float]] = {"graded": (graded, 0.2 + 0.55 * 0.5), "hard": (hard, 0.3 * 0.25)}
DIFFERENCES: Mapping[str, tuple[Draw, float]] = {
    "half tied": (half_tied, 0.0),
    "reciprocal ranks": (reciprocal_ranks, 0.0),
    "lopsided": (lopsided, 0.25 * 0.2 / 2 - 0.05 * 0.5),
}
# (rate of the system, rate of the baseline, correlation of what lies behind the outcomes).
BINARY_PAIRS = [(0.5, 0.4, 0.3), (0.8, 0.75, 0.6), (0.8, 0.8, 0.9), (0.97, 0.95, 0.6)]


def latent_pairs(
    rng: np.random.Generator, n: int, rates: tuple[float, float], correlation: float
) -> tuple[Floats, Floats]:
    """0 or 1 of two systems on n questions: a pair of correlated normals, each under its rate's quantile."""
    first, other = rng.standard_normal((2, n))
    second = correlation * first + np.sqrt(1 - correlation**2) * other
    a, b = (first < NORMAL.inv_cdf(rates[0])), (second < NORMAL.inv_cdf(rates[1]))
    return a.astype(np.float64), b.astype(np.float64)


def joint_outcomes(a: Floats, b: Floats, correlation: Floats) -> Floats:
    """Probabilities (4, ...) of both right, only the first, only the second, neither, in the world of `latent_pairs`.

    The bivariate normal by Owen's T function (Owen, Annals of Mathematical Statistics 1956).
    """
    h, k = special.ndtri(a), special.ndtri(b)
    root = np.sqrt(1 - correlation**2)
    both = (a + b) / 2 - special.owens_t(h, (k - correlation * h) / (h * root))
    both -= special.owens_t(k, (h - correlation * k) / (k * root)) + (h * k < 0) / 2
    return np.clip(np.stack([both, a - both, b - both, 1 - a - b + both]), 1e-300, 1)
