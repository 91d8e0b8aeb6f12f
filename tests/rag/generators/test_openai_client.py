"""The simulator as a foreign client sees it: what the openai package accepts, ours is tested against."""

from collections.abc import Iterator
from typing import Any

import pytest
from contracts.generator import keys_prompt
from contracts.llm_simulator import LlmSimulator, simulating

from spaniel.rag.prompting import rendered

openai = pytest.importorskip("openai")

MESSAGES = [{"role": each.role, "content": each.content} for each in rendered(keys_prompt())]
WORDS = "Rotate a key with the command rotate."


@pytest.fixture
def server() -> Iterator[LlmSimulator]:
    with simulating(LlmSimulator(key="k")) as running:
        yield running


@pytest.fixture
def client(server: LlmSimulator) -> Iterator[Any]:
    with openai.OpenAI(base_url=server.url, api_key="k", max_retries=0, timeout=20) as made:
        yield made


def test_models(client: Any) -> None:
    assert [each.id for each in client.models.list()] == ["reader"]


def test_an_answer(client: Any) -> None:
    answer = client.chat.completions.create(model="reader", messages=MESSAGES, max_tokens=64)
    assert answer.choices[0].message.content.startswith(WORDS) and answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_stream(client: Any) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    parts = list(client.chat.completions.create(model="reader", messages=MESSAGES, **options))
    text = "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
    assert text.startswith(WORDS) and parts[-1].usage.prompt_tokens > 0


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("429", "RateLimitError"),
        ("500", "InternalServerError"),
        ("400", "BadRequestError"),
        ("overflow", "BadRequestError"),
        ("401", "AuthenticationError"),
    ],
)
def test_refusals(server: LlmSimulator, client: Any, mode: str, kind: str) -> None:
    server.modes = [mode]
    with pytest.raises(getattr(openai, kind)) as caught:
        client.chat.completions.create(model="reader", messages=MESSAGES)
    assert mode != "overflow" or caught.value.code == "context_length_exceeded"
