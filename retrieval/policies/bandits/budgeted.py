"""Bandits with knapsacks: the best rewards that a mean budget of latency, tokens or money allows.

Each budgeted metric has a price (Badanidiyuru, Kleinberg and Slivkins, FOCS 2013; with contexts, Agrawal and Devanur,
NIPS 2016). A decision weighs expected reward - price * expected cost, and after each outcome the price follows the
overrun, by dual descent:

    price <- max(0, price + rate * (cost - budget)).

As the price never falls by more than rate * (budget - cost), what was spent over the budget in all is at most
price / rate, which `overrun_bound` tells: a mean overrun that vanishes with the number of outcomes where the price
settles. Where no arm is cheap enough it never does. A decision counts no more than 1e6 of it, so that rewards are not
lost in rounding; the price itself goes on, and the bound holds.
"""

import threading
import warnings
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.types import JSON

from .base import Bandit, Floats, Saved, check_settings
from .ranged import Ranged
from .state import array_of, check_number, integer_of, listed, opened, wrapped

__all__ = ["BudgetedBandit"]

_MOST_PRICE = 1e6
_LEAST_DUE, _MOST_DUE = 0.01, 100.0


class BudgetedBandit(Saved):
    """A `RoutePolicy` that keeps to budgets on average. Safe to call from several threads.

    Args:
        policy: it must learn each budgeted metric, as a cost: `preferences={"quality": 1, "tokens": 0}` (weight 0:
            tokens count by their price alone). Policies that weigh metrics when they learn (EXP3, Beta) will not do.
        budgets: metric -> what a decision may spend on average, above 0, in the metric's own unit.
        rate: how fast prices follow, above 0, for costs that are scaled to order 1.

    A budget far from 1 in scaled units brings a warning: prices then follow in leaps, or hardly at all.

    Raises:
        InvalidInput: a budget that cannot be used, or a policy that does not fit it.

    Example:
        >>> from spaniel.retrieval.policies.bandits.means import UCB1
        >>> inner = UCB1(["small", "large"], preferences={"quality": 1, "tokens": 0}, scales={"tokens": 1000})
        >>> policy = BudgetedBandit(inner, {"tokens": 300})
        >>> for _ in range(500):
        ...     decision = policy.choose()
        ...     large = decision.arm == "large"
        ...     policy.learn(decision, {"quality": 0.5 + 0.3 * large, "tokens": 800 if large else 100})
        >>> policy.spent["tokens"] <= 500 * 300 + policy.overrun_bound["tokens"]
        True
    """

    name: ClassVar[str] = "budgeted"

    def __init__(self, policy: Bandit, budgets: Mapping[str, float], *, rate: float = 0.05) -> None:
        if not isinstance(policy, Bandit) or isinstance(policy, Ranged):
            found = getattr(policy, "name", type(policy).__name__)
            raise InvalidInput(self.name, f"{found} does not keep metrics apart; take thompson, ucb1 or linucb")
        if not isinstance(budgets, Mapping) or not budgets:
            raise InvalidInput(self.name, f"budgets are {budgets!r}; give one at least, by the name of its metric")
        known = policy.reward.metrics
        for metric, budget in budgets.items():
            check_number(self.name, f"the budget of {metric!r}", budget, 1e-12)
            if metric not in known or metric not in policy.reward.costs:
                hint = f"preferences={{..., {metric!r}: 0}}, and {metric!r} among its costs"
                raise InvalidInput(self.name, f"{metric!r} is no cost that {policy.name} learns", hint)
        self.policy, self.budgets, self.rate = policy, dict(budgets), check_number(self.name, "rate", rate, 1e-9)
        self._places = [known.index(metric) for metric in budgets]
        scales = [policy.reward.scales.get(metric, 1.0) for metric in budgets]
        self._scales = np.array(scales, float)
        self._due = np.array(list(budgets.values()), float) / self._scales
        for metric, due in zip(budgets, self._due.tolist(), strict=True):
            if not _LEAST_DUE <= due <= _MOST_DUE:
                said = f"the budget of {metric!r} is {due:g} in scaled units, far from 1: prices cannot follow it well"
                warnings.warn(f"{self.name}: {said}; give scales={{{metric!r}: ...}}", stacklevel=2)
        self._prices, self._spent, self._outcomes = np.zeros(len(budgets)), np.zeros(len(budgets)), 0
        self._lock = threading.Lock()

    @property
    def arms(self) -> tuple[str, ...]:
        """The policy's."""
        return self.policy.arms

    @property
    def prices(self) -> dict[str, float]:
        """Metric -> what one scaled unit of it costs now, in reward; decisions count 1e6 at most."""
        return dict(zip(self.budgets, self._prices.tolist(), strict=True))

    @property
    def spent(self) -> dict[str, float]:
        """Metric -> what was spent in all, in its own unit."""
        return dict(zip(self.budgets, (self._spent * self._scales).tolist(), strict=True))

    @property
    def overrun_bound(self) -> dict[str, float]:
        """Metric -> the most by which what was spent can exceed the budgets of all outcomes, in its own unit."""
        return dict(zip(self.budgets, (self._prices / self.rate * self._scales).tolist(), strict=True))

    def choose(
        self,
        context: ArrayLike | None = None,
        *,
        preferences: Mapping[str, float] | None = None,
        allowed: Collection[str] | None = None,
    ) -> Decision:
        """See `protocols.RoutePolicy.choose`; the decision's preferences hold the prices.

        Raises:
            InvalidInput: as the policy.
        """
        decision = self.policy.choose(context, preferences=self._priced(preferences), allowed=allowed)
        return replace(decision, policy=f"{self.name}({self.policy.name})")

    def probabilities(
        self,
        context: ArrayLike | None = None,
        *,
        preferences: Mapping[str, float] | None = None,
        allowed: Collection[str] | None = None,
    ) -> Floats:
        """See `Bandit.probabilities`."""
        return self.policy.probabilities(context, preferences=self._priced(preferences), allowed=allowed)

    def learn(self, decision: Decision, reward: float | Mapping[str, float]) -> None:
        """Take in every metric of an outcome, and move the prices.

        Raises:
            InvalidInput: as the policy.
        """
        self.policy.learn(decision, reward)
        costs = self.policy.reward.vector(reward)[self._places]
        with self._lock:
            self._spent += costs
            self._prices = np.maximum(self._prices + self.rate * (costs - self._due), 0.0)
            self._outcomes += 1

    def check(self, decision: Decision, reward: float | Mapping[str, float]) -> None:
        """Raise what `learn` would; nothing is learned."""
        self.policy.check(decision, reward)

    def to_json(self) -> dict[str, JSON]:
        """Settings and state, the policy's among them."""
        settings: dict[str, JSON] = {"budgets": dict(self.budgets), "rate": self.rate}
        with self._lock:
            state: dict[str, JSON] = {
                "prices": listed(self._prices),
                "spent": listed(self._spent),
                "outcomes": self._outcomes,
            }
        return wrapped(self.name, settings, {**state, "policy": self.policy.to_json()})

    @classmethod
    def around(cls, policy: Any, value: Mapping[str, Any]) -> "BudgetedBandit":
        """What `to_json` gave, around the policy that it names.

        Raises:
            InvalidInput: it does not fit.
        """
        _, settings, state = opened(value)
        check_settings(cls, settings)
        budgeted = cls(policy, settings.get("budgets", {}), rate=settings.get("rate", 0.05))
        n = len(budgeted.budgets)
        budgeted._prices = np.maximum(array_of(state, "prices", (n,)), 0.0)
        budgeted._spent = array_of(state, "spent", (n,))
        budgeted._outcomes = integer_of(state, "outcomes")
        return budgeted

    def _priced(self, preferences: Mapping[str, float] | None) -> dict[str, float]:
        """The weights asked for, prices added."""
        weights = dict(preferences or self.policy.reward.preferences)
        for metric, price in self.prices.items():
            weights[metric] = weights.get(metric, 0.0) + min(price, _MOST_PRICE)
        return weights
