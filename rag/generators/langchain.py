"""Answers of any chat model of langchain-core.

The model is made by its owner, who sets its temperature, limits, retries and time limits: they have another name with
every provider. What it raises becomes a `ModelError`.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from spaniel.rag.prompting import rendered
from spaniel.rerank.llm.langchain import LangChainChat
from spaniel.retrieval.prompt import Piece, Prompt

from .calls import LedgerChat
from .ledger import Ledger
from .stream import message_tokens, pieces, without_thoughts

__all__ = ["LangChainGenerator"]


class LangChainGenerator:
    """A `BaseChatModel` as a generator. As safe to call from several threads as that is.

    Args:
        model: the chat model; `max_tokens` of a prompt is not passed on, since models differ in whether they take it.
        ledger: where costs are added up, and what may stop them; one of its own by default.

    Raises:
        InvalidInput: something that is no chat model.
        MissingExtra: langchain-core is not installed.
    """

    def __init__(self, model: Any, *, ledger: Ledger | None = None) -> None:
        self._chat = LangChainChat(model)
        self.ledger = ledger or Ledger()

    @property
    def name(self) -> str:
        """The name of the provider's model, or of the class."""
        return self._chat.name

    @property
    def chat(self) -> LedgerChat:
        """The model for other work, such as rewrites of questions, at the same ledger."""
        return LedgerChat(self._chat, self.ledger)

    @property
    def identity(self) -> str:
        """What decides its answers, for keys of caches; empty for a model that tells no parameters."""
        return self._chat.identity

    def cost_of(self, prompt_tokens: int, answer_tokens: int) -> float | None:
        """What a call costs by the ledger's prices; None without a price for this model."""
        return self.ledger.cost_of(self.name, prompt_tokens, answer_tokens)

    def generate(self, prompt: Prompt) -> Iterator[Piece]:
        """The answer, piece by piece; see `Generator` and `OpenAIGenerator.generate`.

        Raises:
            ModelError: the model raises, or ends without a word.
            LimitExceeded: the ledger has no room for the call.
        """
        messages = rendered(prompt)
        tokens = message_tokens(messages)
        call = self.ledger.call(self.name, tokens, prompt.max_tokens)
        with call as entry, closing(self._chat.stream(messages)) as deltas:
            yield from pieces(without_thoughts(deltas), entry, name=self.name, prompt_tokens=tokens)
