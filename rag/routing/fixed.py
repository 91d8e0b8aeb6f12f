"""The policy that takes one arm: a route or rewrite that nobody learns."""

from collections.abc import Collection, Mapping, Sequence
from itertools import count

from numpy.typing import ArrayLike

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.decision import Decision

__all__ = ["Always"]


class Always:
    """A `RoutePolicy` that takes the same arm, with probability 1, and learns nothing.

    Raises:
        InvalidInput: the arm is not among `arms`; when choosing, it is not allowed.

    Example:
        >>> Always("one", ["none", "one"]).choose().probabilities
        (0.0, 1.0)
    """

    name = "always"

    def __init__(self, arm: str, arms: Sequence[str] = ()) -> None:
        self.arm, self.arms = arm, tuple(arms) or (arm,)
        if arm not in self.arms:
            raise InvalidInput("always", f"{arm!r} is not one of {', '.join(self.arms)}")
        self._steps = count()

    def choose(
        self,
        context: ArrayLike | None = None,
        *,
        preferences: Mapping[str, float] | None = None,
        allowed: Collection[str] | None = None,
    ) -> Decision:
        """See `protocols.RoutePolicy.choose`."""
        if allowed is not None and self.arm not in allowed:
            raise InvalidInput("always", f"{self.arm!r} is not allowed; {', '.join(sorted(allowed)) or 'nothing'} is")
        step = next(self._steps)
        probabilities = tuple(float(arm == self.arm) for arm in self.arms)
        return Decision(f"always-{step}", self.arm, self.arms, probabilities, policy=self.name, step=step)

    def learn(self, decision: Decision, reward: float | Mapping[str, float]) -> None:
        """Nothing."""
