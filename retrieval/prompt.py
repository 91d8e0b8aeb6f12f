"""What a generator is given, and what it gives back, piece by piece.

A prompt stays structured until the last moment: a question, numbered excerpts, instructions, earlier turns. Who speaks
to a model turns it into messages; nobody joins strings before that, so that a passage can never pose as an instruction
unnoticed and every number can be traced to the span it stands for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .types import Passage

__all__ = ["Excerpt", "Piece", "Prompt", "Quoted", "Turn"]

Finish = Literal["", "stop", "length", "abstain", "filter"]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What of one passage is shown to a generator.

    Attributes:
        passage: where it comes from.
        spans: (start, end) in characters of the document's original text, ascending, not overlapping, all within the
            passage; one for a whole passage.
        text: the spans' own texts, joined by " ... " where they do not follow on each other.
        score: what packing thought of it, larger is better.
        tokens: how many it takes, by the counter that packing used.
    """

    passage: Passage
    spans: tuple[tuple[int, int], ...]
    text: str
    score: float = 0.0
    tokens: int = 0

    @classmethod
    def whole(cls, passage: Passage, *, score: float = 0.0, tokens: int = 0) -> "Excerpt":
        """All of a passage."""
        return cls(passage, ((passage.start, passage.end),), passage.text, score, tokens)


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question or answer of the conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question and what to answer it from.

    Attributes:
        question: as it was asked.
        excerpts: number i + 1 stands for `excerpts[i]`, in the order in which they are shown.
        instructions: what the generator is told about form and duty; empty for its own.
        history: earlier turns, oldest first.
        nonce: letters and digits that no passage holds; they mark where passages begin and end.
        max_tokens: that the answer may have.
    """

    question: str
    excerpts: tuple[Excerpt, ...]
    instructions: str = ""
    history: tuple[Turn, ...] = ()
    nonce: str = ""
    max_tokens: int = 512


@dataclass(frozen=True, slots=True)
class Quoted:
    """Words of an excerpt that a part of an answer rests on.

    Attributes:
        number: of the excerpt, from 1.
        start, end: in characters of its document.
    """

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer as it is written. Only the last piece has a `finish`.

    Attributes:
        text: what is added; "[2]" in it refers to excerpt 2, unless there is something in `quoted`.
        quoted: what the text rests on, of a generator that knows: then the text is one sentence, and nothing in it is
            a reference, whatever it looks like.
        finish: why it ended: "stop", "length" (cut at max_tokens), "abstain" (no answer is supported), "filter".
        usage: what the whole answer cost, such as {"prompt_tokens": 812, "answer_tokens": 40, "model_calls": 1}.
        confidence: that the answer is right, 0 to 1, where the generator knows.
        reason: why it abstains, in words.
    """

    text: str = ""
    finish: Finish = ""
    usage: Mapping[str, int] = field(default_factory=dict)
    confidence: float | None = None
    reason: str = ""
    quoted: tuple[Quoted, ...] = ()

    @property
    def marked(self) -> str:
        """The text with the numbers of what it quotes behind it.

        Example:
            >>> Piece("Keys expire.", quoted=(Quoted(2, 0, 12),)).marked
            'Keys expire. [2]'
        """
        return self.text + "".join(f" [{number}]" for number in dict.fromkeys(each.number for each in self.quoted))
