"""Budgets, shadow mode and the log."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.bandits.budgeted import BudgetedBandit
from spaniel.retrieval.policies.bandits.log import DecisionLog, decision_from_json, decision_to_json, read_log
from spaniel.retrieval.policies.bandits.shadow import Shadow
from spaniel.retrieval.policies.bandits.table import make_policy, policy_from_json, read_policy
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.protocols import RoutePolicy

ARMS = ("small", "large")
QUALITY = {"preferences": {"quality": 1.0, "tokens": 0.0}, "scales": {"tokens": 1000}}


def outcome(decision: Decision, rng: np.random.Generator) -> dict[str, float]:
    large = decision.arm == "large"
    return {"quality": float(rng.random() < 0.5 + 0.3 * large), "tokens": 800.0 if large else 100.0}


def budgeted(budget: float, name: str = "thompson", **settings: Any) -> BudgetedBandit:
    return BudgetedBandit(make_policy(name, ARMS, 1, seed=2, **QUALITY, **settings), {"tokens": budget})


def spend(policy: BudgetedBandit, n: int) -> None:
    rng = np.random.default_rng(0)
    for _ in range(n):
        decision = policy.choose([0.0])
        policy.learn(decision, outcome(decision, rng))


@pytest.mark.parametrize("name", ["thompson", "ucb1", "linucb"])
@pytest.mark.parametrize("budget", [200.0, 450.0])
def test_what_is_spent_stays_within_the_bound(name: str, budget: float) -> None:
    policy = budgeted(budget, name)
    spend(policy, 1500)
    assert policy.spent["tokens"] <= 1500 * budget + policy.overrun_bound["tokens"] + 1e-6
    assert policy.overrun_bound["tokens"] < 0.1 * 1500 * budget
    # The budget is used, too: the large arm is the better one.
    assert policy.spent["tokens"] > 0.8 * 1500 * budget


def test_a_budget_for_everything_has_no_price() -> None:
    policy = budgeted(900)
    spend(policy, 1500)
    assert policy.prices == {"tokens": 0.0}
    assert policy.probabilities()[1] > 0.9


def test_the_bound_holds_where_no_arm_is_cheap_enough() -> None:
    """The price passes what a decision counts of it, and goes on."""
    with pytest.warns(UserWarning, match="'tokens' is 300 in scaled units"):
        policy = BudgetedBandit(
            make_policy("ucb1", ARMS, preferences={"quality": 1, "tokens": 0}), {"tokens": 300}, rate=5
        )
    for _ in range(200):
        decision = policy.choose()
        policy.learn(decision, {"quality": 0.5, "tokens": 3000.0})
    assert policy.prices["tokens"] > 1e6
    assert policy.spent["tokens"] == 600_000 <= 200 * 300 + policy.overrun_bound["tokens"]
    with pytest.warns(UserWarning, match="far from 1"):
        again = policy_from_json(policy.to_json())
    assert isinstance(again, BudgetedBandit) and again.overrun_bound == policy.overrun_bound


def test_budgets_that_cannot_be_kept() -> None:
    with pytest.raises(InvalidInput, match="does not keep metrics apart"):
        BudgetedBandit(make_policy("exp3", ARMS, **QUALITY), {"tokens": 1})
    with pytest.raises(InvalidInput, match="'money' is no cost"):
        BudgetedBandit(make_policy("ucb1", ARMS, **QUALITY), {"money": 1})
    with pytest.raises(InvalidInput, match="'quality' is no cost"):
        BudgetedBandit(make_policy("ucb1", ARMS, **QUALITY), {"quality": 1})
    for wrong in (0, -1, float("nan"), "x"):
        with pytest.raises(InvalidInput, match="budget"):
            BudgetedBandit(make_policy("ucb1", ARMS, **QUALITY), {"tokens": wrong})  # type: ignore[dict-item]


def test_shadow_serves_one_arm_and_logs_the_other(tmp_path: Path) -> None:
    inner = make_policy("linucb", ARMS, 1, seed=1, floor=0.2)
    with DecisionLog(tmp_path / "log.jsonl") as log:
        shadow = Shadow(inner, "small", log=log)
        assert isinstance(shadow, RoutePolicy)
        for i in range(40):
            decision = shadow.choose([i / 40])
            assert decision.arm == "small" and decision.propensity == 1 and decision.policy == "shadow(linucb)"
            shadow.learn(decision, 0.1)
    entries = read_log(tmp_path / "log.jsonl").entries
    assert len(entries) == 40 and {each.decision.arm for each in entries} == set(ARMS)
    assert all(each.metrics is None and each.decision.policy == "linucb" for each in entries)
    with pytest.raises(InvalidInput, match="not allowed"):
        shadow.choose([0.0], allowed=["large"])
    with pytest.raises(InvalidInput, match="no arm"):
        Shadow(inner, "other")


def test_policies_around_policies_in_files(tmp_path: Path) -> None:
    inside = budgeted(300)
    spend(inside, 50)
    shadow = Shadow(inside, "small")
    shadow.save(tmp_path / "policy.json")
    again = read_policy(tmp_path / "policy.json")
    assert isinstance(again, Shadow) and isinstance(again.policy, BudgetedBandit)
    assert again.to_json() == shadow.to_json()
    spend(again.policy, 20)
    spend(inside, 20)
    assert again.to_json() == shadow.to_json()


def test_nesting_ends() -> None:
    value: dict[str, Any] = Shadow(make_policy("ucb1", ARMS), "small").to_json()
    twice = {**value, "state": {"policy": value}}
    with pytest.raises(InvalidInput, match="there is no 'shadow'"):
        policy_from_json(twice)
    value = budgeted(300).to_json()
    for key, wrong in [("prices", [1, 2]), ("spent", "x"), ("outcomes", -1), ("policy", {})]:
        with pytest.raises(InvalidInput):
            policy_from_json({**value, "state": {**value["state"], key: wrong}})


DECISION = Decision("7", "b", ("a", "b"), (0.25, 0.75), (1.0, -2.5), {"quality": 1.0}, "linucb", 7, True)


def test_decisions_come_back_as_they_were() -> None:
    assert decision_from_json(json.loads(json.dumps(decision_to_json(DECISION)))) == DECISION


@pytest.mark.parametrize(
    "changed",
    [
        {"arm": "c"},
        {"probabilities": [1.0]},
        {"probabilities": [0.9, 0.9]},
        {"probabilities": [-1.0, 2.0]},
        {"context": ["x"]},
        {"context": [float("nan")]},
        {"preferences": {"q": None}},
        {"arms": ["a", "a"]},
        {"step": True},
        {"more": 1},
    ],
)
def test_what_is_no_decision(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        decision_from_json({**decision_to_json(DECISION), **changed})


def test_a_line_that_was_cut_is_told_and_harms_no_other(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with DecisionLog(path) as log:
        log.append(DECISION)
        log.append(Decision("8", "a", ("a", "b"), (0.25, 0.75)), {"quality": 0.0})
    path.write_bytes(path.read_bytes()[:-20])
    with DecisionLog(path, sync=True) as log:
        log.append(DECISION, {"quality": 1.0})
    found = read_log(path)
    assert found.damaged == (2,)
    assert [(each.decision, each.metrics) for each in found.entries] == [(DECISION, {"quality": 1.0})]
    with pytest.raises(InvalidInput, match="closed"):
        log.append(DECISION)
    with DecisionLog(path) as log, pytest.raises(InvalidInput, match="cannot be logged"):
        log.append(DECISION, {"quality": float("nan")})
    with pytest.raises(InvalidInput, match="no log can be read"):
        read_log(tmp_path / "none.jsonl")
    with pytest.raises(InvalidInput, match="cannot be opened"):
        DecisionLog(tmp_path / "no" / "log.jsonl")


def test_runs_that_decide_the_same_are_kept_apart(tmp_path: Path) -> None:
    """Without a state, a policy begins each run with the same decisions."""
    path = tmp_path / "log.jsonl"
    for run in range(3):
        policy = make_policy("ucb1", ARMS, seed=0)
        with DecisionLog(path) as log:
            decisions = [policy.choose() for _ in range(10)]
            for decision in decisions:
                log.append(decision)
            for decision in decisions:
                log.append(decision, {"reward": float(run)})
    rewards = [each.metrics["reward"] for each in read_log(path).entries if each.metrics]
    assert rewards == [0.0] * 10 + [1.0] * 10 + [2.0] * 10


def test_a_number_too_large_harms_its_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with DecisionLog(path) as log:
        log.append(DECISION, {"quality": 1.0})
    line = path.read_text()
    torn = [line.replace("-2.5", "1" + 400 * "0"), line.replace('"quality":1.0}}', '"quality":1' + 400 * "0" + "}}")]
    path.write_bytes("".join([*torn, line]).encode() + b"\xff\xfe\n")
    found = read_log(path)
    assert found.damaged == (1, 2, 4) and len(found.entries) == 1


def test_a_full_disk_is_told_and_harms_no_other_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write = tmp_path / "log.jsonl", os.write
    with DecisionLog(path) as log:
        with monkeypatch.context() as full:
            full.setattr(os, "write", lambda file, data: write(file, data[:30]))
            with pytest.raises(OSError, match=r"30 of [0-9]+ bytes of decision '7'"):
                log.append(DECISION, {"quality": 1.0})
        log.append(DECISION, {"quality": 0.5})
    found = read_log(path)
    assert found.damaged == (1,) and [each.metrics for each in found.entries] == [{"quality": 0.5}]


def test_threads_and_writers_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"

    def write(part: int) -> None:
        with DecisionLog(path) as log:
            for step in range(50):
                log.append(Decision(f"{part}-{step}", "a", ("a", "b"), (0.5, 0.5)), {"quality": 1.0})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    found = read_log(path)
    assert len(found.entries) == 200 and not found.damaged


def test_a_log_opened_while_another_line_is_under_way_loses_and_damages_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.jsonl"
    with DecisionLog(path) as first:
        first.append(Decision("1", "a", ("a", "b"), (0.5, 0.5)), {"quality": 1.0})
        # The second sees only a part of the line of the first, which is whole a moment later.
        monkeypatch.setattr("os.pread", lambda file, n, place: b"}")
        with DecisionLog(path) as second:
            second.append(Decision("2", "a", ("a", "b"), (0.5, 0.5)), {"quality": 1.0})
    found = read_log(path)
    assert ([each.decision.id for each in found.entries], found.damaged) == (["1", "2"], ())
