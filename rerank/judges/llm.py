"""What both LLM judges have in common: the model, how much it is shown, how it is asked."""

from typing import Literal, cast

from spaniel.rerank.llm.chat import Chat, Reply
from spaniel.rerank.llm.conversations import Conversations
from spaniel.rerank.llm.prompts import Room
from spaniel.retrieval.errors import InvalidInput, ModelError

from .base import Judge

__all__ = ["LLMJudge", "Mode", "no_logprobs"]

Mode = Literal["generation", "likelihood"]


class LLMJudge(Judge):
    """A judge that is a chat model.

    Args:
        chat: the model; `open_chat` makes one of a URL.
        mode: "generation" or "likelihood"; see the module.
        max_passage_tokens: a longer passage is cut and counted (by `models.text.tokens_of`).
        max_prompt_tokens: passages are cut further where all of them take more; by default they are not.
        thinking_tokens: how much a model that reasons may write before its answer.
        concurrency: requests under way at once.

    Raises:
        InvalidInput: another mode, a number below 1, or likelihood mode for a model that reasons first.
    """

    remote = True

    def __init__(
        self,
        chat: Chat,
        *,
        mode: Mode = "generation",
        max_passage_tokens: int = 300,
        max_prompt_tokens: int | None = None,
        thinking_tokens: int = 0,
        concurrency: int = 8,
    ) -> None:
        super().__init__()
        self._mode, self._room = _check_mode(mode, thinking_tokens), Room(max_passage_tokens, max_prompt_tokens)
        self._conversations = Conversations(chat, concurrency=concurrency, thinking_tokens=thinking_tokens)
        self.concurrency = concurrency
        self.name = f"{self.name}({chat.name})"

    def close(self) -> None:
        """Let go of threads and connections."""
        self._conversations.close()


def _check_mode(mode: str, thinking_tokens: int) -> Mode:
    """The mode, known to be one.

    Raises:
        InvalidInput: another word, or reasoning in likelihood mode.
    """
    if mode not in ("generation", "likelihood"):
        raise InvalidInput("mode", f"{mode!r} is neither 'generation' nor 'likelihood'")
    if mode == "likelihood" and thinking_tokens:
        raise InvalidInput(
            "thinking_tokens", "in likelihood mode the first tokens are the answer; switch reasoning off"
        )
    return cast("Mode", mode)


def no_logprobs(name: str, reply: Reply) -> ModelError:
    """What likelihood mode says of a server that answers in words alone."""
    error = ModelError(f"{name}: the server tells no log-probabilities with its answer {reply.text[:60]!r}")
    error.hint = "use mode='generation', or a server that takes logprobs (vLLM, llama.cpp, OpenAI)"
    return error
