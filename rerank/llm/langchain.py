"""A chat model of langchain-core, wrapped.

The model is made by its owner, who also sets its temperature (0, for answers that can be repeated), its limit of tokens
and its retries: those have another name with every provider. What it raises counts as the refusal of one conversation,
since an exception does not say which it is; a model that keeps failing ends the work (`conversations.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from spaniel.retrieval.errors import InvalidInput, require

from .chat import CallFailed, Message, Reply
from .endpoint import top_logprobs_of

__all__ = ["LangChainChat"]


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

    def chat(self, messages: Sequence[Message], *, max_tokens: int, logprobs: int = 0) -> Reply:
        """See `Chat.chat`; the limit of tokens is the model's own."""
        wanted = {"logprobs": True, "top_logprobs": logprobs} if logprobs else {}
        try:
            said = self._model.invoke([self._types[each.role](content=each.content) for each in messages], **wanted)
        except Exception as error:
            raise CallFailed(f"{self.name}: {type(error).__name__}: {str(error)[:300]}") from error
        told = said.response_metadata if isinstance(said.response_metadata, dict) else {}
        cut = told.get("finish_reason", told.get("stop_reason")) in ("length", "max_tokens")
        return Reply(_text(said.content), _tokens(said.usage_metadata), top_logprobs_of(told.get("logprobs")), cut)

    def close(self) -> None:
        """The model is its owner's."""


def _text(content: Any) -> str:
    """The text of an answer, which is one, or a list of texts and blocks; reasoning and tools are left out."""
    if isinstance(content, str):
        return content
    parts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else part for part in content]
    return "".join(part for part in parts if isinstance(part, str))


def _tokens(usage: Mapping[str, Any] | None) -> int:
    total = (usage or {}).get("total_tokens", 0)
    return total if type(total) is int and total > 0 else 0
