"""An LLM that is shown two passages and says which is more relevant (pairwise ranking prompting).

Qin et al., Large language models are effective text rankers with pairwise ranking prompting, arXiv 2306.17563. In
*generation* mode the model writes a label, which is parsed: 1 or 0, a half when it calls them equal. In *likelihood*
mode the answer is the probability of the first label, from the log-probabilities of the token; it needs a server that
tells them and has no answers that make no sense. Models favour a place (one prompt order or the other gives 20 % other
winners with flan-t5-xl); showing both orders is the driver's work (`both_orders`).
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal, cast

from spaniel.rerank.llm.chat import Chat, Reply
from spaniel.rerank.llm.conversations import Conversations, Question, Reading
from spaniel.rerank.llm.labels import parse_preference
from spaniel.rerank.llm.likelihood import TOP_LOGPROBS, label_logprobs, preference
from spaniel.rerank.llm.prompts import Room, pairwise
from spaniel.retrieval.errors import InvalidInput, ModelError

from .base import Call, Judge, Judged

__all__ = ["LLMPairwise", "Mode", "check_mode", "no_logprobs"]

Mode = Literal["generation", "likelihood"]

_GENERATED = 32
_LIKELIHOOD = 4


class LLMPairwise(Judge):
    """Which of two passages is more relevant, by a chat model.

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

    kinds = frozenset({"prefer"})
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
        self._mode, self._room = check_mode(mode, thinking_tokens), Room(max_passage_tokens, max_prompt_tokens)
        self._conversations = Conversations(chat, concurrency=concurrency, thinking_tokens=thinking_tokens)
        self.concurrency = concurrency
        self.name = f"llm-pairwise({chat.name})"

    def _prefer(self, calls: Sequence[Call]) -> Judged:
        return self._conversations.judged([self._question(call) for call in calls])

    def estimate(self, calls: Sequence[Call]) -> list[int]:
        """See `Judge.estimate`: the prompt as it is sent, and a few tokens of answer."""
        return [self._question(call).prompt.tokens + _LIKELIHOOD for call in calls]

    def close(self) -> None:
        """Let go of threads and connections."""
        self._conversations.close()

    def _question(self, call: Call) -> Question:
        prompt = self._room.fitted(partial(pairwise, call.query, call.passages), 2)
        if self._mode == "generation":
            return Question(prompt, _GENERATED, _generated)
        return Question(prompt, _LIKELIHOOD, self._likelihood, TOP_LOGPROBS)

    def _likelihood(self, reply: Reply) -> Reading[float] | None:
        if reply.text and not reply.top_logprobs:
            raise no_logprobs(self.name, reply)
        logprobs = label_logprobs(reply.top_logprobs, 2)
        return None if logprobs is None else Reading(preference(logprobs))


def _generated(reply: Reply) -> Reading[float] | None:
    preferred = parse_preference(reply.text)
    return None if preferred is None else Reading(preferred)


def check_mode(mode: str, thinking_tokens: int) -> Mode:
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
