"""Routes: which of several pipelines answers a question, or none, decided by a policy that learns from what came of it.

The arms are those of MBA-RAG (arXiv 2412.01572) and Adaptive-RAG (NAACL 2024): "none" answers without retrieval, "one"
by one search, "several" by iterated search (`steps.py`); but any names and any pipelines will do. The policy is any
`RoutePolicy`, contextual or not; features of the question are its context (`context.py`).

    router = Router(make_policy("linucb", ["none", "one"], dimension=context.dimension),
                    {"none": None, "one": kb.hybrid()}, features=context)
    decision, pipeline = router.decide("when was it built?")
    router.learn(decision, {"quality": 0.8, "economy": 0.5})
"""

from collections.abc import Callable, Collection, Mapping

from numpy.typing import ArrayLike

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.protocols import Retriever, RoutePolicy

__all__ = ["Features", "Router", "chosen"]

Features = Callable[[str], ArrayLike]
"""A question to its context, float64 (d,). Safe to call from several threads."""


class Router:
    """Chooses among pipelines. Safe to call from several threads, as its policy is.

    Args:
        policy: decides and learns; its arms are the names of `arms`.
        arms: name -> pipeline, or None for an answer without retrieval.
        features: what the policy is told of a question; None for policies without context.

    Raises:
        InvalidInput: the policy's arms are others.
    """

    def __init__(
        self, policy: RoutePolicy, arms: Mapping[str, Retriever | None], *, features: Features | None = None
    ) -> None:
        check_arms("router", policy, arms)
        self.policy, self.arms, self.features = policy, dict(arms), features

    @property
    def name(self) -> str:
        """`router(linucb)`."""
        return f"router({self.policy.name})"

    def decide(
        self,
        question: str,
        *,
        preferences: Mapping[str, float] | None = None,
        allowed: Collection[str] | None = None,
    ) -> tuple[Decision, Retriever | None]:
        """Which pipeline, with the decision to learn from; None: answer without retrieval.

        Args:
            preferences: weight of each metric of the reward for this question.
            allowed: names of the arms that can be taken now; all by default.

        Raises:
            InvalidInput: an arm that is not there, or none is allowed.
        """
        decision = chosen(self.policy, self.features, question, preferences, allowed)
        return decision, self.arms[decision.arm]

    def learn(self, decision: Decision, metrics: float | Mapping[str, float]) -> None:
        """Take in what a decision was worth; see `reward.py` for metrics."""
        self.policy.learn(decision, metrics)


def chosen(
    policy: RoutePolicy,
    features: Features | None,
    question: str,
    preferences: Mapping[str, float] | None = None,
    allowed: Collection[str] | None = None,
) -> Decision:
    """A policy's decision about a question.

    Raises:
        InvalidInput: an arm that is not there, or none is allowed.
    """
    if allowed is not None and (not allowed or not set(allowed) <= set(policy.arms)):
        raise InvalidInput("allowed", f"{sorted(allowed)} are not some of {', '.join(policy.arms)}")
    context = None if features is None else features(question)
    return policy.choose(context, preferences=preferences, allowed=allowed)


def check_arms(where: str, policy: RoutePolicy, arms: Collection[str]) -> None:
    """The policy chooses among these arms and no others.

    Raises:
        InvalidInput: it does not, or there are none.
    """
    if not arms or set(policy.arms) != set(arms):
        has, wanted = ", ".join(policy.arms) or "none", ", ".join(arms) or "none"
        raise InvalidInput(where, f"the policy's arms are {has}; those given are {wanted}", hint="make them equal")
