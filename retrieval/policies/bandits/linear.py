"""Linear contextual bandits: LinUCB (Li et al., WWW 2010) and linear Thompson sampling (Agrawal and Goyal, ICML 2013).

Each arm's reward is taken to be linear in the context. LinUCB plays the arm whose prediction plus `alpha` widths is
greatest; Thompson sampling plays each with the probability that it is the best, given normal posteriors. With disjoint
models the arms' values at one context are independent, so that the probabilities need no draws (`best_arm.py`).

Contexts should be of order 1 (a feature in thousands is regularised a million times less than its neighbour). A
constant 1 is added to them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Unpack

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.types import JSON

from .arm_ridges import ArmRidges
from .base import Bandit, Common, Floats, check_numbers, greedy
from .best_arm import probability_greatest
from .forgetting import Forgetting
from .state import check_number

__all__ = ["LinUCB", "Linear", "LinearThompson"]

_ONE = np.ones(1)


class Linear(Bandit):
    """Ridge regressions over features of the context; a kind says how it plays them, and how many features there are
    if not the context's numbers and a constant."""

    contextual: ClassVar[bool] = True

    def __init__(
        self,
        arms: Sequence[str],
        dimension: int,
        own: Mapping[str, JSON],
        *,
        ridge: float,
        discount: float,
        window: int | None,
        n_features: int | None = None,
        **common: Unpack[Common],
    ) -> None:
        check_number(self.name, "ridge", ridge, 1e-9)
        forgetting = Forgetting(discount, window)
        super().__init__(arms, {**own, "ridge": ridge, **forgetting.to_json()}, dimension=dimension, **common)
        n_features = dimension + 1 if n_features is None else n_features
        check_numbers("the matrices of arms", 2 * len(self.arms) * n_features**2)
        n_metrics = len(self.reward.metrics)
        self._ridges = ArmRidges(len(self.arms), n_features, n_metrics, ridge=ridge, forgetting=forgetting)

    def _features(self, x: Floats) -> Floats:
        """float64 (n_features,) of a context (d,)."""
        return np.concatenate([x, _ONE])

    def _expected(self, x: Floats, weights: Floats, among: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """(reward, width of it) of the arms `among`; a metric is as unsure as any other, so that weights add up."""
        outcomes, widths = self._ridges.predict(self._features(x))
        return outcomes[among] @ weights, widths[among] * np.abs(weights).sum()

    def _take(self, arm: int, x: Floats, outcome: Floats, decision: Decision) -> None:
        self._ridges.add(arm, self._features(x), outcome)

    def _state(self) -> dict[str, JSON]:
        return self._ridges.state()

    def _restore(self, state: Mapping[str, Any]) -> None:
        self._ridges.restore(state)


class LinUCB(Linear):
    """Plays the greatest upper bound; the default where queries have a context.

    Args:
        arms: names, in order.
        dimension: of contexts.
        alpha: widths added to a prediction, 0 or above. The theory's is far greater and explores too long.
        ridge: weight of the prior that everything is 0.
        discount, window: what is old counts less, or nothing; see `Forgetting`.
        common: see `Common`.

    Cost: 20 us a decision with 4 arms and 8 numbers (docs/bandits.md).

    Example:
        >>> policy = LinUCB(["none", "one"], 2, seed=1)
        >>> for _ in range(50):
        ...     decision = policy.choose([1.0, 0.0])
        ...     policy.learn(decision, 1.0 if decision.arm == "one" else 0.0)
        >>> policy.probabilities([1.0, 0.0]).round(3).tolist()
        [0.005, 0.995]
    """

    name: ClassVar[str] = "linucb"

    def __init__(
        self,
        arms: Sequence[str],
        dimension: int,
        *,
        alpha: float = 0.5,
        ridge: float = 1.0,
        discount: float = 1.0,
        window: int | None = None,
        **common: Unpack[Common],
    ) -> None:
        self._alpha = check_number(self.name, "alpha", alpha, 0)
        super().__init__(arms, dimension, {"alpha": alpha}, ridge=ridge, discount=discount, window=window, **common)

    def _weigh(self, x: Floats, weights: Floats, among: NDArray[np.int64]) -> tuple[Floats, Floats]:
        values, widths = self._expected(x, weights, among)
        return greedy(values + self._alpha * widths), values


class LinearThompson(Linear):
    """Plays each arm with the probability that it is the best.

    Args:
        deviation: of the noise of rewards, 0 or above: how many widths wide the posteriors are.
        arms, dimension, ridge, discount, window, common: as `LinUCB`.
    """

    name: ClassVar[str] = "linear-thompson"

    def __init__(
        self,
        arms: Sequence[str],
        dimension: int,
        *,
        deviation: float = 0.3,
        ridge: float = 1.0,
        discount: float = 1.0,
        window: int | None = None,
        **common: Unpack[Common],
    ) -> None:
        self._deviation = check_number(self.name, "deviation", deviation, 0)
        own = {"deviation": deviation}
        super().__init__(arms, dimension, own, ridge=ridge, discount=discount, window=window, **common)

    def _weigh(self, x: Floats, weights: Floats, among: NDArray[np.int64]) -> tuple[Floats, Floats]:
        values, widths = self._expected(x, weights, among)
        return probability_greatest(values, self._deviation * widths), values
