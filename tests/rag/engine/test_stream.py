"""Events as they come, their asynchronous twins, and ending before the end."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from contracts.told_generator import Told
from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.build import build
from spaniel.index.index import Index
from spaniel.rag.citations.brackets import Brackets
from spaniel.rag.citations.markers import parse_markers
from spaniel.rag.engine.engine import Engine
from spaniel.rag.engine.events import (
    AnswerEvent,
    CitationEvent,
    FallbackEvent,
    FoundEvent,
    PackedEvent,
    PieceEvent,
)
from spaniel.rag.engine.unmarked import Unmarked
from spaniel.rag.generators.extractive.generator import Extractive
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.prompt import Piece, Prompt
from spaniel.retrieval.types import Document

QUESTION = "may dogs come to the office?"
BITS = [
    "Dogs may come ", "[1]", ' [2: "its words"]', ". ", "【1】", "`argv[1]`", "```\ncode[2]\n```", "²", " and cats",
    "\n\n", "[none]", " [1, 2]", '"its words" [1]', "[1](https://x.y)", " x", "[", "`", "(", ")", "\"",
    "data[0]", " a_b[1]", "= [1]", "[0, 1]", " office[2]", "f(x)[1]", "[7]", "[text][1]", "m", "1",
    "【4:0†source】", "\\[1\\]", "[see 1]", "\\",
]  # fmt: skip

LOOSE = str.maketrans("[]²", "()2")
"""What becomes a reference once another is taken out is changed where both can be seen."""


def test_events_come_in_order_and_end_with_the_answer(kb: Index) -> None:
    told = Told(["Dogs may", ' come [1: "Dogs may come"', "] [7]."])
    events = list(Engine(kb, generator=told).stream(QUESTION))
    kinds = [event.kind for event in events]
    assert kinds == ["found", "packed", "piece", "piece", "piece", "citation", "answer"]
    found, packed, *_, cited, last = events
    assert isinstance(found, FoundEvent) and isinstance(packed, PackedEvent)
    assert [each.passage.id for each in packed.packed.excerpts] == [hit.id for hit in found.results]
    assert isinstance(cited, CitationEvent) and isinstance(last, AnswerEvent)
    assert last.answer.citations == (cited.citation,)
    text = "".join(event.text for event in events if isinstance(event, PieceEvent))
    assert text == "Dogs may come." and last.answer.text == "Dogs may come [1]."


def test_a_fallback_begins_anew(kb: Index, broken: Callable[[], Told]) -> None:
    events = list(Engine(kb, generator=broken(), fallback="extractive").stream(QUESTION))
    place = next(i for i, event in enumerate(events) if isinstance(event, FallbackEvent))
    after = "".join(event.text for event in events[place:] if isinstance(event, PieceEvent))
    assert after.startswith("Dogs may come to the office.")


def test_nothing_found_has_one_event_before_the_answer(kb: Index) -> None:
    assert [event.kind for event in Engine(kb).stream("zyzzyva")] == ["found", "answer"]


def test_closing_a_stream_stops_the_generator(kb: Index) -> None:
    told = Told(["a", "b", "c"])
    stream = Engine(kb, generator=told).stream(QUESTION)
    for event in stream:
        if isinstance(event, PieceEvent):
            break
    assert told.closed == 0
    stream.close()
    assert told.closed == 1


def test_wrong_arguments_are_told_before_the_first_event(kb: Index) -> None:
    with pytest.raises(InvalidInput):
        Engine(kb).stream("")
    with pytest.raises(InvalidInput):
        Engine(kb).astream("")
    with pytest.raises(TypeError, match="depth"):
        Engine(kb).stream(QUESTION, depth=3)  # type: ignore[call-arg]


@given(
    st.lists(st.sampled_from(BITS), max_size=9).map("".join),
    st.lists(st.integers(1, 7), min_size=60, max_size=60),
    st.booleans(),
)
def test_pieces_show_what_the_whole_would_without_references(text: str, sizes: list[int], cut: bool) -> None:
    shown, out, place = Unmarked(2), [], 0
    for size in sizes:
        out.append(shown.more(text[place : place + size]))
        place += size
    out += [shown.more(text[place:]), shown.end(cut=cut)]
    told = ["".join("".join(each).split()).translate(LOOSE) for each in (out, parse_markers(text, 2, cut=cut).text)]
    assert told[0] == told[1]


def test_what_never_closes_is_shown_in_the_end() -> None:
    shown = Unmarked(2)
    assert shown.more('so [1: "' + "x" * 1500) == "so" and len(shown.more("y" * 1000)) > 2500
    assert shown.more(" `" + "x" * 3000) == "" and len(shown.more("y" * 2000)) > 5000
    assert shown.end() == ""


def test_a_long_quotation_is_looked_at_as_often_as_its_length_says(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    at = Brackets.at
    monkeypatch.setattr(Brackets, "at", lambda self, inside: looks.append(inside) or at(self, inside))  # type: ignore[func-returns-value]
    shown = Unmarked(3)
    text = 'The loop [1: "' + "]" * 1900
    assert "".join(shown.more(letter) for letter in text) == "The loop"
    assert len(looks) < 150


@dataclass
class Waiting:
    """Says a piece, then waits to be let go on."""

    go_on: threading.Event = field(default_factory=threading.Event)
    said: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)
    name: str = "waiting"

    def generate(self, prompt: Prompt) -> Iterator[Piece]:
        try:
            yield Piece("first")
            self.said.set()
            self.go_on.wait(10)
            yield Piece(" second")
            yield Piece(finish="stop")
        finally:
            self.closed.set()


def test_twins_give_the_same(kb: Index) -> None:
    engine = Engine(kb, generator=Told(["Dogs may come [1]."]))

    async def all_of_them() -> None:
        assert (await engine.aask(QUESTION)).text == engine.ask(QUESTION).text
        found = await engine.asearch("office", 2, where={"year": 2024})
        assert [hit.id for hit in found] == [hit.id for hit in engine.search("office", 2, where={"year": 2024})]
        assert [each.kind async for each in engine.astream(QUESTION)] == [each.kind for each in engine.stream(QUESTION)]

    asyncio.run(all_of_them())


def test_twins_run_side_by_side(kb: Index) -> None:
    waiting = Waiting()
    slow, quick = Engine(kb, generator=waiting), Engine(kb, generator=Told(["x"]))

    async def both() -> tuple[str, str]:
        first = asyncio.create_task(slow.aask(QUESTION))
        second = await quick.aask(QUESTION)  # while the other waits
        assert not first.done()
        waiting.go_on.set()
        return (await first).text, second.text

    assert asyncio.run(both()) == ("first second", "x")


def test_errors_reach_whoever_waits(kb: Index, broken: Callable[[], Told]) -> None:
    with pytest.raises(ModelError, match="down"):
        asyncio.run(Engine(kb, generator=broken()).aask(QUESTION))


def test_cancelling_ends_the_task_at_once_and_the_generator_at_its_next_piece(kb: Index) -> None:
    waiting = Waiting()
    engine = Engine(kb, generator=waiting)

    async def cancelled() -> bool:
        task = asyncio.create_task(engine.aask(QUESTION))
        await asyncio.to_thread(waiting.said.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return waiting.closed.is_set()

    assert asyncio.run(cancelled()) is False
    waiting.go_on.set()
    assert waiting.closed.wait(10)


def test_leaving_an_async_stream_stops_the_generator(kb: Index) -> None:
    waiting = Waiting()
    engine = Engine(kb, generator=waiting)

    async def left() -> None:
        stream = engine.astream(QUESTION)
        async for event in stream:
            if isinstance(event, PieceEvent):
                break
        waiting.go_on.set()
        await stream.aclose()  # type: ignore[attr-defined]
        assert await asyncio.to_thread(waiting.closed.wait, 10)

    asyncio.run(left())


def test_words_of_a_source_are_streamed_as_they_are(tmp_path: Path) -> None:
    """They look like a refusal and like references, and are neither."""
    text = "The documents do not answer this [2]."
    with build([Document("a", text)], tmp_path / "kb") as index:
        events = list(Engine(index, generator=Extractive(threshold=0)).stream("which documents answer?"))
    answer = events[-1].answer if isinstance(events[-1], AnswerEvent) else None
    assert answer is not None and answer.text == f"{text.replace('[2]', '(2)')} [1]" and not answer.dropped
    assert [each.text for each in answer.citations] == [text]
    assert [each.text for each in events if isinstance(each, PieceEvent)] == [text.replace("[2]", "(2)")]
