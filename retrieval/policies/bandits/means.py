"""Bandits without context that go by mean rewards: epsilon-greedy and UCB1 (Auer, Cesa-Bianchi, Fischer, ML 47, 2002).

Both play every arm once before they compare any. A policy without context finds the best arm; it adapts to nothing, and
cannot do better than that arm.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Unpack

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.types import JSON

from .arm_means import ArmMeans
from .base import Bandit, Common, Floats, greedy
from .forgetting import Forgetting
from .state import check_number

__all__ = ["UCB1", "EpsilonGreedy", "OfMeans"]

_UNPLAYED = 1e-9
"""Counts below this are of arms that were never played, or so long ago that nothing is left of it."""


class OfMeans(Bandit):
    """Mean rewards; a kind says how it plays them."""

    def __init__(
        self, arms: Sequence[str], own: Mapping[str, JSON], forgetting: Forgetting, **common: Unpack[Common]
    ) -> None:
        super().__init__(arms, {**own, **forgetting.to_json()}, **common)
        self._means = ArmMeans(len(self.arms), len(self.reward.metrics), forgetting)

    def _take(self, arm: int, x: Floats, outcome: Floats, decision: Decision) -> None:
        self._means.add(arm, outcome)

    def _state(self) -> dict[str, JSON]:
        return self._means.state()

    def _restore(self, state: Mapping[str, Any]) -> None:
        self._means.restore(state)


class _Greatest(OfMeans):
    """Every arm once, then the one with the greatest mean and bonus."""

    def _weigh(self, x: Floats, weights: Floats, among: NDArray[np.int64]) -> tuple[Floats, Floats]:
        values = self._means.means()[among] @ weights
        unplayed = self._means.counts[among] < _UNPLAYED
        if unplayed.any():
            return unplayed / unplayed.sum(), values
        return greedy(values + np.abs(weights).sum() * self._bonus(self._means.counts[among])), values

    def _bonus(self, counts: Floats) -> Floats:
        """What is added to means of so many outcomes."""
        return np.zeros(len(counts))


class EpsilonGreedy(_Greatest):
    """The arm with the best mean, and now and then any arm.

    Args:
        arms: names, in order.
        epsilon: share of decisions dealt evenly among the allowed arms, 0 to 1.
        decay: the share at step t is epsilon / (1 + decay t), but at least the floor; 0 keeps it.
        discount, window: what is old counts less, or nothing; see `Forgetting`.
        common: see `Common`.
    """

    name: ClassVar[str] = "epsilon-greedy"

    def __init__(
        self,
        arms: Sequence[str],
        *,
        epsilon: float = 0.1,
        decay: float = 0.0,
        discount: float = 1.0,
        window: int | None = None,
        **common: Unpack[Common],
    ) -> None:
        self._epsilon = check_number(self.name, "epsilon", epsilon, 0, 1)
        self._decay = check_number(self.name, "decay", decay, 0)
        super().__init__(arms, {"epsilon": epsilon, "decay": decay}, Forgetting(discount, window), **common)

    def _floor_now(self) -> float:
        return max(self.floor, self._epsilon / (1 + self._decay * self.step))


class UCB1(_Greatest):
    """The arm with the greatest mean + c sqrt(ln t / n), after t outcomes, n of them the arm's.

    Args:
        arms: names, in order.
        c: 1.41 is the theory's, for rewards within 0 and 1; 0.5 does better in every world we tried
            (docs/bandits.md).
        discount, window: what is old counts less, or nothing; t is then what is left of it (Garivier and Moulines, ALT
            2011).
        common: see `Common`.
    """

    name: ClassVar[str] = "ucb1"

    def __init__(
        self,
        arms: Sequence[str],
        *,
        c: float = 0.5,
        discount: float = 1.0,
        window: int | None = None,
        **common: Unpack[Common],
    ) -> None:
        self._c = check_number(self.name, "c", c, 0)
        super().__init__(arms, {"c": c}, Forgetting(discount, window), **common)

    def _bonus(self, counts: Floats) -> Floats:
        told = math.log(max(float(self._means.counts.sum()), 1.0))
        bonus: Floats = self._c * np.sqrt(told / counts)
        return bonus
