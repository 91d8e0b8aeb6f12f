"""A language model behind a server: an answer or a clear error, in time, whatever the server does."""

from collections.abc import Iterator
from typing import Any

import pytest
from contracts.generator import GeneratorContract, excerpts_of, keys_prompt
from contracts.json_server import json_serving
from contracts.llm_simulator import LlmSimulator, ReadingModel, simulating

from spaniel.models.encoders.http_json import BrokenOff
from spaniel.rag.citations import cited
from spaniel.rag.generators.endpoint import OpenAIGenerator, shortened
from spaniel.rag.generators.ledger import Ledger, Price
from spaniel.rag.prompting import new_prompt, prompt_tokens
from spaniel.rerank.llm.chat import ContextOverflow
from spaniel.retrieval.errors import InvalidInput, LimitExceeded, ModelError
from spaniel.retrieval.prompt import Piece, Prompt, Turn

ANSWER = 'Rotate a key with the command rotate. [1: "Rotate a key with the command rotate."]'


@pytest.fixture
def server() -> Iterator[LlmSimulator]:
    with simulating(LlmSimulator()) as running:
        yield running


def generator_of(server: LlmSimulator, **options: Any) -> OpenAIGenerator:
    quick = {"timeout_s": 5.0, "limit_s": 20.0, "sleep": lambda seconds: None, "key": ""}
    return OpenAIGenerator(server.url, "reader", **{**quick, **options})


def answered(generator: OpenAIGenerator, prompt: Prompt | None = None) -> tuple[str, Piece]:
    pieces = list(generator.generate(prompt or keys_prompt()))
    return "".join(each.text for each in pieces), pieces[-1]


class TestContract(GeneratorContract):
    @pytest.fixture
    def generator(self, server: LlmSimulator) -> OpenAIGenerator:
        return generator_of(server)


class TestContractWithoutStreams(GeneratorContract):
    @pytest.fixture
    def generator(self, server: LlmSimulator) -> OpenAIGenerator:
        return generator_of(server, stream=False)


def test_what_is_sent(server: LlmSimulator) -> None:
    server.key = "secret"
    text, last = answered(generator_of(server, key="secret", seed=7, extra={"top_p": 0.5}))
    assert text == ANSWER
    assert last.finish == "stop" and set(last.usage) == {"prompt_tokens", "answer_tokens", "model_calls"}
    [(body, headers)] = server.asked
    assert headers["Authorization"] == "Bearer secret"
    assert [each["role"] for each in body["messages"]] == ["system", "user"]
    sent = {key: body[key] for key in ("model", "max_tokens", "temperature", "seed", "top_p", "stream")}
    assert sent == {"model": "reader", "max_tokens": 64, "temperature": 0, "seed": 7, "top_p": 0.5, "stream": True}


def test_it_comes_as_it_is_written(server: LlmSimulator) -> None:
    assert len(list(generator_of(server).generate(keys_prompt()))) > 5
    assert len(list(generator_of(server, stream=False).generate(keys_prompt()))) == 2


@pytest.mark.parametrize("mode", ["429", "500", "503", "stall", "comments", "cut", "bad JSON", "not an object"])
def test_what_passes_is_tried_again(server: LlmSimulator, mode: str) -> None:
    server.modes = [mode]
    short = {"timeout_s": 0.3} if mode in ("stall", "comments") else {}
    assert answered(generator_of(server, **short))[0] == ANSWER
    assert len(server.asked) == 2


@pytest.mark.parametrize("stream", [True, False])
def test_halves_of_letters_are_put_together(server: LlmSimulator, stream: bool) -> None:
    server.modes = ["halves"]
    assert answered(generator_of(server, stream=stream))[0] == f"\U0001f600 {ANSWER}"


@pytest.mark.parametrize("mode", ["no stream_options", "no stream", "not streamed", "no usage", "thinks"])
def test_what_servers_differ_in(server: LlmSimulator, mode: str) -> None:
    server.modes = [mode]
    text, last = answered(generator_of(server))
    server.modes = []
    assert text == ANSWER and last.finish == "stop"
    assert last.usage.get("estimated", 0) == (mode in ("no stream_options", "no usage"))


def test_waits_are_those_the_server_asks_for(server: LlmSimulator) -> None:
    server.modes = ["429", "503"]
    waits: list[float] = []
    assert answered(generator_of(server, sleep=waits.append))[0] == ANSWER
    assert waits == [3.0, 2.0]


