"""Routes: the arm that the policy takes is the pipeline that comes back, and what is learned reaches the policy."""

from collections.abc import Collection, Mapping

import numpy as np
import pytest
from contracts.toy import WordCount
from numpy.typing import ArrayLike

from spaniel.rag.routing.fixed import Always
from spaniel.rag.routing.router import Router
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.protocols import RoutePolicy


class Noting:
    """Takes the first arm that is allowed, and notes what it is told."""

    name = "noting"

    def __init__(self, *arms: str) -> None:
        self.arms = arms
        self.told: list[object] = []

    def choose(
        self,
        context: ArrayLike | None = None,
        *,
        preferences: Mapping[str, float] | None = None,
        allowed: Collection[str] | None = None,
    ) -> Decision:
        self.told.append(context)
        arm = next(arm for arm in self.arms if allowed is None or arm in allowed)
        return Decision(
            "1", arm, self.arms, tuple(float(each == arm) for each in self.arms), preferences=preferences or {}
        )

    def learn(self, decision: Decision, reward: float | Mapping[str, float]) -> None:
        self.told.append((decision.arm, reward))


ONE = WordCount(["a dam", "a river"])


def test_the_arm_is_the_pipeline() -> None:
    policy = Noting("none", "one")
    assert isinstance(policy, RoutePolicy) and isinstance(Always("one"), RoutePolicy)
    router = Router(policy, {"one": ONE, "none": None}, features=lambda question: np.array([len(question)]))
    decision, pipeline = router.decide("why?", preferences={"quality": 1.0})
    assert (decision.arm, pipeline, decision.preferences) == ("none", None, {"quality": 1.0})
    decision, pipeline = router.decide("how?", allowed=["one"])
    assert (decision.arm, pipeline) == ("one", ONE)
    router.learn(decision, {"quality": 0.5})
    assert policy.told == [np.array([4]), np.array([4]), ("one", {"quality": 0.5})]
    assert router.name == "router(noting)"


def test_without_features_there_is_no_context() -> None:
    policy = Noting("one")
    Router(policy, {"one": ONE}).decide("why?")
    assert policy.told == [None]


def test_arms_that_do_not_fit() -> None:
    for policy, arms in (
        (Noting("a"), {}),
        (Noting("a"), {"b": None}),
        (Noting(), {}),
        (Noting("a", "b"), {"a": None}),
    ):
        with pytest.raises(InvalidInput, match="arms"):
            Router(policy, arms)
    router = Router(Noting("a"), {"a": None})
    for allowed in ([], ["b"]):
        with pytest.raises(InvalidInput, match="allowed"):
            router.decide("why?", allowed=allowed)


def test_always() -> None:
    policy = Always("b", ["a", "b"])
    first, second = policy.choose(), policy.choose(allowed=["b"])
    assert (first.arm, first.propensity, first.step, second.step) == ("b", 1.0, 0, 1)
    assert first.id != second.id
    policy.learn(first, 1.0)
    with pytest.raises(InvalidInput, match="not allowed"):
        policy.choose(allowed=["a"])
    with pytest.raises(InvalidInput, match="not one of"):
        Always("c", ["a"])
