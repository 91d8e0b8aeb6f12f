"""The rewrites: expand, simplify, clarify; paraphrase and decompose where there is a chat model.

Expand adds terms of the best passages (`index/sparse/feedback.py`), simplify leaves the content words, clarify says the
rare words and names twice. What a chat model gives back is read strictly: anything that is not a short plain question
leaves the question as it was.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spaniel.index.sparse.feedback import TermFeedback
from spaniel.rerank.llm.chat import Chat, Message
from spaniel.rerank.llm.shown import one_line
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.features.rarity import Frequencies
from spaniel.retrieval.policies.features.words import content_words, entities

from .rewriter import Rewritten

__all__ = ["Clarify", "Decompose", "Expand", "Paraphrase", "simplify", "unchanged"]

_MARKER = re.compile(r"^\s*(?:[-*\u2022]|\d{1,2}[.)])\s+")


def unchanged(question: str) -> Rewritten:
    """The question as it was asked."""
    return Rewritten(question)


def simplify(question: str) -> Rewritten:
    """The content words alone, in their order; the question itself where there are none.

    Example:
        >>> simplify("Could you please tell me who was the first person on the Moon?").text
        'first person Moon'
    """
    return Rewritten(" ".join(content_words(question)) or question, arm="simplify")


@dataclass(frozen=True, slots=True)
class Expand:
    """The question with terms of the passages that it finds, for searches by words; vectors still see the question."""

    feedback: TermFeedback

    def __call__(self, question: str) -> Rewritten:
        """The rewritten question. Cost: a search, and the analysis of the passages."""
        [query] = self.feedback.expanded([question])
        return Rewritten(question, query.weights, arm="expand")


@dataclass(frozen=True, slots=True)
class Clarify:
    """The question, then its names and its rarest words once more, so that these weigh twice as much.

    Args:
        frequencies: of words in the index; None: names alone are repeated.
        n_terms: how many rare words.
    """

    frequencies: Frequencies | None = None
    n_terms: int = 3

    def __post_init__(self) -> None:
        if self.n_terms < 0:
            raise InvalidInput("clarify", f"n_terms is {self.n_terms}; it must be at least 0")

    def __call__(self, question: str) -> Rewritten:
        """The rewritten question."""
        said = " ".join([*entities(question), *self._rare(question)])
        return Rewritten(f"{question} {said}".rstrip(), arm="clarify")

    def _rare(self, question: str) -> list[str]:
        """The content words that the fewest passages hold, but some do; ties in order of the question."""
        if self.frequencies is None:
            return []
        named = {word for name in entities(question) for word in content_words(name)}
        counts = {}
        for word in dict.fromkeys(content_words(question)):
            n = min(self.frequencies.of(word).values(), default=0)
            if n and word not in named:
                counts[word] = n
        return sorted(counts, key=counts.__getitem__)[: self.n_terms]


@dataclass(frozen=True, slots=True)
class Paraphrase:
    """The question in a chat model's words."""

    chat: Chat
    max_tokens: int = 128

    def __call__(self, question: str) -> Rewritten:
        """The rewritten question.

        Raises:
            ModelError: the model cannot be asked.
        """
        asked = "Say the question below in other words, as one question. Reply with that question alone."
        lines = _lines(self.chat, asked, question, self.max_tokens)
        return Rewritten(lines[0] if len(lines) == 1 else question, arm="paraphrase")


@dataclass(frozen=True, slots=True)
class Decompose:
    """The question in at most `max_parts` simpler ones, by a chat model, and itself first."""

    chat: Chat
    max_parts: int = 3
    max_tokens: int = 192

    def __call__(self, question: str) -> Rewritten:
        """The rewritten question.

        Raises:
            ModelError: the model cannot be asked.
        """
        asked = (
            f"Break the question below into at most {self.max_parts} simpler questions that can each be looked up. "
            "Reply with one question a line and nothing else. If it is simple already, repeat it."
        )
        parts = [line for line in _lines(self.chat, asked, question, self.max_tokens) if line != question]
        if not 1 <= len(parts) <= self.max_parts:
            return Rewritten(question, arm="decompose")
        return Rewritten(question, parts=(question, *parts), arm="decompose")


def _lines(chat: Chat, asked: str, question: str, max_tokens: int) -> Sequence[str]:
    """The lines of the reply, markers of lists taken off; none where it was cut or a line is no question."""
    shown = one_line(question)
    reply = chat.chat([Message("system", asked), Message("user", f"Question: {shown}")], max_tokens=max_tokens)
    lines = [_MARKER.sub("", line).strip() for line in reply.text.splitlines()]
    lines = [line for line in lines if line]
    long = 2 * len(question) + 200
    return [] if reply.cut or any(len(line) > long for line in lines) else lines
