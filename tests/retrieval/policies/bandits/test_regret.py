"""Regret in known worlds, against what theory promises; every world and draw is seeded."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.bandit_worlds import ARMS, DIMENSION, played, world
from spaniel.retrieval.policies.bandits.base import Bandit
from spaniel.retrieval.policies.bandits.table import make_policy

MEANS = np.array([0.5, 0.7, 0.4])
NAMES = ("a", "b", "c")


def regrets(policy: Bandit, rewards: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 (n,): what was lost up to each round, against the arm that is best on average, by expected rewards."""
    lost = np.empty(len(rewards))
    best = expected.mean(axis=0).argmax()
    for row in range(len(rewards)):
        decision = policy.choose()
        arm = policy.arms.index(decision.arm)
        policy.learn(decision, float(rewards[row, arm]))
        lost[row] = expected[row, best] - expected[row, arm]
    return lost.cumsum()


def of_coins(name: str, n: int, seeds: int, **settings: Any) -> NDArray[np.float64]:
    """float64 (n,): the mean regret over worlds of three coins."""
    found = []
    for seed in range(seeds):
        rewards = (np.random.default_rng(seed).random((n, 3)) < MEANS).astype(float)
        policy = make_policy(name, NAMES, seed=seed, floor=0, **settings)
        found.append(regrets(policy, rewards, np.tile(MEANS, (n, 1))))
    return np.mean(found, axis=0)


def test_ucb1_keeps_its_bound() -> None:
    """Auer et al. 2002, theorem 1: sum of 8 ln n / gap, and (1 + pi**2 / 3) times the gaps; for c = sqrt 2."""
    gaps = MEANS.max() - MEANS[MEANS.max() > MEANS]
    lost = of_coins("ucb1", 2000, 4, c=math.sqrt(2))
    for n in (50, 500, 2000):
        assert lost[n - 1] <= (8 * math.log(n) / gaps).sum() + (1 + math.pi**2 / 3) * gaps.sum()


@pytest.mark.parametrize(("name", "own"), [("ucb1", {}), ("thompson", {"deviation": 0.5}), ("thompson-beta", {})])
def test_regret_grows_as_a_logarithm(name: str, own: dict[str, Any]) -> None:
    """From n to 4 n rounds it grows by about C ln 4, far from 3 times what n rounds lost."""
    lost = of_coins(name, 2400, 6, **own)
    assert lost[2399] - lost[599] < 0.75 * lost[599]
    # Lai and Robbins' lower bound grows by this; finite rounds may lie below their limit, not by a factor.
    lower = sum((0.7 - p) / (p * math.log(p / 0.7) + (1 - p) * math.log((1 - p) / 0.3)) for p in (0.5, 0.4))
    assert lost[2399] > 0.2 * lower * math.log(2400)


def test_an_even_share_of_exploring_loses_linearly() -> None:
    """What epsilon deals away is lost for ever: epsilon times the mean gap a round."""
    lost = of_coins("epsilon-greedy", 2400, 6, epsilon=0.3)
    per_round = 0.3 * float((MEANS.max() - MEANS).mean())
    assert (lost[2399] - lost[1199]) / 1200 == pytest.approx(per_round, rel=0.25)
    assert of_coins("epsilon-greedy", 2400, 6, epsilon=0.3, decay=0.02)[2399] < 0.5 * lost[2399]


def test_exp3_keeps_its_bound_against_a_law_that_turns() -> None:
    """2 sqrt(n K ln K) against any rewards; here arms change places halfway, and the second half decides."""
    n = 2000
    expected = np.where(np.arange(n)[:, None] < 800, [0.8, 0.2, 0.3], [0.1, 0.7, 0.3])
    lost = np.mean(
        [regrets(make_policy("exp3", NAMES, seed=seed, floor=0), expected, expected)[-1] for seed in range(4)]
    )
    assert lost <= 2 * math.sqrt(n * 3 * math.log(3))


@pytest.mark.parametrize("own", [{"discount": 0.98}, {"window": 100}])
def test_forgetting_finds_the_new_best_arm(own: dict[str, Any]) -> None:
    expected = np.where(np.arange(2400)[:, None] < 2000, [0.8, 0.4, 0.2], [0.2, 0.4, 0.8])

    def lost_later(policy: Bandit) -> float:
        """Share of rounds 2100 to 2400 not given to what is the best arm from round 2000 on."""
        played = []
        for row in range(2400):
            decision = policy.choose()
            arm = NAMES.index(decision.arm)
            policy.learn(decision, float(expected[row, arm]))
            played.append(arm)
        return float(np.mean(np.array(played[2100:]) != 2))

    keeping, forgetting = (lost_later(make_policy("ucb1", NAMES, seed=1, **each)) for each in ({}, own))
    assert forgetting < 0.3
    assert forgetting < keeping


def in_world(name: str, kind: str, n: int, seed: int, **settings: Any) -> float:
    """The score of a policy in a world; see `World.score`."""
    made = world(kind, n, seed)
    policy = make_policy(name, ARMS, DIMENSION, seed=seed, **settings)
    return made.score(played(policy, made))


def test_linucb_comes_near_the_oracle_where_rewards_are_linear() -> None:
    assert np.mean([in_world("linucb", "linear", 3000, seed) for seed in range(3)]) >= 0.85


def test_linear_thompson_and_random_features_follow() -> None:
    assert in_world("linear-thompson", "linear", 2000, 0) >= 0.75
    assert in_world("rff-ucb", "linear", 2000, 0) >= 0.6


def test_random_features_see_what_no_line_tells() -> None:
    waves, lines = (np.mean([in_world(name, "xor", 3000, seed) for seed in range(3)]) for name in ("rff-ucb", "linucb"))
    assert waves > lines + 0.05


def test_without_context_no_policy_beats_the_best_arm() -> None:
    assert in_world("thompson", "linear", 1500, 0) < 0.05
    assert in_world("thompson", "flat", 1500, 0) > 0.7
