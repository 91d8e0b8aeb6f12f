"""What every RoutePolicy that learns keeps to: subclass it and say how yours is made."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.bandits.base import Bandit
from spaniel.retrieval.policies.bandits.table import policy_from_json, read_policy
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.protocols import RoutePolicy

ARMS = ("none", "one", "several")
DIMENSION = 3


def contexts(n: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float64]]:
    """float64 (n, 3)."""
    return np.random.default_rng(seed).normal(size=(n, DIMENSION))


def worth(decision: Decision) -> float:
    """0 to 1: the arm "one" where the first number is above 0, "none" elsewhere; "several" is always middling."""
    return {"none": 0.2, "one": 0.9, "several": 0.5}[decision.arm] if decision.context[0] > 0 else 0.6


def trained(policy: Any, n: int = 40, seed: int = 0) -> list[Decision]:
    """The decisions of n rounds, learned."""
    decisions = []
    for x in contexts(n, seed):
        decisions.append(policy.choose(x))
        policy.learn(decisions[-1], worth(decisions[-1]))
    return decisions


def nameless(decisions: list[Decision]) -> list[Decision]:
    """The same without their ids, which are never given twice."""
    return [replace(each, id="") for each in decisions]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to the numbers of a JSON value; of long lists those at both ends."""
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list):
        parts = [(place, value[place]) for place in sorted({0, len(value) - 1} & set(range(len(value))))]
    else:
        parts = []
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield path
    for key, each in parts:
        yield from leaves(each, (*path, key))


class RoutePolicyContract:
    """A subclass says how its policies are made, over `ARMS` and contexts of `DIMENSION` numbers."""

    def make(self, **settings: Any) -> Bandit:
        raise NotImplementedError

    def test_plays_the_role(self) -> None:
        policy = self.make()
        assert isinstance(policy, RoutePolicy)
        assert policy.arms == ARMS

    def test_decisions_carry_what_judging_them_needs(self) -> None:
        decisions = trained(self.make(seed=4))
        assert len({each.id for each in decisions}) == len(decisions)
        assert [each.step for each in decisions] == list(range(len(decisions)))
        for each, x in zip(decisions, contexts(40), strict=True):
            assert each.arms == ARMS
            assert each.context == tuple(x)
            assert sum(each.probabilities) == pytest.approx(1, abs=1e-9)
            assert each.propensity > 0

    def test_every_arm_keeps_its_floor(self) -> None:
        for each in trained(self.make(floor=0.3, seed=1)):
            assert min(each.probabilities) >= 0.1 - 1e-12

    def test_probabilities_are_those_of_the_next_decision(self) -> None:
        policy = self.make(seed=2)
        trained(policy)
        x = contexts(1, 9)[0]
        told = policy.probabilities(x)
        assert policy.choose(x).probabilities == pytest.approx(told.tolist(), abs=0)

    def test_probabilities_are_how_often_arms_are_drawn(self) -> None:
        policy = self.make(floor=0.2, seed=3)
        trained(policy)
        x = contexts(1, 9)[0]
        decisions = [policy.choose(x) for _ in range(2000)]
        told = np.mean([each.probabilities for each in decisions], axis=0)
        drawn = Counter(each.arm for each in decisions)
        # Four standard errors of a share of 2000.
        assert [drawn[arm] / 2000 for arm in ARMS] == pytest.approx(told.tolist(), abs=0.045)

    def test_the_same_seed_gives_the_same_decisions(self) -> None:
        first, second = trained(self.make(seed=5)), trained(self.make(seed=5))
        assert nameless(first) == nameless(second)
        assert not {each.id for each in first} & {each.id for each in second}  # a log may hold both

    def test_only_allowed_arms_are_played(self) -> None:
        policy = self.make(seed=6, floor=0.5)
        trained(policy)
        x = contexts(1)[0]
        decisions = [policy.choose(x, allowed=["several", "none"]) for _ in range(30)]
        assert {each.arm for each in decisions} <= {"several", "none"}
        assert all(each.probabilities[1] == 0 for each in decisions)
        assert policy.choose(x, allowed=["one"]).propensity == 1
        with pytest.raises(InvalidInput, match="'two' is no arm"):
            policy.choose(x, allowed=["two"])
        with pytest.raises(InvalidInput, match="no arm is allowed"):
            policy.choose(x, allowed=[])

    def test_goes_on_from_a_file_as_if_nothing_had_been(self, tmp_path: Path) -> None:
        policy = self.make(seed=7)
        trained(policy)
        policy.save(tmp_path / "policy.json")
        again = read_policy(tmp_path / "policy.json")
        assert type(again) is type(policy)
        assert again.to_json() == policy.to_json()
        assert nameless(trained(again, seed=1)) == nameless(trained(policy, seed=1))

    def test_every_part_of_the_state_is_checked(self) -> None:
        policy = self.make(seed=7)
        trained(policy, 5)
        saved = json.dumps(policy.to_json())
        for part in ("state", "settings"):
            for key in json.loads(saved)[part]:
                for wrong in (None, "x", [[1.0]], {"a": 1}, 1e999, 10**400, -7):
                    value = json.loads(saved)
                    value[part][key] = wrong
                    try:
                        read = policy_from_json(value)
                    except ValueError:
                        continue
                    assert part == "settings", f"{key} = {wrong!r} was taken"
                    trained(read, 2)

    def test_any_number_of_the_state_is_refused_or_played_with(self) -> None:
        policy = self.make(seed=7)
        trained(policy, 12)
        saved = json.dumps(policy.to_json())
        for path in list(leaves(json.loads(saved)["state"])):
            for number in (10**400, 1e308, -1e99, 1e99, -1, 0):
                value = json.loads(saved)
                inside = value["state"]
                for key in path[:-1]:
                    inside = inside[key]
                inside[path[-1]] = number
                try:
                    read = policy_from_json(value)
                except ValueError:
                    continue
                for each in trained(read, 9, seed=1):
                    assert sum(each.probabilities) == pytest.approx(1), f"{path} = {number}"

    def test_foreign_states_are_refused(self) -> None:
        value: dict[str, Any] = self.make().to_json()
        for changed in ({"format": "x"}, {"version": 99}, {"policy": "no such"}, {"settings": []}, {"state": None}):
            with pytest.raises(InvalidInput):
                policy_from_json({**value, **changed})
        with pytest.raises(InvalidInput, match="no setting 'flor'"):
            policy_from_json({**value, "settings": {**value["settings"], "flor": 1}})

    def test_wrong_contexts_and_outcomes_are_refused(self) -> None:
        policy = self.make()
        decision = policy.choose(contexts(1)[0])
        before = policy.to_json()["state"]
        for wrong in (float("nan"), float("inf"), "much", None, {"quality": 1.0}, {"reward": "much"}):
            with pytest.raises(InvalidInput):
                policy.learn(decision, wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="is no arm"):
            policy.learn(Decision("1", "other", ("other",), (1.0,), decision.context), 1.0)
        with pytest.raises(InvalidInput, match="context"):
            policy.choose([float("nan")] * DIMENSION)
        assert policy.to_json()["state"] == before

    def test_many_threads_lose_nothing(self) -> None:
        policy = self.make(seed=8)

        def work(part: int) -> list[str]:
            return [each.id for each in trained(policy, 50, part)]

        with ThreadPoolExecutor(4) as pool:
            ids = [each for some in pool.map(work, range(4)) for each in some]
        assert len(set(ids)) == 200
        assert policy.step == 200
