"""What an outcome is worth: a vector of metrics, and weights that say how much each of them counts.

A policy that keeps each metric apart (quality, latency, cost) can be asked for another trade-off at every call, without
learning anew (LLM Bandit, arXiv 2502.02743). So metrics are learned as they are, divided by their scale, and weighed
only when a decision is taken:

    reward = sum of weight * metric / scale, with a minus for metrics that are costs.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .state import finite

__all__ = ["COSTS", "OPINIONS", "Reward", "refuse_opinions"]

COSTS = ("cost", "latency", "latency_ms", "money", "ms", "searches", "seconds", "steps", "tokens")
"""Metrics of which less is better, where nothing else is said."""
OPINIONS = frozenset(["clicks", "click", "votes", "vote", "likes", "dwell"])
"""Readers prefer answers with irrelevant citations as much as those with supporting ones (Search Arena, ICLR 2026)."""


@dataclass(frozen=True, slots=True)
class Reward:
    """How metrics become one number.

    Args:
        preferences: metric -> weight, not negative, at least one above 0: what counts when a call says nothing else.
            Its names are the metrics that a policy learns; a call can weigh those and no others. Clicks and votes
            (`OPINIONS`) are never all that speaks for an arm.
        costs: metrics of which less is better; names that are not in `preferences` do no harm.
        scales: metric -> what counts as 1 of it, 1 by default: {"latency_ms": 500}.

    Raises:
        InvalidInput: no metric, clicks or votes alone, or a weight or scale that cannot be used.

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
        self._check_weights(self.preferences)
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
            InvalidInput: a metric that is not learned, a weight that is negative or not finite, none above 0, or clicks
                or votes alone.
        """
        chosen = preferences or self.preferences
        if preferences:
            self._check_weights(preferences)
        return np.array([chosen.get(each, 0.0) * (-1 if each in self.costs else 1) for each in self.metrics], float)

    def vector(self, reward: float | Mapping[str, float]) -> NDArray[np.float64]:
        """float64 (metrics,): an outcome, scaled; metrics that are not learned are left out.

        Raises:
            InvalidInput: a metric is missing, not finite or overflows its scale, or one number was given for several.
        """
        if not isinstance(reward, Mapping):
            if len(self.metrics) > 1:
                raise InvalidInput("reward", f"is {reward!r}; give each of {', '.join(self.metrics)} by name")
            reward = {self.metrics[0]: reward}
        for each in self.metrics:
            if not _is_finite(reward.get(each)):
                found = f"{each!r} is {reward[each]!r}" if each in reward else f"{each!r} is missing"
                raise InvalidInput("reward", f"{found}; the policy learns {', '.join(self.metrics)}")
        scaled = [float(reward[each]) / self.scales.get(each, 1.0) for each in self.metrics]
        if not all(map(math.isfinite, scaled)):
            raise InvalidInput("reward", f"is {dict(reward)}; in the scales {dict(self.scales)} that is not finite")
        return np.array(scaled, float)

    def _check_weights(self, weights: Mapping[str, float]) -> None:
        """Weights that can be used.

        Raises:
            InvalidInput: they cannot.
        """
        for name, weight in weights.items():
            if name not in self.metrics:
                hint = "name it in the policy's own preferences, with weight 0 if it counts only now and then"
                found = f"{name!r} is no metric of this policy ({', '.join(self.metrics)})"
                raise InvalidInput("preferences", found, hint)
            if not (_is_finite(weight) and weight >= 0):
                found = f"the weight of {name!r} is {weight!r}; it must be a number, 0 or above"
                raise InvalidInput("preferences", found)
        if not any(weights.values()):
            raise InvalidInput("preferences", f"are {dict(weights)}; at least one weight must be above 0")
        refuse_opinions([name for name, weight in weights.items() if weight > 0 and name not in self.costs])

    def to_json(self) -> dict[str, JSON]:
        """Its arguments."""
        return {"preferences": dict(self.preferences), "costs": list(self.costs), "scales": dict(self.scales)}


def refuse_opinions(weighed: Collection[str]) -> None:
    """Refuse clicks and votes as all that speaks for an arm; `weighed` are metrics of weight above 0, without costs.

    Raises:
        InvalidInput: they are.
    """
    if weighed and OPINIONS.issuperset(weighed):
        raise InvalidInput("reward", "clicks or votes alone are no reward", hint="add judged, f1 or support")


def _is_of_names(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def _is_finite(value: Any) -> bool:
    """Whether it is a number, and finite; yes and no are 1 and 0."""
    return isinstance(value, bool) or finite(value)
