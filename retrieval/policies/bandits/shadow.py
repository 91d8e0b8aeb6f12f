"""Shadow mode: a policy decides and learns, and a fixed arm is served.

The way to try a policy on live queries without risk. What it would have done is logged with its probabilities; what was
served has probability 1, and is logged so too.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from numpy.typing import ArrayLike

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.types import JSON

from .base import Bandit, Saved, check_settings
from .budgeted import BudgetedBandit
from .log import DecisionLog
from .state import opened, wrapped

__all__ = ["Shadow"]


class Shadow(Saved):
    """A `RoutePolicy` that always serves one arm. Safe to call from several threads.

    The policy learns what the served arm was worth, which does not tell it of the others.

    Args:
        policy: decides in the shadow.
        serve: the arm that is served.
        log: gets each decision of the policy's, without metrics; not kept in files.

    Raises:
        InvalidInput: the policy has no such arm.

    Example:
        >>> from spaniel.retrieval.policies.bandits.means import UCB1
        >>> shadow = Shadow(UCB1(["bm25", "hybrid"], seed=1), serve="bm25")
        >>> [shadow.choose().arm for _ in range(3)]
        ['bm25', 'bm25', 'bm25']
    """

    name: ClassVar[str] = "shadow"

    def __init__(self, policy: Bandit | BudgetedBandit, serve: str, *, log: DecisionLog | None = None) -> None:
        if not isinstance(policy, Bandit | BudgetedBandit):
            raise InvalidInput(self.name, f"{type(policy).__name__} is no policy of the table")
        if serve not in policy.arms:
            raise InvalidInput(self.name, f"{serve!r} is no arm; there are {', '.join(policy.arms)}")
        self.policy, self.serve, self.log = policy, serve, log

    @property
    def arms(self) -> tuple[str, ...]:
        """The policy's."""
        return self.policy.arms

    def choose(
        self,
        context: ArrayLike | None = None,
        *,
        preferences: Mapping[str, float] | None = None,
        allowed: Collection[str] | None = None,
    ) -> Decision:
        """The served arm, with probability 1; what the policy would have done goes to the log.

        Raises:
            InvalidInput: as the policy, or the served arm is not allowed.
        """
        if allowed is not None and self.serve not in allowed:
            raise InvalidInput(self.name, f"the served arm {self.serve!r} is not allowed")
        decision = self.policy.choose(context, preferences=preferences, allowed=allowed)
        if self.log is not None:
            self.log.append(decision)
        probabilities = tuple(float(arm == self.serve) for arm in self.arms)
        name = f"{self.name}({decision.policy})"
        id_ = f"{decision.id}-served"  # in a log, the policy's own choice must not be taken for it
        return replace(decision, id=id_, arm=self.serve, probabilities=probabilities, policy=name, explored=False)

    def learn(self, decision: Decision, reward: float | Mapping[str, float]) -> None:
        """The policy learns it.

        Raises:
            InvalidInput: as the policy.
        """
        self.policy.learn(decision, reward)

    def check(self, decision: Decision, reward: float | Mapping[str, float]) -> None:
        """Raise what `learn` would; nothing is learned."""
        self.policy.check(decision, reward)

    def to_json(self) -> dict[str, JSON]:
        """The served arm, and the policy."""
        return wrapped(self.name, {"serve": self.serve}, {"policy": self.policy.to_json()})

    @classmethod
    def around(cls, policy: Any, value: Mapping[str, Any]) -> "Shadow":
        """What `to_json` gave, around the policy that it names.

        Raises:
            InvalidInput: it does not fit.
        """
        _, settings, _ = opened(value)
        check_settings(cls, settings)
        return cls(policy, settings.get("serve", ""))