@pytest.mark.parametrize(
    ("mode", "kind", "words"),
    [
        ("503 for ever", ModelError, "503.*4 tries"),
        ("400", ModelError, "400"),
        ("401", ModelError, "401"),
        ("stall after words", BrokenOff, "broke off"),
        ("cut after words", BrokenOff, "cut after 6 characters"),
        ("drips", BrokenOff, "broke off"),
        ("endless", ModelError, "bytes of an answer"),
        ("no choices", ModelError, "choices"),
        ("error in the stream", ModelError, "busy"),
        ("empty", ModelError, "without a word"),
    ],
)
def test_what_does_not_pass_is_an_error(server: LlmSimulator, mode: str, kind: type[ModelError], words: str) -> None:
    server.modes = [mode]
    generator = generator_of(server, timeout_s=0.3, limit_s=0.6 if mode == "drips" else 9.0, max_bytes=1 << 16)
    with pytest.raises(kind, match=words) as caught:
        answered(generator)
    assert caught.value.hint
    server.modes = []
    assert answered(generator)[0] == ANSWER


@pytest.mark.parametrize(
    ("kind", "said", "words"),
    [
        ("text/html; charset=utf-8", b"<html>Sign in</html>", r"a page \(text/html\)"),
        ("text/plain", b"Hello.\nIt works.", "no chat completion: 'Hello.'"),
        ("application/json", b"[]", r"no chat completion: '\[\]'"),
    ],
)
def test_what_is_no_such_server(kind: str, said: bytes, words: str) -> None:
    asked: list[Any] = []

    class Other:
        url = ""

        def answer(self, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
            asked.append(body)
            return 200, {"Content-Type": kind}, said

    with json_serving(Other()) as server, pytest.raises(ModelError, match=words) as caught:
        answered(OpenAIGenerator(server.url, "reader", key=""))
    assert "/v1" in caught.value.hint and len(asked) == 1


def test_what_to_do_when_a_server_stays_down(server: LlmSimulator) -> None:
    server.modes = ["503 for ever"]
    with pytest.raises(ModelError, match=r"503.*; 1 try$") as caught:
        answered(generator_of(server, tries=1))
    assert caught.value.hint == "try again later"


def test_nobody_listens() -> None:
    with pytest.raises(ModelError, match="no answer") as caught:
        answered(OpenAIGenerator("http://127.0.0.1:9/v1", "reader", key=""))
    assert "start the server" in caught.value.hint


def test_a_stall_ends_at_the_limit_of_the_whole(server: LlmSimulator) -> None:
    server.modes = ["comments"] * 9
    with pytest.raises(ModelError):
        answered(generator_of(server, timeout_s=5.0, limit_s=0.4))


def test_a_filter(server: LlmSimulator) -> None:
    server.modes = ["filter"]
    text, last = answered(generator_of(server))
    assert (text, last.finish) == ("", "filter") and "filter" in last.reason


def test_an_answer_that_was_cut_at_max_tokens(server: LlmSimulator) -> None:
    server.modes = ["length"]
    assert answered(generator_of(server))[1].finish == "length"


def test_the_key_stands_in_no_message(server: LlmSimulator) -> None:
    server.key = "another"
    with pytest.raises(ModelError, match=r"bad key Bearer \*\*\*") as caught:
        answered(generator_of(server, key="hunter2-secret"))
    assert "hunter2" not in str(caught.value) + caught.value.hint and "SPANIEL_LLM_KEY" in caught.value.hint
    assert "hunter2" not in repr(generator_of(server, key="hunter2-secret"))


def long_prompt(n: int) -> Prompt:
    texts = [
        "Rotate a key with the command rotate.",
        *(f"Nothing of it is said here, {'so ' * 100}." for _ in range(n)),
    ]
    return new_prompt("how do I rotate a key?", excerpts_of(*texts), history=[Turn("user", "hm? " * 50)], seed=0)


def test_a_prompt_that_is_too_long_goes_again_with_fewer_excerpts(server: LlmSimulator) -> None:
    prompt = long_prompt(9)
    server.context = prompt_tokens(prompt) // 2
    text, last = answered(generator_of(server), prompt)
    assert text.startswith("Rotate a key") and 4 <= last.usage["excerpts_dropped"] < 9
    assert len(server.asked) == 2
    assert [each["role"] for each in server.asked[1][0]["messages"]] == ["system", "user"]


def test_one_that_stays_too_long_is_an_error(server: LlmSimulator) -> None:
    server.context = 10
    with pytest.raises(ContextOverflow, match="maximum context length"):
        answered(generator_of(server), long_prompt(9))
    assert len(server.asked) <= 2


@pytest.mark.parametrize(
    ("refusal", "share"),
    [
        ("http://127.0.0.1:43210/v1: 400: maximum context length is 500 tokens, you requested 1000 tokens", 0.5),
        ("request (4000 tokens) exceeds the available context size (1000 tokens), try increasing it", 0.25),
        ("prompt is too long: 210000 tokens > 200000 maximum", 0.95),
        ("the request exceeds the available context size", 0.5),
    ],
)
def test_how_much_goes_is_what_the_server_says(refusal: str, share: float) -> None:
    prompt = long_prompt(40)
    shorter, dropped = shortened(prompt, refusal)
    assert dropped == 41 - len(shorter.excerpts)
    assert 0.75 * share < prompt_tokens(shorter) / prompt_tokens(prompt) <= share


def test_the_ledger_counts_what_was_answered_and_what_was_not(server: LlmSimulator) -> None:
    ledger = Ledger({"reader": Price(prompt=1.0, answer=2.0)})
    generator = generator_of(server, ledger=ledger, timeout_s=0.3)
    last = answered(generator)[1]
    server.modes = ["400"]
    with pytest.raises(ModelError):
        answered(generator)
    spent = ledger.by_model["reader"]
    assert (spent.calls, spent.failed, spent.estimated_calls) == (1, 1, 0)
    assert (spent.prompt_tokens, spent.answer_tokens) == (last.usage["prompt_tokens"], last.usage["answer_tokens"])
    server.modes = ["cut after words"]
    with pytest.raises(ModelError):
        answered(generator)
    assert ledger.by_model["reader"].prompt_tokens > spent.prompt_tokens  # read, and perhaps charged
    assert generator.cost_of(1_000_000, 1_000_000) == 3.0


def test_a_budget_stops_it_before_it_asks(server: LlmSimulator) -> None:
    with pytest.raises(LimitExceeded, match="tokens of the ledger"):
        answered(generator_of(server, ledger=Ledger(max_tokens=50)))
    assert server.asked == []


@pytest.mark.parametrize(
    "options", [{"timeout_s": 0}, {"limit_s": float("inf")}, {"tries": 0}, {"max_bytes": -1}, {"temperature": 3}]
)
def test_options_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(options))):
        OpenAIGenerator("http://localhost:1/v1", "m", **options)


