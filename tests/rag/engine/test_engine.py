"""`Engine`: what it answers, from what, and what it says when it cannot."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from contracts.told_generator import DOCUMENTS, Told
from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.build import build
from spaniel.index.index import Index
from spaniel.rag.engine.engine import Engine
from spaniel.rag.engine.flow import NOT_ANSWERED, NOTHING_FITS, NOTHING_FOUND, NOTHING_VERIFIED
from spaniel.rag.packing.top_k import TopK
from spaniel.rag.routing.rewriter import Rewriter, Rewritten
from spaniel.rag.routing.router import Router
from spaniel.retrieval.errors import IndexNotFound, InvalidInput, InvalidQuery, ModelError
from spaniel.retrieval.policies.bandits.table import make_policy
from spaniel.retrieval.policies.threshold import Threshold
from spaniel.retrieval.prompt import Piece, Prompt, Turn
from spaniel.retrieval.types import Document, Ranking

TEXTS = {each.id: each.text for each in DOCUMENTS}


def test_from_a_path_to_a_cited_answer(kb: Index) -> None:
    with Engine.open(kb.path) as engine:
        answer = engine.ask("how often do I rotate a key?")
    assert "Rotate every key once a year." in answer.text and not answer.abstained
    assert answer.citations and all(each.verified for each in answer.citations)
    for each in answer.citations:
        start, end = each.source_span
        assert TEXTS[each.id][start:end] == each.text
    assert answer.passages[0].id == "keys" and answer.question == "how often do I rotate a key?"
    assert [record.name for record in answer.trace] == [
        "bm25", "pack top-k", "generate extractive", "verify citations",
    ]  # fmt: skip
    assert answer.ms >= sum(record.ms for record in answer.trace[1:])


def test_citations_that_do_not_hold_are_dropped_and_counted(kb: Index) -> None:
    said = 'Dogs may come [1: "Dogs may come"], and llamas too [1: "llamas may come"] [9].'
    answer = Engine(kb, generator=Told([said])).ask("may dogs come to the office?")
    [citation] = answer.citations
    assert citation.text == "Dogs may come" and citation.id == "dogs"
    assert answer.dropped == {"not_verbatim": 1, "no_such_excerpt": 1}
    assert "[9]" not in answer.text and answer.usage["model_calls"] == 1


def test_what_the_generator_left_out_cannot_be_cited(kb: Index) -> None:
    usage = {"model_calls": 1, "excerpts_dropped": 3}
    told = Told(["Dogs may come to the office [1]. Cats may not [2]."], Piece(finish="stop", usage=usage))
    answer = Engine(kb, generator=told).ask("may dogs come to the office?")
    assert len(answer.passages) == len(told.prompts[0].excerpts) - 3
    assert answer.dropped["no_such_excerpt"] >= 1


def test_what_a_filter_withholds_is_an_abstention(kb: Index) -> None:
    told = Told([], Piece(finish="filter", reason="the filter withheld it"))
    answer = Engine(kb, generator=told).ask("may dogs come to the office?")
    assert answer.abstained and answer.reason == "the filter withheld it"


def test_answers_without_a_verified_citation_can_be_refused(kb: Index) -> None:
    told = Told(['Llamas may come [1: "llamas may come"].'])
    assert Engine(kb, generator=told).ask("who may come?").text
    answer = Engine(kb, generator=told, require_citations=True).ask("who may come?")
    assert (answer.abstained, answer.text, answer.reason) == (True, "", NOTHING_VERIFIED)
    assert answer.dropped == {"not_verbatim": 1}


def test_nothing_found_and_nothing_fitting_ask_nobody(kb: Index) -> None:
    told = Told(["never"])
    answer = Engine(kb, generator=told).ask("zyzzyva quux")
    assert (answer.abstained, answer.reason, answer.text) == (True, NOTHING_FOUND, "")
    answer = Engine(kb, generator=told, budget_tokens=1).ask("may dogs come?")
    assert (answer.abstained, answer.reason) == (True, NOTHING_FITS)
    assert not told.prompts


def test_refusals_and_abstentions_are_told_apart_from_answers(kb: Index) -> None:
    refusal = Told(["The documents do not ", "answer this."])
    answer = Engine(kb, generator=refusal).ask("may dogs come?")
    assert (answer.abstained, answer.text, answer.reason) == (True, "", NOT_ANSWERED)
    assert answer.passages and answer.usage["model_calls"] == 1
    unsure = Told(last=Piece(finish="abstain", reason="unsure", confidence=0.1))
    answer = Engine(kb, generator=unsure).ask("may dogs come?")
    assert (answer.abstained, answer.reason, answer.confidence) == (True, "unsure", 0.1)


def test_a_generator_that_fails_is_an_error_or_another_one_answers(kb: Index, broken: Callable[[], Told]) -> None:
    with pytest.raises(ModelError, match="the server is down"):
        Engine(kb, generator=broken()).ask("may dogs come?")
    failing = broken()
    answer = Engine(kb, generator=failing, fallback="extractive").ask("may dogs come to the office?")
    assert failing.closed == 1 and "broken failed: the server is down" in answer.notes[0]
    assert answer.citations and answer.text.startswith("Dogs may come to the office.")
    with pytest.raises(ModelError, match="down"):
        Engine(kb, generator=broken(), fallback=broken()).ask("may dogs come?")


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ([RuntimeError("boom")], "told failed: RuntimeError: boom"),
        (["Dogs ", KeyError("x")], "told failed: KeyError: 'x'"),
    ],
)
def test_what_a_generator_of_ones_own_raises_is_a_model_error(kb: Index, pieces: list[Any], said: str) -> None:
    with pytest.raises(ModelError) as raised:
        Engine(kb, generator=Told(pieces)).ask("may dogs come?")
    assert str(raised.value) == said and raised.value.__cause__ is pieces[-1]
    answer = Engine(kb, generator=Told(pieces), fallback="extractive").ask("may dogs come to the office?")
    assert answer.notes == (f"{said}; the answer is extractive's",) and answer.citations


def test_what_a_generator_yields_must_be_pieces(kb: Index) -> None:
    class Bare:
        name = "bare"

        def generate(self, prompt: Prompt) -> Any:
            return ["Dogs."] if "dogs" in prompt.question else None

    with pytest.raises(ModelError, match="bare yielded str; it must yield Piece"):
        Engine(kb, generator=Bare()).ask("may dogs come?")
    with pytest.raises(ModelError, match="bare failed: TypeError"):
        Engine(kb, generator=Bare()).ask("may cats come?")


def test_a_generator_that_does_not_say_how_it_ended_is_an_error(kb: Index) -> None:
    with pytest.raises(ModelError, match="without saying how"):
        Engine(kb, generator=Told(["Dogs"], last=None)).ask("may dogs come?")


def test_a_cut_answer_says_so(kb: Index) -> None:
    answer = Engine(kb, generator=Told(["Dogs may"], last=Piece(finish="length"))).ask("may dogs come?")
    assert answer.finish == "length" and answer.text == "Dogs may"


def test_the_prompt_holds_what_was_asked_for(kb: Index) -> None:
    told = Told(["x"])
    engine = Engine(kb, generator=told, instructions="Be brief.", max_answer_tokens=7, history_turns=1, k=3)
    history = [("who?", "dogs"), Turn("user", "and?")]
    engine.ask("who may come to the office?", history=history, where={"year": 2024}, k=1)
    [prompt] = told.prompts
    assert (prompt.instructions, prompt.max_tokens, prompt.history) == ("Be brief.", 7, (Turn("user", "and?"),))
    assert [each.passage.id for each in prompt.excerpts] == ["cats"]


def test_search_gives_passages_and_cuts_the_whole_ranking(kb: Index) -> None:
    engine = Engine(kb, k=2)
    found = engine.search("may come to the office")
    assert len(found) == 2 and [hit.rank for hit in found] == [1, 2]
    assert len(engine.search("may come to the office", 3)) == 3
    assert [hit.id for hit in engine.search("office", where={"year": 2022})] == ["fish"]
    shut = engine.search("office", exclude=[kb.passages.ordinals_of(["fish"])["fish"]])
    assert "fish" not in [hit.id for hit in shut]

    @dataclass
    class Seen:
        lengths: list[int] = field(default_factory=list)
        name: str = "seen"

        def cut(self, query: object, ranking: Ranking) -> int:
            self.lengths.append(len(ranking))
            return 1

        def explain(self, query: object, ranking: Ranking) -> dict[str, Any]:
            return {"k": 1}

    seen = Seen()
    found = Engine(kb, cutoff=seen).search("may come to the office", 2)
    assert seen.lengths == [3] and len(found) == 1 and found.trace[-1].name == "seen"
    assert len(Engine(kb, kb.bm25() >> Threshold(min_score=0.0)).search("office")) == 3


def test_dry_run_shows_the_prompt_and_asks_nobody(kb: Index) -> None:
    told = Told(["never"])
    dry = Engine(kb, generator=told, max_answer_tokens=9).dry_run("may dogs come?")
    assert not told.prompts and dry.generator == "told" and dry.max_answer_tokens == 9
    assert [message.role for message in dry.messages] == ["system", "user"]
    assert "Dogs may come to the office." in dry.messages[1].content and dry.prompt_tokens > 50
    assert str(dry).endswith("at most 9 of answer ---") and dry.to_dict()["passages"][0] == "dogs"


def routed(kb: Index, **settings: Any) -> Router:
    arms = {"none": None, "one": kb.bm25(1), "several": kb.bm25(3)}
    return Router(make_policy("thompson", list(arms), seed=3, **settings), arms)


def test_a_router_decides_and_learns_by_what_the_answer_carries(kb: Index) -> None:
    told = Told(["Dogs."])
    router = routed(kb)
    engine = Engine(kb, generator=told, router=router)
    seen = set()
    for _ in range(60):
        answer = engine.ask("who may come to the office?")
        arm = answer.decisions["route"].arm
        seen.add(arm)
        assert len(answer.passages) == {"none": 0, "one": 1, "several": 3}[arm]
        assert answer.trace[0].name == "route"
        engine.learn(answer, 1.0 if arm == "several" else 0.0)
    assert seen == {"none", "one", "several"}
    late = [engine.ask("who may come?").decisions["route"].arm for _ in range(20)]
    assert late.count("several") > 12
    with pytest.raises(InvalidInput, match="decided anything"):
        Engine(kb).learn(answer, 1.0)


def test_metrics_by_name_are_joined_by_what_the_answer_cost(kb: Index) -> None:
    learned: list[Any] = []
    router = routed(kb, preferences={"quality": 1.0})
    router.learn = lambda decision, metrics: learned.append((decision, metrics))  # type: ignore[method-assign]
    engine = Engine(kb, generator=Told(["x"]), router=router)
    answer = engine.ask("who may come?")
    engine.learn(answer, {"quality": 0.5, "latency_ms": 3.0})
    assert learned == [(answer.decisions["route"], learned[0][1])]
    assert learned[0][1] == {"quality": 0.5, "latency_ms": 3.0, "tokens": 12.0, "searches": answer.usage["searches"]}


def test_a_rewriter_changes_what_is_searched_and_not_what_is_asked(kb: Index) -> None:
    told = Told(["x"])

    def both(question: str) -> Rewritten:
        return Rewritten(question, parts=("dogs leash", "fish bowl"))

    engine = Engine(kb, generator=told, rewriter=Rewriter({"decompose": both}))
    answer = engine.ask("tell me about animals")
    assert {each.id for each in answer.passages} >= {"dogs", "fish"}
    assert told.prompts[0].question == answer.question == "tell me about animals"
    assert answer.decisions["rewrite"].arm == "decompose"
    assert "rrf of queries" in [record.name for record in answer.trace]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"generator": object()}, "generator .* is no Generator"),
        ({"generator": Told}, "generator is the class Told"),
        ({"packer": object()}, "packer"),
        ({"router": object()}, "router"),
        ({"counter": 3}, "counter"),
        ({"cutoff": object()}, "neither a reranker"),
        ({"k": 0}, "k is 0"),
        ({"k": 10**12}, "k is 1000000000000; it must be a whole number from 1 to 16777216"),
        ({"budget_tokens": 0}, "budget_tokens is 0"),
        ({"history_turns": -1}, "history_turns is -1"),
        ({"pipeline": object()}, "not a retriever"),
    ],
)
def test_parts_that_do_not_fit_are_named(kb: Index, arguments: Mapping[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Engine(kb, **arguments)


def test_what_is_no_open_index_is_named(kb: Index) -> None:
    others = (("kb6", "index is 'kb6'"), (None, "index is None"), (kb.bm25(), "index is Bm25Retriever"))
    for other, said in others:
        with pytest.raises(InvalidInput, match=said) as raised:
            Engine(other)  # type: ignore[arg-type]
        assert "Engine.open(PATH)" in raised.value.hint


def test_files_that_cannot_be_read_are_named(kb: Index, tmp_path: Any) -> None:
    with pytest.raises(InvalidInput, match=r"none\.toml: cannot be read as TOML: No such file"):
        Engine.open(kb.path, tmp_path / "none.toml")
    with pytest.raises(InvalidInput, match="cannot be read as TOML: Is a directory"):
        Engine.open(kb.path, kb.path)


def test_ids_and_ordinals_can_be_excluded(kb: Index) -> None:
    engine = Engine(kb)
    question = "may dogs come to the office?"
    ordinal = kb.passages.ordinals_of(["cats"])["cats"]
    excluded: list[Any] = [["dogs", "cats"], ["dogs", ordinal], {"dogs", "cats", "gone", 10**9}]
    for exclude in excluded:
        assert {each.id for each in engine.ask(question, exclude=exclude).passages} == {"fish"}
        assert [hit.id for hit in engine.search(question, exclude=exclude)] == ["fish"]
    wrong: list[Any] = ["dogs", [1.5], [-1], [2**70], [True], 3]
    for exclude in wrong:
        with pytest.raises(InvalidInput, match=r"exclude: (is|holds) .*; it must"):
            engine.ask(question, exclude=exclude)


def test_a_document_is_excluded_with_all_its_passages(tmp_path: Path) -> None:
    text = " ".join(f"Rule {number}: dogs may come to room {number}." for number in range(40))
    with build([Document("rules", text), *DOCUMENTS], tmp_path / "cut", chunks=32) as cut:
        engine = Engine(cut)
        rules = [hit.id for hit in engine.search("dogs", 50) if hit.passage.doc_id == "rules"]
        assert len(rules) > 1
        assert {hit.id for hit in engine.search("dogs", 50, exclude=["rules"])} == {"dogs", "cats"}
        assert {hit.id for hit in engine.search("dogs", 50, exclude=rules[1:])} == {rules[0], "dogs", "cats"}


def test_a_pipeline_of_another_index_is_an_error(kb: Index, tmp_path: Any) -> None:
    with build(DOCUMENTS, tmp_path / "other") as other, pytest.raises(InvalidInput, match="does not search"):
        Engine(kb, other.bm25())


def test_questions_that_cannot_be_asked(kb: Index) -> None:
    engine = Engine(kb)
    for question in ("", "  ", None):
        with pytest.raises(InvalidInput, match="question"):
            engine.ask(question)  # type: ignore[arg-type]
    for k in (0, 10**12):
        with pytest.raises(InvalidInput, match=f"engine: k is {k}; it must be a whole number from 1 to 16777216"):
            engine.stream("dogs?", k=k)
        with pytest.raises(InvalidInput, match=f"engine: k is {k}"):
            engine.search("dogs?", k)
    with pytest.raises(InvalidQuery):
        engine.ask("dogs?", where={"year": {"$huh": 1}})
    with pytest.raises(InvalidInput, match="history"):
        engine.ask("dogs?", history=["who?"])  # type: ignore[list-item]


def test_open_closes_its_index_and_says_what_is_missing(kb: Index, tmp_path: Any) -> None:
    engine = Engine.open(kb.path)
    engine.close()
    engine.close()
    with pytest.raises(InvalidInput, match="closed"):
        engine.index.search("dogs")
    with pytest.raises(IndexNotFound):
        Engine.open(tmp_path / "nothing")
    assert repr(Engine(kb)) == "Engine(bm25 -> top-k -> extractive)"


SAID = st.lists(
    st.sampled_from(
        ["Dogs may come ", "to the office", ". ", "[1]", "[2, 9]", "[0]", '[1: "Dogs may come"]', "\n", "【2】"]
    )
    | st.text(max_size=6),
    max_size=12,
)


@given(SAID)
def test_whatever_a_generator_says_every_citation_is_a_span_of_a_stored_document(kb: Index, said: list[str]) -> None:
    answer = Engine(kb, generator=Told(said)).ask("may dogs come to the office?")
    for each in answer.citations:
        start, end = each.source_span
        assert each.verified and each.text and TEXTS[each.id][start:end] == each.text
        assert 0 <= each.answer_span[0] <= each.answer_span[1] <= len(answer.text)
    assert {each.id for each in answer.citations} <= {each.id for each in answer.passages}


def test_an_answer_tells_its_cost_and_the_documents_of_its_citations(kb: Index) -> None:
    class Priced(Told):
        def cost_of(self, prompt_tokens: int, answer_tokens: int) -> float:
            return prompt_tokens * 0.5 + answer_tokens

    usage = {"prompt_tokens": 10, "answer_tokens": 2, "model_calls": 1}
    told = Priced(['Dogs may come [1: "Dogs may come"].'], Piece(finish="stop", usage=usage))
    answer = Engine(kb, generator=told).ask("may dogs come to the office?")
    assert answer.cost == 7.0
    assert "cost: 7.0" in answer.explain()
    shown: Any = answer.to_dict()["citations"]
    assert [each["doc_id"] for each in shown] == [kb.get(answer.citations[0].id).doc_id]
    assert Engine(kb).ask("may dogs come to the office?").cost is None


def test_a_dry_run_of_what_would_not_be_sent_says_so(kb: Index) -> None:
    dry = Engine(kb).dry_run("zzz qqq")
    assert dry.nothing == "nothing was found for the question"
    assert (dry.messages, dry.prompt_tokens) == ((), 0)
    assert "nothing would be sent" in str(dry)
    assert Engine(kb, budget_tokens=1, packer=TopK(full="skip")).dry_run("dogs office").nothing
