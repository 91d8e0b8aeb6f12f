"""What policies know of arms, against slow references; what they play, against draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.bandits.arm_means import ArmMeans
from spaniel.retrieval.policies.bandits.arm_ridges import ArmRidges
from spaniel.retrieval.policies.bandits.best_arm import probability_greatest
from spaniel.retrieval.policies.bandits.forgetting import Forgetting
from spaniel.retrieval.policies.bandits.rff import RffUcb

FORGETTING = st.one_of(
    st.just(Forgetting()),
    st.builds(Forgetting, st.floats(0.5, 1)),
    st.builds(Forgetting, st.just(1.0), st.integers(1, 9)),
)


def weights_of(n: int, forgetting: Forgetting) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """What each of n outcomes counts at the end."""
    age = np.arange(n)[::-1]
    return (age < (forgetting.window or n)) * forgetting.discount**age


@given(FORGETTING, st.integers(1, 40), st.integers(0, 1000))
@settings(max_examples=40)
def test_means_are_those_of_what_is_remembered(forgetting: Forgetting, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    arms, outcomes = rng.integers(0, 3, n), rng.normal(size=(n, 2))
    means = ArmMeans(3, 2, forgetting)
    for arm, outcome in zip(arms.tolist(), outcomes, strict=True):
        means.add(arm, outcome)
    weights = weights_of(n, forgetting)
    for arm in range(3):
        of_arm = weights * (arms == arm)
        assert means.counts[arm] == pytest.approx(of_arm.sum())
        if of_arm.any():
            assert means.means()[arm] == pytest.approx(of_arm @ outcomes / of_arm.sum())


@given(FORGETTING, st.integers(1, 40), st.integers(0, 1000), st.floats(0.1, 5))
@settings(max_examples=40)
def test_ridges_solve_their_equations(forgetting: Forgetting, n: int, seed: int, ridge: float) -> None:
    rng = np.random.default_rng(seed)
    arms, features, outcomes = rng.integers(0, 2, n), rng.normal(size=(n, 3)), rng.normal(size=(n, 2))
    ridges = ArmRidges(2, 3, 2, ridge=ridge, forgetting=forgetting)
    for arm, x, y in zip(arms.tolist(), features, outcomes, strict=True):
        ridges.add(arm, x, y)
    wanted = rng.normal(size=3)
    told, widths = ridges.predict(wanted)
    weights = weights_of(n, forgetting)
    for arm in range(2):
        w = weights * (arms == arm)
        gram = (features * w[:, None]).T @ features + ridge * np.eye(3)
        theta = np.linalg.solve(gram, (features * w[:, None]).T @ outcomes)
        assert told[arm] == pytest.approx(wanted @ theta, abs=1e-8)
        assert widths[arm] == pytest.approx(np.sqrt(wanted @ np.linalg.solve(gram, wanted)), abs=1e-8)


def test_the_inverse_stays_true_over_many_outcomes() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(5000, 6)) * [1, 1, 1, 10, 0.1, 1]
    ridges = ArmRidges(1, 6, 1, ridge=1e-3, forgetting=Forgetting())
    for x in features:
        ridges.add(0, x, x[:1])
    wanted = features[0]
    exact = np.sqrt(wanted @ np.linalg.solve(features.T @ features + 1e-3 * np.eye(6), wanted))
    assert ridges.predict(wanted)[1][0] == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_probability_of_the_greatest_against_draws(n: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(5):
        means, deviations = rng.normal(size=n), rng.exponential(size=n)
        drawn = (means + deviations * rng.normal(size=(100_000, n))).argmax(axis=1)
        told = probability_greatest(means, deviations)
        assert told.sum() == pytest.approx(1, abs=1e-12)
        assert told == pytest.approx(np.bincount(drawn, minlength=n) / 100_000, abs=0.004 + 0.007)


def test_probability_of_the_greatest_without_doubt() -> None:
    assert probability_greatest(np.array([1.0, 2.0, 0.0]), np.zeros(3)).round(6).tolist() == [0, 1, 0]
    sure_and_unsure = probability_greatest(np.array([0.0, 0.0, -50.0]), np.array([1e-9, 1.0, 1.0]))
    assert sure_and_unsure == pytest.approx([0.5, 0.5, 0], abs=0.004)


def test_random_features_are_those_of_the_kernel() -> None:
    policy = RffUcb(("a",), 3, n_features=1024, bandwidth=1.5, seed=1)
    rng = np.random.default_rng(2)
    for x, y in rng.normal(size=(20, 2, 3)):
        kernel = np.exp(-((x - y) ** 2).sum() / (2 * 1.5**2))
        assert policy._features(x) @ policy._features(y) == pytest.approx(kernel, abs=0.15)


@pytest.mark.parametrize("wrong", [{"discount": 0}, {"discount": 1.1}, {"window": 0}, {"discount": 0.9, "window": 5}])
def test_what_is_no_forgetting(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        Forgetting(**wrong)  # type: ignore[arg-type]