def test_what_decides_answers_decides_the_identity_and_the_key_does_not() -> None:
    def identity(**options: Any) -> str:
        return OpenAIGenerator("http://localhost:1/v1", "m", **{"key": "secret", **options}).identity

    assert identity() == identity(key="another", timeout_s=3.0) and "secret" not in identity()
    assert len({identity(), identity(seed=1), identity(temperature=1.0), identity(extra={"top_p": 0.5})}) == 4


def test_urls_and_keys_that_are_refused() -> None:
    for url in ("ftp://x/v1", "http://user:pw@localhost/v1", "http://localhost/v1?key=x", "nothing"):
        with pytest.raises(InvalidInput):
            OpenAIGenerator(url, "m")
    with pytest.raises(InvalidInput, match="without TLS"):
        OpenAIGenerator("http://example.org/v1", "m", key="k")
    with pytest.raises(InvalidInput, match="model"):
        OpenAIGenerator("http://localhost/v1", "")


@pytest.mark.parametrize("wrong", [0.0, 0.5, 1.0])
def test_no_citation_is_made_up(server: LlmSimulator, wrong: float) -> None:
    server.model = ReadingModel(wrong=wrong)
    prompt = keys_prompt()
    documents = {each.passage.doc_id: each.passage.text for each in prompt.excerpts}
    dropped = 0
    for n in range(12):
        asked = new_prompt(f"how do I rotate a key, {n}?", prompt.excerpts, seed=0)
        found = cited(answered(generator_of(server), asked)[0], asked, documents)
        dropped += sum(found.dropped.values())
        assert all(documents["d1"][slice(*each.source_span)] == each.text for each in found.citations)
        assert not set(found.dropped) - {"no_such_excerpt", "not_verbatim", "not_supported"}
    assert (dropped > 0) == (wrong > 0)


def test_an_answer_without_the_form_has_no_citations(server: LlmSimulator) -> None:
    server.modes = ["no format"]
    prompt = keys_prompt()
    found = cited(answered(generator_of(server))[0], prompt, {})
    assert found.text == "Rotate a key with the command rotate." and not found.citations
