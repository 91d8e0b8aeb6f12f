"""A chat model of langchain-core, wrapped.

The model is made by its owner, who also sets its temperature (0, for answers that can be repeated), its limit of tokens
and its retries: those have another name with every provider. What it raises counts as the refusal of one conversation,
since an exception does not say which it is; a model that keeps failing ends the work (`conversations.py`).
"""

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from spaniel.retrieval.errors import InvalidInput, require

from .chat import CallFailed, Delta, Message, Reply
from .endpoint import top_logprobs_of

__all__ = ["LangChainChat"]

_BESIDE = frozenset({"cache", "callbacks", "metadata", "name", "tags", "verbose"})
"""Fields of a model that decide none of its answers."""


class LangChainChat:
    """Any `BaseChatModel`. As safe to call from several threads as that is.

    Args:
        model: the chat model; likelihood mode needs one that takes `logprobs` and `top_logprobs` and tells
            them in `response_metadata["logprobs"]`, as langchain-openai does.

    Raises:
        InvalidInput: something that is no chat model.
        MissingExtra: langchain-core is not installed.
    """

    def __init__(self, model: Any) -> None:
        base = require("langchain_core.language_models.chat_models", extra="langchain").BaseChatModel
        if not isinstance(model, base):
            raise InvalidInput("LangChainChat", f"{type(model).__name__} is no BaseChatModel of langchain-core")
        messages = require("langchain_core.messages", extra="langchain")
        self._model = model
        self._types = {
            "system": messages.SystemMessage,
            "user": messages.HumanMessage,
            "assistant": messages.AIMessage,
        }

    @property
    def name(self) -> str:
        """The name of the provider's model, or of the class."""
        named = getattr(self._model, "model_name", None) or getattr(self._model, "model", None)
        return named if isinstance(named, str) else type(self._model).__name__

    @property
    def identity(self) -> str:
        """What decides its answers, by what it tells of itself; empty for a model that tells no parameters.

        Those are `_identifying_params`, by which langchain's own caches go too, with its other fields that are plain
        values, such as the URL. A hash: some of these are for nobody to read.
        """
        model = self._model
        params = model._identifying_params
        if not params:
            return ""
        fields = {name: getattr(model, name, None) for name in type(model).model_fields if name not in _BESIDE}
        plain = {name: value for name, value in fields.items() if value is not None and _told(value)}
        told = _told([model._llm_type, params, plain])
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        return f"langchain {kind} {self.name} {hashlib.sha256(told.encode()).hexdigest()[:32]}" if told else ""

    def chat(self, messages: Sequence[Message], *, max_tokens: int, logprobs: int = 0) -> Reply:
        """See `Chat.chat`; the limit of tokens is the model's own."""
        wanted = {"logprobs": True, "top_logprobs": logprobs} if logprobs else {}
        with self._failing():
            said = self._model.invoke(self._turns(messages), **wanted)
        told = said.response_metadata if isinstance(said.response_metadata, dict) else {}
        cut = _finish(said) in ("length", "max_tokens")
        return Reply(_text(said.content), _tokens(said.usage_metadata), top_logprobs_of(told.get("logprobs")), cut)

    def stream(self, messages: Sequence[Message]) -> Generator[Delta, None, None]:
        """The answer as it is written, or whole from a model that does not stream.

        Raises:
            CallFailed: the model raises.
        """
        read = written = 0  # parts tell what they add
        with self._failing():
            for part in self._model.stream(self._turns(messages)):
                usage = part.usage_metadata or {}
                read, written = read + _count(usage.get("input_tokens")), written + _count(usage.get("output_tokens"))
                yield Delta(_text(part.content), _finish(part), read, written)

    def close(self) -> None:
        """The model is its owner's."""

    def _turns(self, messages: Sequence[Message]) -> list[Any]:
        return [self._types[each.role](content=each.content) for each in messages]

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Whatever the model raises as `CallFailed`."""
        try:
            yield
        except Exception as error:
            raise CallFailed(f"{self.name}: {type(error).__name__}: {str(error)[:300]}") from error


def _told(value: Any) -> str:
    """A value as JSON; empty for what is none, such as a client or a key."""
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError):
        return ""


def _text(content: Any) -> str:
    """The text of an answer, which is one, or a list of texts and blocks; reasoning and tools are left out."""
    if isinstance(content, str):
        return content
    parts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else part for part in content]
    return "".join(part for part in parts if isinstance(part, str))


def _tokens(usage: Mapping[str, Any] | None) -> int:
    return _count((usage or {}).get("total_tokens"))


def _count(told: Any) -> int:
    return told if type(told) is int and told > 0 else 0


def _finish(said: Any) -> str:
    """The provider's word for why it ended; empty where it says none."""
    told = said.response_metadata if isinstance(said.response_metadata, dict) else {}
    word = told.get("finish_reason", told.get("stop_reason"))
    return word if isinstance(word, str) else ""
