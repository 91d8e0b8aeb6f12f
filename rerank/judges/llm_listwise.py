"""An LLM that is shown several passages and puts them in order.

In *generation* mode it writes a permutation of numbered passages (RankGPT; Sun et al., EMNLP 2023), or the few best of
them; asked for the one best of up to 26, it answers with a letter (setwise; Zhuang et al., SIGIR 2024). In
*likelihood* mode one token is written, and passages are ordered by the log-probability of their letters (setwise by
likelihood; FIRST, Reddy et al., EMNLP 2024, whose models are trained for it). Servers tell 20 labels at most: those
behind keep the order shown.

Nothing here is asked twice in another order: which passage stands where is the schedule's affair.
"""

from collections.abc import Sequence
from functools import partial

from spaniel.rerank.llm.chat import Reply
from spaniel.rerank.llm.conversations import Question, Reading
from spaniel.rerank.llm.labels import parse_choice
from spaniel.rerank.llm.likelihood import TOP_LOGPROBS, label_logprobs, likeliest_first
from spaniel.rerank.llm.parse import parse_order
from spaniel.rerank.llm.prompts import LETTERS, choice, letters, permutation
from spaniel.retrieval.errors import InvalidInput

from .base import Call, Judged
from .llm import LLMJudge, no_logprobs

__all__ = ["LLMListwise"]

_CHOICE = 32
_PER_LABEL = 6
_LIKELIHOOD = 4


class LLMListwise(LLMJudge):
    """Passages in order, by a chat model; see `LLMJudge` for its arguments."""

    name = "llm-listwise"
    kinds = frozenset({"order"})

    def _order(self, calls: Sequence[Call]) -> Judged:
        return self._conversations.judged([self._question(call) for call in calls])

    def estimate(self, calls: Sequence[Call]) -> list[int]:
        """See `Judge.estimate`: the prompt as it is sent, and the answer."""
        asked = [self._question(call) for call in calls]
        return [each.prompt.tokens + each.max_tokens for each in asked]

    def _question(self, call: Call) -> Question:
        n = len(call.passages)
        if self._mode == "likelihood":
            return self._by_likelihood(call)
        if call.top == 1 and n <= len(LETTERS):
            prompt = self._room.fitted(partial(choice, call.query, call.passages), n)
            return Question(prompt, _CHOICE, partial(_chosen, n))
        prompt = self._room.fitted(partial(permutation, call.query, call.passages, top=call.top), n)
        length = (call.top or n) * _PER_LABEL + 16
        return Question(prompt, length, partial(_permuted, n, call.top))

    def _by_likelihood(self, call: Call) -> Question:
        n = len(call.passages)
        if n > len(LETTERS):
            hint = "ask about fewer at once, or use mode='generation'"
            raise InvalidInput(self.name, f"{n} passages, and there are {len(LETTERS)} letters to tell them by", hint)
        prompt = self._room.fitted(partial(choice if call.top == 1 else letters, call.query, call.passages), n)
        return Question(prompt, _LIKELIHOOD, partial(self._likelihood, n, call.top), TOP_LOGPROBS)

    def _likelihood(self, n: int, top: int | None, reply: Reply) -> Reading[tuple[int, ...]] | None:
        if reply.text and not reply.top_logprobs:
            raise no_logprobs(self.name, reply)
        logprobs = label_logprobs(reply.top_logprobs, n)
        return None if logprobs is None else Reading(_as_far_as(likeliest_first(logprobs), top))


def _chosen(n: int, reply: Reply) -> Reading[tuple[int, ...]] | None:
    place = parse_choice(reply.text, n)
    return None if place is None else Reading((place, *(other for other in range(n) if other != place)))


def _permuted(n: int, top: int | None, reply: Reply) -> Reading[tuple[int, ...]] | None:
    parsed = parse_order(reply.text, n, top=top)
    return None if parsed is None else Reading(parsed.order, parsed.repaired)


def _as_far_as(order: tuple[int, ...], top: int | None) -> tuple[int, ...]:
    """The first `top` of an order, and the others as they were shown."""
    return order if top is None else (*order[:top], *sorted(order[top:]))
