"""Policies of an engine over its life: what they are told, what is logged, what a file brings back."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from contracts.told_generator import Told

from spaniel.index.index import Index
from spaniel.rag.engine.cache import AnswerCache
from spaniel.rag.engine.engine import Engine
from spaniel.rag.engine.learning import measured
from spaniel.rag.engine.route_specs import RewriteSpec, RouteSpec
from spaniel.rag.engine.spec import EngineSpec, read_engine
from spaniel.rag.routing.rewriter import Rewriter
from spaniel.rag.routing.rewrites import simplify, unchanged
from spaniel.rag.routing.router import Router
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.bandits.log import read_log
from spaniel.retrieval.policies.bandits.table import make_policy

QUESTION = "may dogs come to the office?"


def test_what_one_policy_cannot_learn_no_other_one_learns(kb: Index) -> None:
    route = make_policy("ucb1", ["none", "one"], preferences={"quality": 1.0})
    rewrite = make_policy("ucb1", ["none", "simplify"], preferences={"speed": 1.0})
    engine = Engine(
        kb,
        router=Router(route, {"none": kb.bm25(1), "one": kb.bm25(5)}),
        rewriter=Rewriter({"none": unchanged, "simplify": simplify}, rewrite),
    )
    answer = engine.ask(QUESTION)
    before = route.to_json(), rewrite.to_json()
    for reward in ({"quality": 1.0}, {"speed": 1.0}, {"quality": 1.0, "speed": float("nan")}):
        with pytest.raises(InvalidInput, match=r"is missing|is nan"):
            engine.learn(answer, reward)
    assert (route.to_json(), rewrite.to_json()) == before
    engine.learn(answer, {"quality": 1.0, "speed": 0.5})
    assert route.to_json() != before[0] and rewrite.to_json() != before[1]


def test_a_cached_answer_is_not_paid_for_again(kb: Index) -> None:
    with AnswerCache() as cache:
        router = Router(make_policy("ucb1", ["one"]), {"one": kb.bm25(5)})
        engine = Engine(kb, generator=Told(["Dogs."], identity="t"), router=router, cache=cache, version="1")
        first, second = engine.ask(QUESTION), engine.ask(QUESTION)
    assert (first.cached, second.cached) == (False, True)
    paid = measured(first)
    assert paid["tokens"] > 0 and paid["latency_ms"] > 0 and paid["searches"] == 1
    assert measured(second) == {"latency_ms": 0, "tokens": 0, "searches": 0}


def test_every_decision_is_logged_and_what_came_of_it(tmp_path: Path, kb: Index) -> None:
    log = tmp_path / "log.jsonl"
    route = RouteSpec("thompson", {"floor": 0.2, "preferences": {"quality": 1.0}}, "none", log=str(log))
    (tmp_path / "engine.toml").write_text(EngineSpec(route=route).to_toml())
    with Engine.open(kb.path, tmp_path / "engine.toml") as engine:
        answers = [engine.ask(QUESTION) for _ in range(20)]
        for answer in answers[:15]:
            engine.learn(answer, {"quality": float(bool(answer.citations))})
    entries = read_log(log).entries
    assert [each.decision for each in entries] == [each.decisions["route"] for each in answers]
    assert all(each.decision.propensity >= 0.1 for each in entries)
    known = [each.metrics for each in entries if each.metrics is not None]
    assert len(known) == 15 and {"quality", "latency_ms", "tokens", "searches"} <= set(known[0])
    with pytest.raises(InvalidInput, match="closed"):
        engine.ask(QUESTION)


def test_in_shadow_one_arm_is_served_and_what_was_learned_goes_live(tmp_path: Path, kb: Index) -> None:
    log, state = tmp_path / "log.jsonl", str(tmp_path / "route.json")
    settings: Any = {"seed": 4, "floor": 0.3}
    with Engine.open(
        kb.path, EngineSpec(route=RouteSpec("thompson", settings, "none", state, log=str(log), shadow="one"))
    ) as engine:
        answers = [engine.ask(QUESTION) for _ in range(30)]
        for answer in answers:
            engine.learn(answer, 1.0)
        engine.save()
    assert {each.decisions["route"].arm for each in answers} == {"one"}
    told = Counter((each.decision.policy, each.decision.arm) for each in read_log(log).entries)
    assert told["shadow(thompson)", "one"] == 30
    assert told["thompson", "one"] + told["thompson", "none"] == 30 and told["thompson", "none"] > 0
    with Engine.open(kb.path, EngineSpec(route=RouteSpec("thompson", settings, "none", state))) as engine:
        live = [engine.ask(QUESTION).decisions["route"] for _ in range(30)]
    assert live[0].step == 30 and {each.arm for each in live} == {"none", "one"}


def test_a_budget_is_kept_over_restarts(tmp_path: Path, kb: Index) -> None:
    state = str(tmp_path / "route.json")
    settings: Any = {"preferences": {"quality": 1.0, "searches": 0.0}, "floor": 0.0}
    route = RouteSpec("thompson", settings, "none", state, budgets={"searches": 0.25})
    file = tmp_path / "engine.toml"
    file.write_text(EngineSpec(route=route).to_toml())
    assert read_engine(file).route == route
    spent = 0
    for _ in range(3):
        with Engine.open(kb.path, file) as engine:
            for _ in range(40):
                answer = engine.ask(QUESTION)
                assert answer.decisions["route"].policy == "budgeted(thompson)"
                spent += answer.usage["searches"]
                engine.learn(answer, {"quality": float(bool(answer.citations))})
            engine.save()
            assert engine.parts.router.policy.spent["searches"] == spent  # type: ignore[union-attr]
    assert spent <= 0.25 * 120 + engine.parts.router.policy.overrun_bound["searches"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (RouteSpec(context="search"), "was learned with dimension"),
        (RouteSpec(settings={"alpha": 5.0}), "was learned with alpha = .*; the file says 5.0"),
        (RouteSpec(settings={"floor": 0.3}), "was learned with floor = 0.01; the file says 0.3"),
        (RouteSpec(arms={"none": "", "two": "default"}), "was learned with arms"),
        (RouteSpec("linear-thompson"), "holds a policy 'linucb'"),
        (
            RouteSpec(settings={"preferences": {"reward": 1.0, "tokens": 0.0}}, budgets={"tokens": 9.0}),
            "holds a policy 'linucb'; the file asks for 'budgeted'",
        ),
    ],
)
def test_a_state_of_other_settings_is_refused_when_the_engine_is_opened(
    tmp_path: Path, kb: Index, changed: RouteSpec, said: str
) -> None:
    state = str(tmp_path / "route.json")
    with Engine.open(kb.path, EngineSpec(route=RouteSpec(state=state))) as engine:
        engine.ask(QUESTION)
        engine.save()
    with pytest.raises(InvalidInput, match=said):
        Engine.open(kb.path, EngineSpec(route=replace(changed, state=state)))


def test_a_rewriter_with_one_arm_is_logged_too(tmp_path: Path, kb: Index) -> None:
    log = tmp_path / "log.jsonl"
    with Engine.open(kb.path, EngineSpec(rewrite=RewriteSpec(arms=("simplify",), log=str(log)))) as engine:
        engine.learn(engine.ask(QUESTION), 0.5)
    [entry] = read_log(log).entries
    assert (entry.decision.arm, entry.decision.propensity, entry.metrics) == ("simplify", 1.0, {"reward": 0.5})
