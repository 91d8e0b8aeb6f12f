"""What routers and rewriters share: a policy that chooses among things by name, and learns what came of it.

With a log, every decision is written down with its probabilities when it is taken, and once more with its metrics when
it is learned from: what `policies/evaluation` needs to judge other policies. The two lines have one decision id.
"""

from collections.abc import Callable, Collection, Mapping
from typing import ClassVar, Protocol, runtime_checkable

from numpy.typing import ArrayLike

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.bandits.log import DecisionLog
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.protocols import RoutePolicy

__all__ = ["Chooser", "Features"]

Features = Callable[[str], ArrayLike]
"""A question to its context, float64 (d,). Safe to call from several threads."""


@runtime_checkable
class _Checks(Protocol):
    """A policy that can say beforehand whether it can learn."""

    def check(self, decision: Decision, reward: float | Mapping[str, float]) -> None:
        """Raise what `learn` would; learn nothing."""
        ...


class Chooser:
    """Has a policy choose for a question. Safe to call from several threads, as its policy is.

    Args:
        policy: decides and learns; its arms are `names`.
        names: of what there is to choose.
        features: what the policy is told of a question; None for policies without context.
        log: where decisions and their metrics are written; it stays its owner's to close.

    Raises:
        InvalidInput: the policy's arms are others, or there are none.
    """

    role: ClassVar[str]
    """What errors and `name` call it."""

    def __init__(
        self, policy: RoutePolicy, names: Collection[str], features: Features | None, log: DecisionLog | None = None
    ) -> None:
        if not names or set(policy.arms) != set(names):
            has, wanted = ", ".join(policy.arms) or "none", ", ".join(names) or "none"
            said = f"the policy's arms are {has}; those given are {wanted}"
            raise InvalidInput(self.role, said, hint="make them equal")
        self.policy, self.features, self.log = policy, features, log

    @property
    def name(self) -> str:
        """With the policy's: `router(linucb)`."""
        return f"{self.role}({self.policy.name})"

    def check(self, decision: Decision, metrics: float | Mapping[str, float]) -> None:
        """Whether this can be learned, before anything is.

        Raises:
            InvalidInput: a metric is missing or not finite, or the decision is of other arms; a policy that has no
                `check` of its own is not asked.
        """
        if isinstance(self.policy, _Checks):
            self.policy.check(decision, metrics)

    def learn(self, decision: Decision, metrics: float | Mapping[str, float]) -> None:
        """Take in what a decision was worth, and log it; see `reward.py` for metrics, one number is named "reward".

        Raises:
            InvalidInput: as `check`, or it cannot be logged; nothing is learned then.
        """
        self.check(decision, metrics)
        if self.log is not None:
            self.log.append(decision, metrics if isinstance(metrics, Mapping) else {"reward": float(metrics)})
        self.policy.learn(decision, metrics)

    def _decided(
        self, question: str, preferences: Mapping[str, float] | None, allowed: Collection[str] | None
    ) -> Decision:
        """The policy's decision about a question, logged.

        Raises:
            InvalidInput: an arm that is not there, or none is allowed; or it cannot be logged.
        """
        if allowed is not None and (not allowed or not set(allowed) <= set(self.policy.arms)):
            raise InvalidInput("allowed", f"{sorted(allowed)} are not some of {', '.join(self.policy.arms)}")
        context = None if self.features is None else self.features(question)
        decision = self.policy.choose(context, preferences=preferences, allowed=allowed)
        if self.log is not None:
            self.log.append(decision)
        return decision
