"""What a judge needs of a chat model: messages in, a text and perhaps the log-probabilities of its tokens out.

`EndpointChat` speaks to any OpenAI-compatible server, `LangChainChat` wraps a langchain-core model; a test or a user
may bring anything that has `name`, `chat` and `close`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from spaniel.retrieval.errors import ModelError

__all__ = ["CallFailed", "Chat", "ContextOverflow", "Delta", "Message", "Reply"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model said.

    Attributes:
        text: the answer; empty when there was none (a filter, nothing but reasoning).
        tokens: read and written; 0 where the server does not say.
        top_logprobs: for each token written, the likeliest tokens and their natural log-probabilities; empty when they
            were not asked for or not given.
        cut: the answer ended because `max_tokens` were written.
        prompt_tokens, answer_tokens: the two kinds of `tokens`, where the server tells them apart.
    """

    text: str
    tokens: int = 0
    top_logprobs: tuple[Mapping[str, float], ...] = ()
    cut: bool = False
    prompt_tokens: int = 0
    answer_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Delta:
    """What a streaming model adds to its answer.

    Attributes:
        text: the next part of the answer, perhaps empty.
        finish: the server's word for why it ended ("stop", "length", "content_filter", ...); empty before.
        prompt_tokens, answer_tokens: of the whole, where the server tells; it does so in the last one.
    """

    text: str = ""
    finish: str = ""
    prompt_tokens: int = 0
    answer_tokens: int = 0


class CallFailed(ModelError):
    """This conversation was refused (too long, filtered, an error of its own); another one may well be answered."""


class ContextOverflow(CallFailed):
    """This conversation is longer than the model reads."""


@runtime_checkable
class Chat(Protocol):
    """A chat model. Safe to call from several threads.

    Attributes:
        name: how judges and errors call it.
    """

    @property
    def name(self) -> str: ...

    def chat(self, messages: Sequence[Message], *, max_tokens: int, logprobs: int = 0) -> Reply:
        """Answer, as certainly as the model can (temperature 0).

        Args:
            messages: the conversation so far, the last one the user's.
            max_tokens: written at most.
            logprobs: how many of the likeliest tokens to tell at each place; 0 for none.

        Raises:
            CallFailed: see there.
            ModelError: no conversation would be answered: no connection, a wrong key, no such model.
        """
        ...

    def close(self) -> None:
        """Give connections back."""
        ...
