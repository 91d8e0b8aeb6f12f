"""An LLM that is shown two passages and says which is more relevant (pairwise ranking prompting).

Qin et al., Large language models are effective text rankers with pairwise ranking prompting, arXiv 2306.17563. In
*generation* mode the model writes a label, which is parsed: 1 or 0, a half when it calls them equal. In *likelihood*
mode the answer is the probability of the first label, from the log-probabilities of the token; it needs a server that
tells them and has no answers that make no sense. Models favour a place (one prompt order or the other gives 20 % other
winners with flan-t5-xl); showing both orders is the driver's work (`both_orders`).
"""

from collections.abc import Sequence
from functools import partial

from spaniel.rerank.llm.chat import Reply
from spaniel.rerank.llm.conversations import Question, Reading
from spaniel.rerank.llm.labels import parse_preference
from spaniel.rerank.llm.likelihood import TOP_LOGPROBS, label_logprobs, preference
from spaniel.rerank.llm.prompts import pairwise

from .base import Call, Judged
from .llm import LLMJudge, no_logprobs

__all__ = ["LLMPairwise"]

_GENERATED = 32
_LIKELIHOOD = 4


class LLMPairwise(LLMJudge):
    """Which of two passages is more relevant, by a chat model; see `LLMJudge` for its arguments."""

    name = "llm-pairwise"
    kinds = frozenset({"prefer"})

    def _prefer(self, calls: Sequence[Call]) -> Judged:
        return self._conversations.judged([self._question(call) for call in calls])

    def estimate(self, calls: Sequence[Call]) -> list[int]:
        """See `Judge.estimate`: the prompt as it is sent, and a few tokens of answer."""
        return [self._question(call).prompt.tokens + _LIKELIHOOD for call in calls]

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
