"""Policies of an engine over its life: what they are told, what is logged, what a file brings back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.saying import Saying
from contracts.told_generator import DOCUMENTS, Told
from contracts.toy_encoder import ToyEncoder

from spaniel.index.build import build
from spaniel.index.index import Index
from spaniel.index.sparse.feedback import TermFeedback
from spaniel.models.encoders import open as opening
from spaniel.rag.engine.cache import AnswerCache
from spaniel.rag.engine.engine import Engine
from spaniel.rag.engine.generator_specs import OpenAISpec
from spaniel.rag.engine.learning import measured
from spaniel.rag.engine.route_specs import RewriteSpec, RouteSpec
from spaniel.rag.engine.spec import EngineSpec, read_engine
from spaniel.rag.generators.calls import LedgerChat
from spaniel.rag.generators.ledger import Ledger
from spaniel.rag.routing.context import context_of
from spaniel.rag.routing.drafts import DraftCheck
from spaniel.rag.routing.fixed import Always
from spaniel.rag.routing.rewriter import Rewriter
from spaniel.rag.routing.rewrites import Expand, simplify, unchanged
from spaniel.rag.routing.router import Router
from spaniel.rag.routing.steps import Several
from spaniel.retrieval.errors import InvalidInput, LimitExceeded
from spaniel.retrieval.pipeline import Around, Pipeline, rrf
from spaniel.retrieval.policies.bandits.log import read_log
from spaniel.retrieval.policies.bandits.table import make_policy
from spaniel.retrieval.types import QueryLike, Ranking

QUESTION = "may dogs come to the office?"


class Strange(Around):
    """A retriever of somebody's own, which counts nothing."""

    name = "strange"

    def __init__(self, index: Index) -> None:
        super().__init__(index.bm25(2))

    def search(self, queries: Sequence[QueryLike], **options: Any) -> list[Ranking]:
        return [Ranking.sorted(np.array([1, 0]), np.array([1.0, 0.5])) for _ in queries]


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


def test_a_decision_is_learned_once_and_a_number_lies_between_0_and_1(kb: Index) -> None:
    policy = make_policy("ucb1", ["one", "two"])
    engine = Engine(kb, router=Router(policy, {"one": kb.bm25(1), "two": kb.bm25(2)}))
    answer = engine.ask(QUESTION)
    before = policy.to_json()
    wrong: list[Any] = [50.0, -7.0, True, float("nan"), float("inf"), "1", None]
    for reward in wrong:
        with pytest.raises(InvalidInput, match=r"the reward is .*; it must be a number from 0 to 1"):
            engine.learn(answer, reward)
    assert policy.to_json() == before
    engine.learn(answer, 1)
    learned = policy.to_json()
    with pytest.raises(InvalidInput, match=r"decision 'ucb1-0-\w+' \(route\) has been learned from before"):
        engine.learn(answer, 0.5)
    assert policy.to_json() == learned != before
    engine.learn(engine.ask(QUESTION), 0.5)


def test_two_fixed_policies_are_told_apart(kb: Index) -> None:
    route = Router(Always("one"), {"one": kb.bm25(1)})
    engine = Engine(kb, router=route, rewriter=Rewriter({"simplify": simplify}))
    for _ in range(3):
        engine.learn(engine.ask(QUESTION), 0.5)


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


def test_searches_are_counted_where_they_are_made(kb: Index) -> None:
    """Several steps, the features of a route, and feedback search too."""
    words = kb.bm25(5)
    several = Several(words)
    question = "who must be on a leash?"
    n_leads = len(several.followed_by(question, words.search([question])[0]))
    assert n_leads > 0
    expand = Rewriter({"expand": Expand(TermFeedback(words))})
    for engine, n in (
        (Engine(kb, words), 1),
        (Engine(kb, several), 1 + n_leads),
        (Engine(kb, rrf(words, several)), 2 + n_leads),
        (Engine(kb, TermFeedback(words)), 2),
        (Engine(kb, rewriter=expand), 2),
        (Engine(kb, Pipeline(Strange(kb))), 1),
    ):
        assert engine.ask(question).usage["searches"] == n, engine

    check = DraftCheck(words)
    for looks, n in (
        (context_of(kb, search=False), 0),
        (context_of(kb), 1),
        (lambda question: check.of(question, "Dogs"), 2),
        (lambda question: check.pair(question, "Dogs", "Cats"), 3),
    ):
        router = Router(Always("none"), {"none": None}, features=looks)
        assert Engine(kb, generator=Told(["x"]), router=router).ask(QUESTION).usage["searches"] == n


def test_paraphrase_and_decompose_ask_the_engines_own_model(
    tmp_path: Path, kb: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(["Dogs may come."])
    ledger = Ledger(max_calls=2)
    told.chat = LedgerChat(Saying("Are dogs welcome at work?"), ledger)  # type: ignore[attr-defined]
    monkeypatch.setattr(OpenAISpec, "make", lambda self, index: told)
    spec = EngineSpec(
        generator=OpenAISpec(base_url="http://localhost:1/v1", model="m"), rewrite=RewriteSpec(arms=("paraphrase",))
    )
    with Engine.open(kb.path, spec) as engine:
        answer = engine.ask(QUESTION)
        assert answer.decisions["rewrite"].arm == "paraphrase" and ledger.total.calls == 1
        assert answer.usage["model_calls"] == 2
        assert answer.usage["prompt_tokens"] == 9 + ledger.total.prompt_tokens > 9
        assert told.prompts[0].question == QUESTION
        engine.ask(QUESTION)
        with pytest.raises(LimitExceeded, match="calls of the ledger"):
            engine.ask(QUESTION)
    with pytest.raises(InvalidInput, match="'decompose' needs a language model, and the generator is none"):
        Engine.open(kb.path, EngineSpec(rewrite=RewriteSpec(arms=("none", "decompose"))))


def test_both_retrievers_can_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "open_encoder", lambda model, **options: ToyEncoder())
    route = RouteSpec("linucb", context="both")
    with build(DOCUMENTS, tmp_path / "kb", dense=ToyEncoder(), store="float32") as index:
        router = route.make(index, Pipeline(index.bm25(5)))
        assert router.features is not None and len(np.asarray(router.features(QUESTION))) == 52
        assert "bm25&dense" in router.features.names  # type: ignore[attr-defined]
    with build(DOCUMENTS, tmp_path / "words") as index, pytest.raises(InvalidInput, match="no dense part"):
        route.make(index, Pipeline(index.bm25(5)))
