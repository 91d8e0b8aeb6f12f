"""A chat model behind an OpenAI-compatible server, which misbehaves in the ways that servers do."""

from collections.abc import Iterator
from typing import Any

import pytest
from contracts.chat_server import ChatServer
from contracts.json_server import json_serving

from spaniel.models.encoders.http_json import Poster
from spaniel.rerank.llm.chat import CallFailed, Message
from spaniel.rerank.llm.endpoint import EndpointChat, open_chat
from spaniel.retrieval.errors import InvalidInput, ModelError

MESSAGES = (
    Message("system", "be brief"),
    Message("user", "<passage>[A] key</passage>\n<passage>[B] no</passage>\nQuery: key"),
)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with json_serving(ChatServer()) as running:
        yield running


def chat_of(server: ChatServer, waits: list[float] | None = None, **options: Any) -> EndpointChat:
    slept: list[float] = [] if waits is None else waits
    return EndpointChat(Poster(f"{server.url}/chat/completions", server.key, sleep=slept.append), "m", **options)


def test_what_is_sent_and_what_comes_back(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANIEL_LLM_KEY", "secret")
    server.key = "secret"
    chat = open_chat(f"{server.url}#small/model", extra={"seed": 7})
    reply = chat.chat(MESSAGES, max_tokens=5, logprobs=20)
    assert (reply.text, reply.tokens, reply.cut) == ("A", 57, False)
    assert set(reply.top_logprobs[0]) == {"A", "B"}
    [(body, headers)] = server.asked
    assert body["path"] == "/v1/chat/completions"
    assert body["messages"] == [{"role": each.role, "content": each.content} for each in MESSAGES]
    sent = {key: body[key] for key in ("model", "max_tokens", "temperature", "logprobs", "top_logprobs", "seed")}
    expected = {
        "model": "small/model",
        "max_tokens": 5,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 20,
        "seed": 7,
    }
    assert sent == expected
    assert headers["Authorization"] == "Bearer secret"
    assert chat.name == "small/model"


def test_a_busy_server_is_asked_again_when_it_says(server: ChatServer) -> None:
    server.failures = [(429, {"Retry-After": "7"}, b"{}"), (503, {}, b"{}")]
    waits: list[float] = []
    assert chat_of(server, waits).chat(MESSAGES, max_tokens=5).text == "A"
    assert waits == [7.0, 2.0]


def test_a_server_that_stays_down_is_an_error_for_all(server: ChatServer) -> None:
    server.failures = [(503, {}, b"overloaded")] * 5
    with pytest.raises(ModelError, match=r"503.*5 tries") as caught:
        chat_of(server).chat(MESSAGES, max_tokens=5)
    assert not isinstance(caught.value, CallFailed)
    assert caught.value.hint == "try again later"
    server.failures = [(503, {}, b"overloaded")]
    with pytest.raises(ModelError, match=r"503.*1 try$") as caught:
        open_chat(f"{server.url}#m", tries=1).chat(MESSAGES, max_tokens=5)
    assert "concurrency" in caught.value.hint


def test_parameters_that_a_server_refuses_are_left_out_from_then_on(server: ChatServer) -> None:
    server.refuses = ("temperature", "max_tokens")
    chat = chat_of(server)
    assert chat.chat(MESSAGES, max_tokens=5).text == "A"
    assert chat.chat(MESSAGES, max_tokens=5).text == "A"
    bodies = [body for body, _ in server.asked]
    assert len(bodies) == 4
    assert all("temperature" not in body and body["max_completion_tokens"] == 5 for body in bodies[2:])


def test_logprobs_refused_is_a_failure(server: ChatServer) -> None:
    server.refuses = ("logprobs",)
    with pytest.raises(CallFailed, match="'logprobs' is not supported"):
        chat_of(server).chat(MESSAGES, max_tokens=5, logprobs=20)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refusal_concerns_one_conversation(server: ChatServer, status: int) -> None:
    server.failures = [(status, {}, b'{"error": {"message": "maximum context length is 2048 tokens"}}')]
    with pytest.raises(CallFailed, match="maximum context length") as caught:
        chat_of(server).chat(MESSAGES, max_tokens=5)
    assert "shorter passages" in caught.value.hint


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "SPANIEL_LLM_KEY"), (403, "SPANIEL_LLM_KEY"), (404, "name behind the #")]
)
def test_a_wrong_key_or_model_concerns_all(server: ChatServer, status: int, hint: str) -> None:
    server.failures = [(status, {}, b"no")]
    with pytest.raises(ModelError, match=str(status)) as caught:
        chat_of(server).chat(MESSAGES, max_tokens=5)
    assert not isinstance(caught.value, CallFailed)
    assert hint in caught.value.hint


def test_a_filtered_answer_is_empty(server: ChatServer) -> None:
    server.failures = [(400, {}, b'{"error": {"code": "content_filter", "message": "the prompt was filtered"}}')]
    assert chat_of(server).chat(MESSAGES, max_tokens=5).text == ""
    server.say = lambda body: {"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]}
    assert chat_of(server).chat(MESSAGES, max_tokens=5).text == ""


@pytest.mark.parametrize(
    "answer", [{}, {"choices": []}, {"choices": [7]}, {"choices": [{"text": "A"}]}, {"error": "busy"}]
)
def test_an_answer_of_another_form(server: ChatServer, answer: dict[str, Any]) -> None:
    server.say = lambda body: answer
    with pytest.raises(CallFailed, match="choices"):
        chat_of(server).chat(MESSAGES, max_tokens=5)


def test_parts_reasoning_cut_answers_and_odd_counts(server: ChatServer) -> None:
    parts = [{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "A"}, {"type": "text", "text": " > B"}, 7]
    message = {"content": parts, "reasoning_content": "hm"}
    odd = {"top_logprobs": [{"A": -0.5, "B": "x"}, 7]}
    choice = {"message": message, "finish_reason": "length", "logprobs": odd}
    server.say = lambda body: {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": -1}}
    reply = chat_of(server).chat(MESSAGES, max_tokens=5)
    assert (reply.text, reply.tokens, reply.cut) == ("A > B", 3, True)
    assert reply.top_logprobs == ({"A": -0.5},)


def test_no_answer_is_larger_than_it_can_be(server: ChatServer) -> None:
    server.say = lambda body: "A" * (2 << 20)
    with pytest.raises(CallFailed, match="bytes of an answer"):
        chat_of(server).chat(MESSAGES, max_tokens=5)


def test_the_key_stands_in_no_message(server: ChatServer) -> None:
    server.key = "s3cret-key"
    server.failures = [(400, {}, b'{"error": "s3cret-key is not liked"}')]
    with pytest.raises(CallFailed) as caught:
        chat_of(server).chat(MESSAGES, max_tokens=5)
    assert "s3cret" not in str(caught.value)
    server.say = lambda body: {"error": {"message": "key s3cret-key is out of credit"}}
    with pytest.raises(CallFailed, match="out of credit") as caught:
        chat_of(server).chat(MESSAGES, max_tokens=5)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("source", ["localhost", "http://host/v1", "ftp://host/v1#m", "https://user:key@host/v1#m"])
def test_sources_that_are_none(source: str) -> None:
    with pytest.raises(InvalidInput):
        open_chat(source)


def test_a_key_from_a_file_and_only_over_tls(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("secret\n", "utf-8")
    monkeypatch.setenv("SPANIEL_LLM_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(InvalidInput, match="without TLS"):
        open_chat("http://host/v1#m")
    assert open_chat("https://host/v1#m").name == "m"
