"""What an outcome is worth: a vector of metrics, and weights that say how much each of them counts.

A policy that keeps each metric apart (quality, latency, cost) can be asked for another trade-off at every call, without
learning anew (LLM Bandit, arXiv 2502.02743). So metrics are learned as they are, divided by their scale, and weighed
only when a decision is taken:

    reward = sum of weight * metric / scale, with a minus for metrics that are costs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

__all__ = ["COSTS", "Reward"]

COSTS = ("cost", "latency", "latency_ms", "money", "ms", "searches", "seconds", "steps", "tokens")
"""Metrics of which less is better, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Reward:
    """How metrics become one number.

    Args:
        preferences: metric -> weight, not negative, at least one above 0: what counts when a call says nothing else.
            Its names are the metrics that a policy learns; a call can weigh those and no others.
        costs: metrics of which less is better; names that are not in `preferences` do no harm.
        scales: metric -> what counts as 1 of it, 1 by default: {"latency_ms": 500}.

    Raises:
        InvalidInput: no metric, or a weight or scale that cannot be used.

    Example:
        >>> worth = Reward({"quality": 0.9, "tokens": 0.1}, scales={"tokens": 1000})
        >>> float(worth.weights({}) @ worth.vector({"quality": 1.0, "tokens": 500}))
        0.85
    """

    preferences: Mapping[str, float] = field(default_factory=lambda: {"reward": 1.0})
    costs: Sequence[str] = COSTS
    scales: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (_is_of_names(self.preferences) and _is_of_names(self.scales)):
            raise InvalidInput("reward", "preferences and scales must be numbers by the names of metrics")
        if isinstance(self.costs, str) or not all(isinstance(each, str) for each in self.costs):
            raise InvalidInput("reward", f"costs are {self.costs!r}; they must be names of metrics")
        _check_weights(self.preferences, self.metrics)
        for name, scale in self.scales.items():
            if not (_is_finite(scale) and scale > 0):
                raise InvalidInput("reward", f"the scale of {name!r} is {scale!r}; it must be a number above 0")

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics, in the order of every vector."""
        return tuple(self.preferences)

    def weights(self, preferences: Mapping[str, float] | None) -> NDArray[np.float64]:
        """float64 (metrics,): what each scaled metric counts, costs negative; the policy's own where none are given.

        A metric that `preferences` does not name counts nothing.

        Raises:
            InvalidInput: a metric that is not learned, a weight that is negative or not finite, or none above 0.
        """
        chosen = preferences or self.preferences
        if preferences:
            _check_weights(preferences, self.metrics)
        return np.array([chosen.get(each, 0.0) * (-1 if each in self.costs else 1) for each in self.metrics], float)

    def vector(self, reward: float | Mapping[str, float]) -> NDArray[np.float64]:
        """float64 (metrics,): an outcome, scaled; metrics that are not learned are left out.

        Raises:
            InvalidInput: a metric is missing or not finite, or one number was given for several metrics.
        """
        if not isinstance(reward, Mapping):
            if len(self.metrics) > 1:
                raise InvalidInput("reward", f"is {reward!r}; give each of {', '.join(self.metrics)} by name")
            reward = {self.metrics[0]: reward}
        for each in self.metrics:
            if not _is_finite(reward.get(each)):
                found = f"{each!r} is {reward[each]!r}" if each in reward else f"{each!r} is missing"
                raise InvalidInput("reward", f"{found}; the policy learns {', '.join(self.metrics)}")
        return np.array([reward[each] / self.scales.get(each, 1.0) for each in self.metrics], float)

    def to_json(self) -> dict[str, JSON]:
        """Its arguments."""
        return {"preferences": dict(self.preferences), "costs": list(self.costs), "scales": dict(self.scales)}


def _check_weights(weights: Mapping[str, float], known: Sequence[str]) -> None:
    """Weights that can be used.

    Raises:
        InvalidInput: they cannot.
    """
    for name, weight in weights.items():
        if name not in known:
            hint = "name it in the policy's own preferences, with weight 0 if it counts only now and then"
            raise InvalidInput("preferences", f"{name!r} is no metric of this policy ({', '.join(known)})", hint)
        if not (_is_finite(weight) and weight >= 0):
            raise InvalidInput("preferences", f"the weight of {name!r} is {weight!r}; it must be a number, 0 or above")
    if not any(weights.values()):
        raise InvalidInput("preferences", f"are {dict(weights)}; at least one weight must be above 0")


def _is_of_names(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def _is_finite(value: Any) -> bool:
    """Whether it is a number, and finite."""
    return isinstance(value, Real) and math.isfinite(value)
