"""What a routing policy decided, and how likely it was to decide so: all that judging it later needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Decision"]


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice among arms.

    Attributes:
        id: names this decision; unique among all policies, runs and processes that may share a log.
        arm: what was chosen.
        arms: what could have been chosen, in the policy's order.
        probabilities: of each of `arms` at that moment, adding up to 1.
        context: what was known of the query, float64 values; empty without context.
        preferences: weight of each metric that the choice was made for; empty for the policy's own.
        policy: its name.
        step: how many decisions the policy had taken before.
        explored: the arm is not the one that the policy thinks best.
    """

    id: str
    arm: str
    arms: tuple[str, ...]
    probabilities: tuple[float, ...]
    context: tuple[float, ...] = ()
    preferences: Mapping[str, float] = field(default_factory=dict)
    policy: str = ""
    step: int = 0
    explored: bool = False

    @property
    def propensity(self) -> float:
        """The probability of the arm that was chosen."""
        return self.probabilities[self.arms.index(self.arm)]
