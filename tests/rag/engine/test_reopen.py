"""An engine moves on with its index: what was deleted is neither read nor cited, and what was learned stays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.told_generator import DOCUMENTS, Told

from spaniel.index.build import add, build
from spaniel.index.edit import delete
from spaniel.index.index import Index
from spaniel.rag.engine.cache import AnswerCache
from spaniel.rag.engine.engine import Engine
from spaniel.rag.engine.generator_specs import OpenAISpec
from spaniel.rag.engine.route_specs import RewriteSpec, RouteSpec
from spaniel.rag.engine.spec import EngineSpec
from spaniel.rag.pipelines.rerank_stages import RemoteRerank, rerankers_of
from spaniel.rag.pipelines.spec import PipelineSpec
from spaniel.rag.pipelines.stages import Bm25
from spaniel.rag.routing.router import Router
from spaniel.rerank.reranker import Rerank
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.bandits.table import make_policy
from spaniel.retrieval.types import Document

QUESTION = "may dogs come to the office?"
ROUTE = RouteSpec("thompson", {"seed": 1}, "none", arms={"one": "default", "likelihood": "ql"})
REWRITE = RewriteSpec("thompson", {"seed": 1}, "none", arms=("none", "simplify"))


@pytest.fixture
def mine(tmp_path: Path) -> Any:
    """An index that the test may change."""
    with build(DOCUMENTS, tmp_path / "kb") as index:
        yield index


def gone(index: Index) -> None:
    """Every document but the fish is deleted."""
    delete(index.path, ["dogs", "cats", "keys"])
    assert index.reopen()


MADE: list[Callable[[Index, AnswerCache | None], Engine]] = [
    lambda index, cache: Engine(index, cache=cache),
    lambda index, cache: Engine(index, generator=Told(["Fish [1]."]), cache=cache),
    lambda index, cache: Engine.of_spec(index, EngineSpec(), cache=cache),
    lambda index, cache: Engine.of_spec(index, EngineSpec(route=ROUTE, rewrite=REWRITE), cache=cache),
]


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize("cached", [False, True])
def test_what_was_deleted_is_not_answered_from(
    mine: Index, make: Callable[[Index, AnswerCache | None], Engine], cached: bool
) -> None:
    engine = make(mine, AnswerCache() if cached else None)
    assert {each.id for each in engine.ask(QUESTION).passages} >= {"dogs", "cats"}
    pending = engine.stream(QUESTION)
    gone(mine)
    for _ in range(3):
        answer = engine.ask(QUESTION)
        assert {each.id for each in answer.passages} <= {"fish"}
        assert {each.id for each in answer.citations} <= {"fish"}
    assert not engine.search("dogs") and [hit.id for hit in engine.search("office")] == ["fish"]
    assert [each.passage.id for each in engine.dry_run(QUESTION).prompt.excerpts] == ["fish"]
    assert len(list(pending)) > 1  # a stream goes on over the generation that it began in


def test_what_was_added_is_found(mine: Index) -> None:
    engine = Engine(mine)
    assert "llamas" not in {each.id for each in engine.ask("may llamas come to the office?").passages}
    add([Document("llamas", "Llamas may come to the office.")], mine.path).close()
    assert mine.reopen()
    assert engine.ask("may llamas come to the office?").citations[0].id == "llamas"


def test_an_engine_that_opened_its_index_moves_on_and_closes_it(mine: Index) -> None:
    engine = Engine.open(mine.path)
    delete(mine.path, ["dogs"])
    assert "dogs" in {each.id for each in engine.ask(QUESTION).passages}  # nobody has reopened it
    assert engine.index.reopen()
    assert "dogs" not in {each.id for each in engine.ask(QUESTION).passages}
    engine.close()
    with pytest.raises(InvalidInput, match="closed"):
        engine.index.search("dogs")


def test_policies_keep_what_they_have_learned(mine: Index) -> None:
    engine = Engine.of_spec(mine, EngineSpec(route=ROUTE, rewrite=REWRITE))
    routes, rewrites = engine.parts.router, engine.parts.rewriter
    early = engine.ask(QUESTION)
    gone(mine)
    engine.ask(QUESTION)
    engine.learn(early, 1.0)
    assert isinstance(routes, Router) and isinstance(engine.parts.router, Router)
    assert engine.parts.router is not routes and engine.parts.router.policy is routes.policy
    assert engine.parts.rewriter.policy is rewrites.policy  # type: ignore[union-attr]


def test_what_the_caller_made_over_the_old_generation_is_an_error(mine: Index) -> None:
    piped = Engine(mine, mine.bm25())
    arms = {"one": mine.bm25(1), "two": mine.bm25(2)}
    routed = Engine(mine, router=Router(make_policy("thompson", list(arms), seed=1), arms))
    gone(mine)
    for _ in range(2):
        with pytest.raises(InvalidInput, match=r"bm25 does not search .* \(generation 2\)"):
            piped.ask(QUESTION)
        with pytest.raises(InvalidInput, match=r"arm '\w+' \(bm25\) does not search"):
            routed.ask(QUESTION)
    assert repr(piped) == "Engine(bm25 -> top-k -> extractive)"


def test_a_router_over_another_index_is_an_error(mine: Index, kb: Index) -> None:
    arms = {"one": kb.bm25(1), "two": kb.bm25(2)}
    with pytest.raises(InvalidInput, match="does not search the index"):
        Engine(mine, router=Router(make_policy("thompson", list(arms), seed=1), arms)).ask(QUESTION)


def test_models_of_a_file_are_closed_when_they_are_made_anew(mine: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[object] = []
    monkeypatch.setattr(Rerank, "close", lambda reranker: closed.append(reranker))
    stages = (Bm25(), RemoteRerank("http://127.0.0.1:9"))
    engine = Engine.of_spec(mine, EngineSpec(pipeline=PipelineSpec("remote", stages)))
    [first] = rerankers_of(engine.parts.pipeline)
    gone(mine)
    assert not closed
    engine.stream(QUESTION)
    [second] = rerankers_of(engine.parts.pipeline)
    assert closed == [first] and second is not first
    engine.close()
    assert closed == [first, second]


def test_a_server_goes_on_counting(mine: Index) -> None:
    spec = EngineSpec(generator=OpenAISpec("http://127.0.0.1:9/v1", "m"))
    with Engine.of_spec(mine, spec) as engine:
        generator = engine.parts.generator
        gone(mine)
        engine.stream(QUESTION)
        assert engine.parts.generator is generator and engine.parts.documents is mine.passages
