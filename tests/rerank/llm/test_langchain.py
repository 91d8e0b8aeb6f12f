"""Any chat model of langchain-core as a `Chat`."""

from typing import Any

import pytest

pytest.importorskip("langchain_core")
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from spaniel.rerank.llm.chat import CallFailed, Message
from spaniel.rerank.llm.langchain import LangChainChat
from spaniel.retrieval.errors import InvalidInput


class Recorder(GenericFakeChatModel):
    """Keeps what it was sent."""

    messages: Any = iter(())
    answers: list[Any] = []  # noqa: RUF012 - a pydantic field
    seen: list[Any] = []  # noqa: RUF012

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **more: Any
    ) -> ChatResult:
        self.seen.append((messages, more))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ChatResult(generations=[ChatGeneration(message=answer)])


MESSAGES = (Message("system", "s"), Message("user", "u"), Message("assistant", "a"), Message("user", "v"))


def test_messages_go_out_and_the_answer_comes_back() -> None:
    usage = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
    logprobs = {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": [{"token": "B", "logprob": -2.5}]}]}
    answer = AIMessage("A", usage_metadata=usage, response_metadata={"logprobs": logprobs, "finish_reason": "length"})
    model = Recorder(answers=[answer], seen=[])
    reply = LangChainChat(model).chat(MESSAGES, max_tokens=5, logprobs=20)
    assert (reply.text, reply.tokens, reply.top_logprobs, reply.cut) == ("A", 7, ({"A": -0.1, "B": -2.5},), True)
    [(sent, more)] = model.seen
    assert [(each.type, each.content) for each in sent] == [
        ("system", "s"),
        ("human", "u"),
        ("ai", "a"),
        ("human", "v"),
    ]
    assert more == {"logprobs": True, "top_logprobs": 20}


def test_blocks_of_content_and_no_counts() -> None:
    blocks: list[Any] = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "[2] > "}, "[1]"]
    model = Recorder(answers=[AIMessage(blocks)], seen=[])
    reply = LangChainChat(model).chat(MESSAGES, max_tokens=5)
    assert (reply.text, reply.tokens, reply.top_logprobs, reply.cut) == ("[2] > [1]", 0, (), False)
    assert model.seen[0][1] == {}


def test_what_the_provider_raises_is_a_refusal() -> None:
    with pytest.raises(CallFailed, match="RuntimeError: too long"):
        LangChainChat(Recorder(answers=[RuntimeError("too long")])).chat(MESSAGES, max_tokens=5)


def test_only_chat_models() -> None:
    with pytest.raises(InvalidInput, match="str is no BaseChatModel"):
        LangChainChat("gpt")
