"""Worlds whose law is known, for bandits: what each arm is worth in each round, and what is then drawn.

Four routes with costs 0, 0.05, 0.1 and 0.15, contexts of 8 standard normal numbers, rewards that are quality (0 or 1)
minus cost. The probability of quality 1 is

- linear: 0.5 + 0.3 x . theta_a within 0.02 and 0.98, theta_a of length 1, drawn with the seed;
- xor: 0.8 or 0.3 by the signs of the first two numbers, arms 0 and 1 the one way, 2 and 3 the other: no line tells;
- flat: 0.45, 0.6, 0.7 and 0.55, whatever the context.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.policies.bandits.base import Bandit

__all__ = ["ARMS", "COSTS", "DIMENSION", "WORLDS", "World", "played", "world"]

ARMS = ("none", "one", "two", "several")
COSTS = np.array([0.0, 0.05, 0.1, 0.15])
DIMENSION = 8
WORLDS = ("linear", "xor", "flat")


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Rounds of a world.

    Attributes:
        contexts: float64 (n, 8).
        expected: float64 (n, 4), the mean reward of each arm.
        rewards: float64 (n, 4), what each arm would bring.
    """

    contexts: NDArray[np.float64]
    expected: NDArray[np.float64]
    rewards: NDArray[np.float64]

    def score(self, arms: NDArray[np.int64]) -> float:
        """By expected rewards: 0 for the best fixed arm, 1 for the best arm of each round.

        Where one arm is best everywhere: 0 for arms drawn evenly, 1 for the best arm.
        """
        value = self.expected[np.arange(len(arms)), arms].mean()
        low, high = self.expected.mean(axis=0).max(), self.expected.max(axis=1).mean()
        if high - low < 1e-9:
            low = self.expected.mean()
        return float((value - low) / (high - low))


def world(name: str, n: int, seed: int) -> World:
    """n rounds of a world of this name."""
    rng = np.random.default_rng(seed)
    contexts = rng.normal(size=(n, DIMENSION))
    if name == "linear":
        theta = rng.normal(size=(DIMENSION, len(ARMS)))
        quality = np.clip(0.5 + 0.3 * contexts @ (theta / np.linalg.norm(theta, axis=0)), 0.02, 0.98)
    elif name == "xor":
        same = (contexts[:, 0] * contexts[:, 1] > 0)[:, None]
        quality = np.where(same == np.array([True, True, False, False]), 0.8, 0.3)
    else:
        quality = np.tile([0.45, 0.6, 0.7, 0.55], (n, 1))
    return World(contexts, quality - COSTS, (rng.random(quality.shape) < quality) - COSTS)


def played(policy: Bandit, made: World) -> NDArray[np.int64]:
    """int64 (n,): the arms that a policy plays in a world, learning what they bring."""
    arms = np.empty(len(made.contexts), np.int64)
    for row, x in enumerate(made.contexts):
        decision = policy.choose(x)
        arms[row] = ARMS.index(decision.arm)
        policy.learn(decision, float(made.rewards[row, arms[row]]))
    return arms
