"""Metrics become one number, for the preferences of the policy or of the call."""

from typing import Any

import numpy as np
import pytest

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.bandits.linear import LinUCB
from spaniel.retrieval.policies.bandits.reward import Reward

WORTH = Reward({"quality": 0.8, "tokens": 0.2}, scales={"tokens": 1000})


def test_costs_count_against_and_scales_divide() -> None:
    assert WORTH.vector({"quality": 0.5, "tokens": 250, "unknown": 9}).tolist() == [0.5, 0.25]
    assert WORTH.weights(None).tolist() == [0.8, -0.2]
    assert WORTH.weights({"tokens": 1}).tolist() == [0.0, -1.0]
    assert Reward().vector(0.25).tolist() == [0.25]


@pytest.mark.parametrize(
    "settings",
    [
        {"preferences": {}},
        {"preferences": {"a": 0}},
        {"preferences": {"a": -1}},
        {"preferences": {"a": float("inf")}},
        {"preferences": {"a": "much"}},
        {"preferences": {"a": 10**400}},
        {"preferences": {"clicks": 1.0}},
        {"preferences": {"votes": 1.0, "quality": 0.0, "tokens": 0.5}},
        {"scales": {"a": 0}},
        {"scales": 3},
        {"costs": "cost"},
        {"costs": [1]},
    ],
)
def test_what_is_no_reward(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Reward(**settings)


def test_outcomes_and_preferences_that_do_not_fit() -> None:
    with pytest.raises(InvalidInput, match="'tokens' is missing"):
        WORTH.vector({"quality": 1.0})
    with pytest.raises(InvalidInput, match="each of quality, tokens"):
        WORTH.vector(0.5)
    with pytest.raises(InvalidInput, match="not finite"):
        Reward(scales={"reward": 1e-300}).vector(1e300)
    with pytest.raises(InvalidInput, match="clicks or votes alone"):
        Reward({"quality": 1.0, "clicks": 0.1}).weights({"clicks": 1.0})
    with pytest.raises(InvalidInput, match="'speed' is no metric"):
        WORTH.weights({"speed": 1.0})


def test_one_policy_serves_every_trade_off() -> None:
    """The large arm is better and dear; which is best depends on the call's preferences, nothing is learned anew."""
    policy = LinUCB(("small", "large"), 1, preferences={"quality": 1.0, "cost": 0.0}, floor=0.2, seed=1)
    for _ in range(200):
        decision = policy.choose([0.0])
        large = decision.arm == "large"
        policy.learn(decision, {"quality": 0.5 + 0.3 * large, "cost": 0.1 + 0.8 * large})
    assert policy.probabilities([0.0], preferences={"quality": 1.0}).argmax() == 1
    assert policy.probabilities([0.0], preferences={"quality": 0.5, "cost": 0.5}).argmax() == 0
    assert dict(policy.choose([0.0], preferences={"cost": 1.0}).preferences) == {"cost": 1.0}
    assert np.argmax(policy.probabilities([0.0])) == 1
