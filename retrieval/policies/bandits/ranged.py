"""What policies of rewards within a range share: where in it an outcome lies."""

from collections.abc import Mapping, Sequence
from typing import Unpack

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.types import JSON

from .base import Bandit, Common, Floats
from .forgetting import Forgetting
from .state import check_number

__all__ = ["Ranged"]


class Ranged(Bandit):
    """Rewards from `low` to `high`, as shares of the way.

    Preferences weigh the metrics when an outcome is learned: a decision for other preferences needs a policy that keeps
    metrics apart, such as `Thompson`.
    """

    def __init__(
        self,
        arms: Sequence[str],
        own: Mapping[str, JSON],
        *,
        low: float,
        high: float,
        discount: float,
        **common: Unpack[Common],
    ) -> None:
        self._low, self._high = _checked_range(self.name, low, high)
        self._discount = Forgetting(discount).discount
        super().__init__(arms, {"low": low, "high": high, **own, "discount": discount}, **common)

    def _share(self, outcome: Floats, decision: Decision) -> float:
        """0 to 1, by the preferences of the decision; what lies beyond the range counts as its end."""
        worth = float(self.reward.weights(decision.preferences) @ outcome)
        return min(max((worth - self._low) / (self._high - self._low), 0.0), 1.0)


def _checked_range(where: str, low: float, high: float) -> tuple[float, float]:
    """(low, high), the rewards that count as 0 and 1.

    Raises:
        InvalidInput: not finite, or in the wrong order.
    """
    least, most = check_number(where, "low", low, -1e9, 1e9), check_number(where, "high", high, -1e9, 1e9)
    if least >= most:
        raise InvalidInput(where, f"low is {low} and high is {high}; low must be below high")
    return least, most
