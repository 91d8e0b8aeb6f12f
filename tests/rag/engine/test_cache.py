"""Answers that are kept: the same ones come back, other questions get other answers, and nothing else is kept."""

import datetime
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from contracts.told_generator import DOCUMENTS, Told

from spaniel.index.build import add, build
from spaniel.index.index import Index
from spaniel.rag.engine.cache import AnswerCache
from spaniel.rag.engine.engine import Engine
from spaniel.rag.engine.events import AnswerEvent, CitationEvent, PieceEvent
from spaniel.rag.engine.generator_specs import ExtractiveSpec
from spaniel.rag.engine.keys import definition_of
from spaniel.rag.engine.route_specs import RouteSpec
from spaniel.rag.engine.saved import answer_of, bytes_of
from spaniel.rag.engine.spec import AnswerSpec, EngineSpec
from spaniel.rag.packing.top_k import TopK
from spaniel.rag.routing.router import Router
from spaniel.retrieval.errors import InvalidInput, InvalidQuery, ModelError
from spaniel.retrieval.policies.bandits.table import make_policy
from spaniel.retrieval.policies.threshold import Threshold
from spaniel.retrieval.prompt import Piece
from spaniel.retrieval.types import Document

QUESTION = "may dogs come to the office?"


def test_the_second_time_nobody_is_asked(kb: Index) -> None:
    told = Told(['Dogs may come [1: "Dogs may come"].'])
    engine = Engine(kb, generator=told, cache=AnswerCache())
    first, second = engine.ask(QUESTION), engine.ask(QUESTION)
    assert len(told.prompts) == 1 and second == replace(first, cached=True)
    assert "cached" in second.explain()
    second.usage["model_calls"] = 99  # type: ignore[index]  # what one caller does to an answer
    assert engine.ask(QUESTION).usage["model_calls"] == 1
    events = list(engine.stream(QUESTION))
    assert [type(event) for event in events] == [PieceEvent, CitationEvent, AnswerEvent]
    assert events[0] == PieceEvent("Dogs may come.")


def test_whatever_matters_makes_another_key(kb: Index) -> None:
    told = Told(["x"])
    cache = AnswerCache()
    asked: list[Callable[[], Any]] = [
        lambda: Engine(kb, generator=told, cache=cache).ask(QUESTION),
        lambda: Engine(kb, generator=told, cache=cache).ask(QUESTION + " "),
        lambda: Engine(kb, generator=told, cache=cache).ask(QUESTION, k=2),
        lambda: Engine(kb, generator=told, cache=cache).ask(QUESTION, where={"year": 2023}),
        lambda: Engine(kb, generator=told, cache=cache).ask(QUESTION, exclude=[2]),
        lambda: Engine(kb, generator=told, cache=cache).ask(QUESTION, history=[("who?", "dogs")]),
        lambda: Engine(kb, generator=told, cache=cache, instructions="Be brief.").ask(QUESTION),
        lambda: Engine(kb, generator=told, cache=cache, budget_tokens=99).ask(QUESTION),
        lambda: Engine(kb, generator=told, cache=cache, packer=TopK(order="edges")).ask(QUESTION),
        lambda: Engine(kb, generator=told, cache=cache, cutoff=Threshold(min_score=0.0)).ask(QUESTION),
        lambda: Engine(kb, generator=told, cache=cache, fallback="extractive").ask(QUESTION),
        lambda: Engine(kb, generator=told, cache=cache, version="2").ask(QUESTION),
        lambda: Engine(kb, kb.bm25(50), generator=told, cache=cache, version="3").ask(QUESTION),
        lambda: Engine(kb, generator=Told(["y"], identity="told-2"), cache=cache).ask(QUESTION),
    ]
    assert not any(ask().cached for ask in asked)
    assert all(ask().cached for ask in asked)


def test_files_of_engines_make_keys_of_their_own(kb: Index, tmp_path: Path) -> None:
    specs = [EngineSpec(), EngineSpec(answer=AnswerSpec(k=2)), EngineSpec(generator=ExtractiveSpec(max_sentences=1))]
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        made = [Engine.of_spec(kb, spec, cache=cache) for spec in specs]
        assert not any(engine.ask(QUESTION).cached for engine in made)
        assert all(engine.ask(QUESTION).cached for engine in made)
    with AnswerCache(tmp_path / "answers.sqlite") as cache, Engine.open(kb.path, cache=cache) as engine:
        assert engine.ask(QUESTION).cached and engine.ask(QUESTION).citations


def test_another_generation_of_the_index_is_asked_anew(tmp_path: Path) -> None:
    cache = AnswerCache()
    with build(DOCUMENTS, tmp_path / "kb") as index:
        assert not Engine(index, cache=cache).ask(QUESTION).cached
    with add([Document("llamas", "Llamas may come to the office.")], tmp_path / "kb") as index:
        assert not Engine(index, cache=cache).ask(QUESTION).cached


def test_only_whole_answers_are_kept(kb: Index, broken: Callable[[], Told]) -> None:
    cut = Told(["Dogs"], last=Piece(finish="length"))
    for generator, options in ((cut, {}), (broken(), {"fallback": "extractive"})):
        engine = Engine(kb, generator=generator, cache=AnswerCache(), **options)  # type: ignore[arg-type]
        assert [engine.ask(QUESTION).cached for _ in range(2)] == [False, False]
    failing = Engine(kb, generator=broken(), cache=(cache := AnswerCache()))
    with pytest.raises(ModelError):
        failing.ask(QUESTION)
    stream = Engine(kb, generator=Told(["a", "b"]), cache=cache).stream(QUESTION)
    next(stream), next(stream), next(stream)
    stream.close()
    assert len(cache) == 0
    unsure = Engine(kb, generator=Told(last=Piece(finish="abstain", reason="unsure")), cache=cache)
    assert [unsure.ask(QUESTION).cached for _ in range(2)] == [False, True]


