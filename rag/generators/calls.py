"""A generator's chat model for other work than answers (rewrites of questions), at the same ledger."""

from collections.abc import Sequence

from spaniel.models.counting import estimated
from spaniel.rerank.llm.chat import Chat, Message, Reply
from spaniel.retrieval.closing import Closing
from spaniel.retrieval.work import count_work

from .ledger import Ledger
from .stream import message_tokens

__all__ = ["LedgerChat"]


class LedgerChat(Closing):
    """A `Chat` whose calls are entered in a ledger, and counted as work: "model_calls", "prompt_tokens" and
    "answer_tokens". Closing it does nothing: the model is its generator's.

    Args:
        chat: the model.
        ledger: may refuse a call, with `LimitExceeded`.
    """

    def __init__(self, chat: Chat, ledger: Ledger) -> None:
        self._chat, self._ledger = chat, ledger

    @property
    def name(self) -> str:
        """The model's name."""
        return self._chat.name

    def chat(self, messages: Sequence[Message], *, max_tokens: int, logprobs: int = 0) -> Reply:
        """See `Chat.chat`.

        Raises:
            LimitExceeded: the ledger has no room for the call.
        """
        sent = message_tokens(messages)
        with self._ledger.call(self.name, sent, max_tokens) as entry:
            entry.prompt_tokens = sent
            reply = self._chat.chat(messages, max_tokens=max_tokens, logprobs=logprobs)
            entry.estimated = not (reply.prompt_tokens and reply.answer_tokens)
            if not entry.estimated:
                entry.prompt_tokens, entry.answer_tokens = reply.prompt_tokens, reply.answer_tokens
            else:
                entry.answer_tokens = estimated(reply.text)
            entry.answered = True
        count_work("model_calls")
        count_work("prompt_tokens", entry.prompt_tokens)
        count_work("answer_tokens", entry.answer_tokens)
        return reply
