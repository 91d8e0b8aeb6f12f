"""What routers and rewriters share: a policy that chooses among things by name, and learns what came of it."""

from collections.abc import Callable, Collection, Mapping
from typing import ClassVar

from numpy.typing import ArrayLike

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.protocols import RoutePolicy

__all__ = ["Chooser", "Features"]

Features = Callable[[str], ArrayLike]
"""A question to its context, float64 (d,). Safe to call from several threads."""


class Chooser:
    """Has a policy choose for a question. Safe to call from several threads, as its policy is.

    Args:
        policy: decides and learns; its arms are `names`.
        names: of what there is to choose.
        features: what the policy is told of a question; None for policies without context.

    Raises:
        InvalidInput: the policy's arms are others, or there are none.
    """

    role: ClassVar[str]
    """What errors and `name` call it."""

    def __init__(self, policy: RoutePolicy, names: Collection[str], features: Features | None) -> None:
        if not names or set(policy.arms) != set(names):
            has, wanted = ", ".join(policy.arms) or "none", ", ".join(names) or "none"
            said = f"the policy's arms are {has}; those given are {wanted}"
            raise InvalidInput(self.role, said, hint="make them equal")
        self.policy, self.features = policy, features

    @property
    def name(self) -> str:
        """With the policy's: `router(linucb)`."""
        return f"{self.role}({self.policy.name})"

    def learn(self, decision: Decision, metrics: float | Mapping[str, float]) -> None:
        """Take in what a decision was worth; see `reward.py` for metrics."""
        self.policy.learn(decision, metrics)

    def _decided(
        self, question: str, preferences: Mapping[str, float] | None, allowed: Collection[str] | None
    ) -> Decision:
        """The policy's decision about a question.

        Raises:
            InvalidInput: an arm that is not there, or none is allowed.
        """
        if allowed is not None and (not allowed or not set(allowed) <= set(self.policy.arms)):
            raise InvalidInput("allowed", f"{sorted(allowed)} are not some of {', '.join(self.policy.arms)}")
        context = None if self.features is None else self.features(question)
        return self.policy.choose(context, preferences=preferences, allowed=allowed)
