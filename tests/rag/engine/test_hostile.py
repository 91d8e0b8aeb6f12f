"""Generators that send what no answer should hold: the engine answers or abstains, and keeps what it says."""

from collections.abc import Iterator, Sequence

import pytest
from contracts.llm_simulator import LlmSimulator, simulating
from contracts.told_generator import Told

from spaniel.index.index import Index
from spaniel.rag.engine.cache import AnswerCache
from spaniel.rag.engine.engine import Engine
from spaniel.rag.engine.events import PieceEvent
from spaniel.rag.engine.flow import NOTHING_SAID
from spaniel.rag.generators.endpoint import OpenAIGenerator

QUESTION = "may dogs come to the office?"


@pytest.fixture
def server() -> Iterator[LlmSimulator]:
    with simulating(LlmSimulator()) as running:
        yield running


def shown(engine: Engine) -> str:
    return "".join(event.text for event in engine.stream(QUESTION) if isinstance(event, PieceEvent))


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["Dogs \ud83d", "\ude00 may come [1]."], "Dogs \U0001f600 may come [1]."),
        (["Dogs \ud83d", "may come [1]."], "Dogs \ufffdmay come [1]."),
        (["Dogs \ude00 may come [1].\ud83d"], "Dogs \ufffd may come [1].\ufffd"),
    ],
)
def test_halves_of_letters(kb: Index, pieces: Sequence[str], text: str) -> None:
    engine = Engine(kb, generator=Told(pieces), cache=AnswerCache())
    assert engine.ask(QUESTION).text == text and engine.ask(QUESTION).cached
    assert shown(Engine(kb, generator=Told(pieces))) == text.replace(" [1]", "")


def test_halves_of_letters_in_a_question(kb: Index) -> None:
    engine = Engine(kb, cache=AnswerCache())
    assert engine.ask("may dogs \ud800 come to the office?").citations
    assert engine.ask("may dogs \ud800 come to the office?").cached


@pytest.mark.parametrize("mode", ["halves", "blanks", "open quotation"])
def test_a_server_that_sends_anything(kb: Index, server: LlmSimulator, mode: str) -> None:
    server.modes = [mode]
    generator = OpenAIGenerator(server.url, "reader", timeout_s=5.0, key="")
    answer = Engine(kb, generator=generator, cache=AnswerCache()).ask(QUESTION)
    assert "Dogs may come to the office." in answer.text and answer.finish == "stop"


def test_a_server_that_ends_inside_a_reference(kb: Index, server: LlmSimulator) -> None:
    server.modes = ["cut mark", "cut mark"]
    generator = OpenAIGenerator(server.url, "reader", timeout_s=5.0, key="")
    engine = Engine(kb, generator=generator, require_citations=False)
    answer = engine.ask(QUESTION)
    assert answer.text.endswith("Dogs may come to the office.") and answer.finish == "length"
    assert answer.dropped == {"malformed": 1} and not answer.citations
    assert shown(engine) == answer.text


def test_references_alone_are_no_answer(kb: Index, server: LlmSimulator) -> None:
    server.modes = ["references alone"]
    generator = OpenAIGenerator(server.url, "reader", timeout_s=5.0, key="")
    answer = Engine(kb, generator=generator).ask(QUESTION)
    assert answer.abstained and answer.reason == NOTHING_SAID and answer.dropped == {"no_claim": 2}
