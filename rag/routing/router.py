"""Routes: which of several pipelines answers a question, or none, decided by a policy that learns from what came of it.

The arms are those of MBA-RAG (arXiv 2412.01572) and Adaptive-RAG (NAACL 2024): "none" answers without retrieval, "one"
by one search, "several" by iterated search (`steps.py`); but any names and any pipelines will do. The policy is any
`RoutePolicy`, contextual or not; features of the question are its context (`context.py`).

    router = Router(make_policy("linucb", ["none", "one"], dimension=context.dimension),
                    {"none": None, "one": kb.hybrid()}, features=context)
    decision, pipeline = router.decide("when was it built?")
    router.learn(decision, {"quality": 0.8, "economy": 0.5})
"""

from collections.abc import Collection, Mapping
from typing import ClassVar

from spaniel.retrieval.policies.bandits.log import DecisionLog
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.protocols import Retriever, RoutePolicy

from .chooser import Chooser, Features

__all__ = ["Features", "Router"]


class Router(Chooser):
    """Chooses among pipelines. Safe to call from several threads, as its policy is.

    Args:
        policy: decides and learns; its arms are the names of `arms`.
        arms: name -> pipeline, or None for an answer without retrieval.
        features: what the policy is told of a question; None for policies without context.
        log: where every decision is written with its probabilities, and once more with what it was worth.

    Raises:
        InvalidInput: the policy's arms are others.
    """

    role: ClassVar[str] = "router"

    def __init__(
        self,
        policy: RoutePolicy,
        arms: Mapping[str, Retriever | None],
        *,
        features: Features | None = None,
        log: DecisionLog | None = None,
    ) -> None:
        super().__init__(policy, arms, features, log)
        self.arms = dict(arms)

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
        decision = self._decided(question, preferences, allowed)
        return decision, self.arms[decision.arm]
