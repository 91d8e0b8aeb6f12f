"""Thompson sampling without context (Thompson, Biometrika 1933; Agrawal and Goyal, COLT 2012).

Each arm is played with the probability that it is the best one, given what is known. `Thompson` has normal posteriors
of any rewards, `BetaThompson` Beta posteriors of rewards between 0 and 1.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Unpack

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.types import JSON

from .base import Common, Floats
from .best_arm import probability_greatest
from .forgetting import Forgetting
from .means import OfMeans
from .ranged import Ranged
from .state import array_of, check_number, listed

__all__ = ["BetaThompson", "Thompson"]

_DRAWS = 256


class Thompson(OfMeans):
    """Normal posteriors of the mean reward of each arm; the default where there is no context.

    Args:
        arms: names, in order.
        deviation: of the noise of rewards, above 0. Rewards within 0 and 1 have at most 0.5, with which no arm is given
            up early by bad luck; 0.3 was better on average (docs/bandits.md).
        prior_mean, prior_deviation: what an arm is thought to be worth before it was played.
        discount, window: what is old counts less, or nothing; see `Forgetting`.
        common: see `Common`.

    Example:
        >>> policy = Thompson(["bm25", "hybrid"], seed=3)
        >>> for _ in range(100):
        ...     decision = policy.choose()
        ...     policy.learn(decision, 0.9 if decision.arm == "hybrid" else 0.2)
        >>> bool(policy.probabilities()[1] > 0.95)
        True
    """

    name: ClassVar[str] = "thompson"

    def __init__(
        self,
        arms: Sequence[str],
        *,
        deviation: float = 0.3,
        prior_mean: float = 0.5,
        prior_deviation: float = 1.0,
        discount: float = 1.0,
        window: int | None = None,
        **common: Unpack[Common],
    ) -> None:
        self._deviation = check_number(self.name, "deviation", deviation, 1e-9)
        self._prior_mean = check_number(self.name, "prior_mean", prior_mean, -1e9, 1e9)
        self._prior_deviation = check_number(self.name, "prior_deviation", prior_deviation, 1e-9)
        own = {"deviation": deviation, "prior_mean": prior_mean, "prior_deviation": prior_deviation}
        super().__init__(arms, own, Forgetting(discount, window), **common)

    def _weigh(self, x: Floats, weights: Floats, among: NDArray[np.int64]) -> tuple[Floats, Floats]:
        # The prior counts as so many outcomes of its mean.
        prior = (self._deviation / self._prior_deviation) ** 2
        counts = self._means.counts[among] + prior
        values = (self._means.sums[among] + prior * self._prior_mean) @ weights / counts
        return probability_greatest(values, self._deviation * np.abs(weights).sum() / np.sqrt(counts)), values


class BetaThompson(Ranged):
    """Beta posteriors; a reward r between 0 and 1 counts as r successes and 1 - r failures.

    The probability that an arm is the best is the share of 256 draws of all posteriors in which it is (standard error
    at most 0.03). The arm is drawn from that share itself, so it is exactly the probability that was played with.

    Preferences weigh the metrics when an outcome is learned; see `Ranged`.

    Args:
        arms: names, in order.
        low, high: rewards that count as 0 and 1; what lies beyond counts as its end.
        discount: what is old counts less; the prior, one success and one failure, is not forgotten.
        common: see `Common`.
    """

    name: ClassVar[str] = "thompson-beta"

    def __init__(
        self,
        arms: Sequence[str],
        *,
        low: float = 0.0,
        high: float = 1.0,
        discount: float = 1.0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(arms, {}, low=low, high=high, discount=discount, **common)
        self._outcomes = np.zeros((len(self.arms), 2))

    def _weigh(self, x: Floats, weights: Floats, among: NDArray[np.int64]) -> tuple[Floats, Floats]:
        successes, failures = (self._outcomes[among] + 1).T
        draws = self._rng.beta(successes, failures, (_DRAWS, len(among)))
        shares = np.bincount(draws.argmax(axis=1), minlength=len(among)) / _DRAWS
        return shares, successes / (successes + failures)

    def _take(self, arm: int, x: Floats, outcome: Floats, decision: Decision) -> None:
        share = self._share(outcome, decision)
        self._outcomes *= self._discount
        self._outcomes[arm] += share, 1 - share

    def _state(self) -> dict[str, JSON]:
        return {"outcomes": listed(self._outcomes)}

    def _restore(self, state: Mapping[str, Any]) -> None:
        outcomes = array_of(state, "outcomes", self._outcomes.shape)
        if outcomes.min() < 0:
            raise InvalidInput(self.name, "outcomes must not be negative")
        self._outcomes = outcomes
