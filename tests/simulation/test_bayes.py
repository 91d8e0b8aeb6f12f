"""Bayesian intervals hold what they promise when truth is drawn as the paper draws it (Bowyer et al., ICML 2025)."""

import numpy as np
import pytest
from simulation.trials import near, row, trials
from simulation.worlds import joint_outcomes, latent_pairs, rng_of

from spaniel.eval.statistics import bayes, beta_interval, clustered_interval, independent_difference, paired_binary


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bayes, "_DRAWS", 10_000)


class LatentGaussian:
    """The paper's paired model by importance sampling from its prior: rates ~ U(0, 1), correlation ~ U(-1, 1)."""

    def __init__(self, draws: int) -> None:
        rng = rng_of(11)
        a, b, correlation = rng.random(draws), rng.random(draws), rng.uniform(-1, 1, draws)
        order = np.argsort(a - b)
        self.difference = (a - b)[order]
        self.logs = np.log(joint_outcomes(a, b, correlation))[:, order]

    def weights(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        table = [np.sum((a == x) & (b == y)) for x, y in [(1, 1), (1, 0), (0, 1), (0, 0)]]
        logs = np.array(table) @ self.logs
        weights = np.exp(logs - logs.max())
        return weights / weights.sum()

    def interval(self, a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
        low, high = np.interp([0.025, 0.975], np.cumsum(self.weights(a, b)), self.difference)
        return float(low), float(high)


def test_joint_outcomes_are_those_of_the_world() -> None:
    a, b = latent_pairs(rng_of(1), 400_000, (0.8, 0.3), 0.6)
    expected = joint_outcomes(np.array([0.8]), np.array([0.3]), np.array([0.6]))[:, 0]
    found = [np.mean((a == x) & (b == y)) for x, y in [(1, 1), (1, 0), (0, 1), (0, 0)]]
    assert found == pytest.approx(expected, abs=0.004)


@trials(small=150, full=2000)
@pytest.mark.parametrize("n", [10, 30, 100, 300])
def test_paired(n: int, n_trials: int) -> None:
    model = LatentGaussian(20_000)
    held, width = np.zeros(3), np.zeros(3)
    for trial in range(n_trials):
        rng = rng_of(trial, n)
        rates, correlation = rng.random(2), 2 * rng.beta(4, 2) - 1
        a, b = latent_pairs(rng, n, (rates[0], rates[1]), correlation)
        ours, other = paired_binary(a, b, seed=trial), independent_difference(a, b, seed=trial)
        ends = [(ours.low, ours.high), model.interval(a, b), (other.low, other.high)]
        held += [low <= rates[0] - rates[1] <= high for low, high in ends]
        width += [high - low for low, high in ends]
    held, width = held / n_trials, width / n_trials
    row(n_trials, [n, *(f"{h:.3f} ({w:.3f})" for h, w in zip(held, width, strict=True))])
    assert near(held[0], 0.95, n_trials, slack=0.015)
    assert width[0] < width[2]  # pairing sharpens


@pytest.mark.simulation
@pytest.mark.parametrize("n", [30, 100, 300, 1000, 3000])
def test_print_weights_of_the_paper_s_sampler(n: int) -> None:
    """How many of 10,000 draws carry the posterior (effective sample size), median over questions."""
    model = LatentGaussian(10_000)
    sizes = []
    for trial in range(200):
        a, b = latent_pairs(rng_of(trial, n), n, (0.8, 0.75), 0.6)
        sizes.append(1 / np.sum(model.weights(a, b) ** 2))
    row(10_000, ["effective draws of 10,000", n, f"{np.median(sizes):.0f}"])


@trials(small=150, full=2000)
@pytest.mark.parametrize(("n_clusters", "size"), [(5, 10), (10, 5), (10, 20), (30, 5)])
def test_clusters(n_clusters: int, size: int, n_trials: int) -> None:
    held, width = np.zeros(2), np.zeros(2)
    for trial in range(n_trials):
        rng = rng_of(trial, n_clusters)
        rate, d = rng.random(), rng.gamma(1, 1)
        rates = rng.beta(max(d * rate, 1e-12), max(d * (1 - rate), 1e-12), n_clusters)
        values = (rng.random((n_clusters, size)) < rates[:, None]).ravel()
        found = clustered_interval(values, np.repeat(np.arange(n_clusters), size).tolist())
        plain = beta_interval(values)
        held += [found.low <= rate <= found.high, plain.low <= rate <= plain.high]
        width += [found.high - found.low, plain.high - plain.low]
    held, width = held / n_trials, width / n_trials
    row(n_trials, [f"{n_clusters} of {size}", *(f"{h:.3f} ({w:.3f})" for h, w in zip(held, width, strict=True))])
    assert near(held[0], 0.95, n_trials, slack=0.01)
    assert held[1] < 0.9  # why clusters are told to the method


@trials(small=300)
@pytest.mark.parametrize(("n_system", "n_baseline"), [(10, 10), (20, 40), (100, 100)])
def test_independent(n_system: int, n_baseline: int, n_trials: int) -> None:
    held = claims = right = 0
    for trial in range(n_trials):
        rng = rng_of(trial, n_system)
        a, b = rng.random(2)
        found = independent_difference(rng.random(n_system) < a, rng.random(n_baseline) < b, seed=trial)
        held += found.low <= a - b <= found.high
        claims += found.p_better > 0.9
        right += found.p_better > 0.9 and a > b
    row(n_trials, [f"{n_system} and {n_baseline}", held / n_trials, right / claims])
    assert near(held / n_trials, 0.95, n_trials, slack=0.005)
    assert right / claims > 0.9  # what p_better says is how often it is so