def test_decisions_belong_to_the_call(kb: Index) -> None:
    arms = {"none": None, "one": kb.bm25(1)}
    router = Router(make_policy("thompson", list(arms), seed=1), arms)
    told = Told(["x"])
    engine = Engine(kb, generator=told, router=router, cache=AnswerCache(), version="1")
    answers = [engine.ask(QUESTION) for _ in range(20)]
    assert len(told.prompts) == 2 and len({each.decisions["route"].id for each in answers}) == 20


def test_parts_that_do_not_say_what_they_are_need_a_version(kb: Index) -> None:
    with pytest.raises(InvalidInput, match=r"pipeline .* does not say what it is"):
        Engine(kb, kb.bm25(), cache=AnswerCache())

    class Nameless:
        name = "nameless"
        generate = Told(["x"]).generate

    with pytest.raises(InvalidInput, match="generator"):
        Engine(kb, generator=Nameless(), cache=AnswerCache())
    assert Engine(kb, kb.bm25(), generator=Nameless(), cache=AnswerCache(), version="1")


def test_the_least_recently_used_goes_first() -> None:
    cache = AnswerCache(max_entries=2)
    cache.put("a", b"1")
    cache.put("b", b"2")
    assert cache.get("a") == b"1"
    cache.put("c", b"3")
    assert [cache.get(key) for key in "abc"] == [b"1", None, b"3"]
    assert (cache.hits, cache.misses) == (3, 1)
    cache.clear()
    assert len(cache) == 0
    with pytest.raises(InvalidInput, match="max_entries is 0"):
        AnswerCache(max_entries=0)


def test_a_file_keeps_answers_and_forgets_the_oldest(tmp_path: Path) -> None:
    path = tmp_path / "more" / "answers.sqlite"
    with AnswerCache(path, max_file_entries=3) as cache:
        for number in range(5):
            cache.put(str(number), bytes([number]))
    with AnswerCache(path) as cache:
        assert [cache.get(str(number)) for number in range(5)] == [None, None, b"\x02", b"\x03", b"\x04"]
        cache.clear()
    with AnswerCache(path) as cache:
        assert cache.get("4") is None


def test_damage_in_the_file_is_a_miss_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    with AnswerCache(path) as cache:
        cache.put("a", b"one")
    file = sqlite3.connect(path)
    file.execute("UPDATE answers SET value = ?", (b"two",))
    file.commit()
    file.close()
    with AnswerCache(path) as cache:
        assert cache.get("a") is None
    (tmp_path / "text").write_text("these are no answers, and this is no database at all")
    with pytest.raises(InvalidInput, match="no cache of answers"):
        AnswerCache(tmp_path / "text")
    other = sqlite3.connect(tmp_path / "other")
    other.execute("CREATE TABLE t (x)")
    other.commit()
    other.close()
    with pytest.raises(InvalidInput, match="something else"):
        AnswerCache(tmp_path / "other")


def test_a_file_serves_several_threads(tmp_path: Path) -> None:
    with AnswerCache(tmp_path / "answers.sqlite", max_entries=1) as cache:

        def work(mine: int) -> None:
            for number in range(5):
                cache.put(f"{mine}-{number}", bytes([number]))

        threads = [threading.Thread(target=work, args=(mine,)) for mine in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(cache.get(f"{mine}-{number}") == bytes([number]) for mine in range(4) for number in range(5))


@pytest.mark.parametrize("kept", [b"", b"{}", b"[1]", b'{"text": 1}', b"\xff", b"[" * 100_000])
def test_bytes_that_are_no_answer_are_a_miss(kb: Index, kept: bytes) -> None:
    assert answer_of(kept) is None


def test_answers_read_back_equal(kb: Index) -> None:
    answer = Engine(kb).ask(QUESTION)
    assert answer_of(bytes_of(answer)) == replace(answer, cached=True)


def test_what_stands_in_the_files_of_route_arms_makes_another_key(kb: Index, tmp_path: Path) -> None:
    arm = tmp_path / "arm.toml"
    spec = EngineSpec(route=RouteSpec(policy="thompson", context="none", arms={"one": str(arm), "two": "bm25"}))
    keys = set()
    for k1 in (0.9, 2.0):
        arm.write_text(f'[[stages]]\ntype = "bm25"\nk1 = {k1}\n')
        keys.add(str(definition_of(Engine.of_spec(kb, spec).parts, spec.to_json(), "")))
    assert len(keys) == 2


def test_another_release_makes_another_key(kb: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    parts, known = Engine(kb).parts, EngineSpec().to_json()
    told = definition_of(parts, known, "")
    monkeypatch.setattr("spaniel.rag.engine.keys.version", lambda name: "99.0")
    assert definition_of(parts, known, "") != told


def test_a_wrong_filter_is_the_same_error_with_a_cache_and_without(kb: Index) -> None:
    wrong: Any = {"year": datetime.date(2024, 1, 1)}
    for cache in (None, AnswerCache()):
        with pytest.raises(InvalidQuery):
            Engine(kb, cache=cache).ask(QUESTION, where=wrong)
