"""Every policy of the table keeps the common contract."""

from typing import Any

import numpy as np
import pytest
from contracts.route_policy import ARMS, DIMENSION, RoutePolicyContract, trained

from spaniel.retrieval.errors import InvalidInput, LimitExceeded
from spaniel.retrieval.policies.bandits.base import Bandit
from spaniel.retrieval.policies.bandits.table import POLICIES, make_policy, policy_from_json, read_policy

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {"n_features": 12} if name == "rff-ucb" else {}) for name in POLICIES),
    *((name, {"discount": 0.9}) for name in ("thompson", "linucb", "thompson-beta")),
    *((name, {"window": 7}) for name in ("thompson", "linear-thompson")),
]


@pytest.mark.parametrize(("name", "own"), VARIANTS)
class TestPolicies(RoutePolicyContract):
    @pytest.fixture(autouse=True)
    def _variant(self, name: str, own: dict[str, Any]) -> None:
        self.name, self.own = name, own

    def make(self, **settings: Any) -> Bandit:
        return make_policy(self.name, ARMS, DIMENSION, **{**self.own, **settings})


def test_names_and_settings_that_are_not_there() -> None:
    with pytest.raises(InvalidInput, match="there is no 'linucv'") as told:
        make_policy("linucv", ARMS, 2)
    assert "linucb" in told.value.hint
    with pytest.raises(InvalidInput, match="no setting 'alhpa'") as told:
        make_policy("linucb", ARMS, 2, alhpa=1)
    assert "alpha" in told.value.hint


@pytest.mark.parametrize("arms", [(), "ab", ("a", "a"), ("", "b"), (1, 2)])
def test_arms_that_are_none(arms: Any) -> None:
    with pytest.raises(InvalidInput):
        make_policy("thompson", arms)


def test_sizes_are_checked_before_anything_is_allocated() -> None:
    with pytest.raises(LimitExceeded):
        make_policy("linucb", ARMS, 100_000)
    with pytest.raises(LimitExceeded, match="frequencies"):
        make_policy("rff-ucb", ARMS, 100_000_000)
    with pytest.raises(LimitExceeded):
        make_policy("thompson", [str(i) for i in range(2000)])
    with pytest.raises(InvalidInput, match="dimension"):
        make_policy("linucb", ARMS)


def test_a_file_that_holds_no_policy(tmp_path: Any) -> None:
    with pytest.raises(InvalidInput, match="no policy can be read"):
        read_policy(tmp_path / "none.json")
    (tmp_path / "cut.json").write_text('{"format": "spaniel-po')
    with pytest.raises(InvalidInput, match="no policy can be read"):
        read_policy(tmp_path / "cut.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(InvalidInput, match="no policy can be read"):
        read_policy(tmp_path / "bytes.json")
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(InvalidInput, match="no saved policy"):
        read_policy(tmp_path / "list.json")


@pytest.mark.parametrize("forgets", [{}, {"discount": 0.9}, {"window": 5}])
def test_matrices_that_are_no_sums_of_outcomes(forgets: dict[str, Any]) -> None:
    policy = make_policy("linucb", ARMS, DIMENSION, **forgets)
    trained(policy, 4)
    value: Any = policy.to_json()
    skewed = [row[:] for row in value["state"]["gram"][1]]
    skewed[0][1] += 9
    for wrong in ([[-float(i == j) for j in range(DIMENSION + 1)] for i in range(DIMENSION + 1)], skewed):
        changed = {**value, "state": {**value["state"], "gram": [wrong, *value["state"]["gram"][1:]]}}
        with pytest.raises(InvalidInput, match="gram must hold sums"):
            policy_from_json(changed)


def test_outcomes_that_would_be_taken_off_twice() -> None:
    """A window whose outcomes are not those that were added up would go below nothing."""
    for name, key in [("linucb", "gram"), ("thompson", "counts")]:
        policy = make_policy(name, ARMS, DIMENSION, window=5)
        trained(policy, 9)
        value: Any = policy.to_json()
        value["state"][key] = (np.array(value["state"][key]) * 0).tolist()
        with pytest.raises(InvalidInput):
            policy_from_json(value)


def test_an_inverse_that_is_none_is_computed_anew() -> None:
    policy = make_policy("linucb", ARMS, DIMENSION, seed=3)
    trained(policy)
    value: Any = policy.to_json()
    value["state"]["inverse"] = (-np.array(value["state"]["inverse"])).tolist()
    again = policy_from_json(value)
    x = [0.3, -0.2, 1.0]
    assert again.probabilities(x).tolist() == policy.probabilities(x).tolist()
