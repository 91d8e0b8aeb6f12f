"""What the reranking of one query cost, and how it ended."""

from dataclasses import dataclass, field
from typing import Literal

from spaniel.retrieval.types import JSON

from .questions import Answer, Order, Prefer, Question, Score

__all__ = ["Asked", "Stopped", "Trace"]

Stopped = Literal["", "calls", "tokens", "seconds"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of the log: the round it stood in (from 1), and its answer."""

    round: int
    question: Question
    answer: Answer

    def to_json(self) -> JSON:
        """As one object: {"round", "score" | "prefer" | "order", "answer"}."""
        question = self.question
        answer: JSON = list(self.answer) if isinstance(self.answer, tuple) else self.answer
        match question:
            case Score(doc):
                return {"round": self.round, "score": doc, "answer": answer}
            case Prefer(first, second):
                return {"round": self.round, "prefer": [first, second], "answer": answer}
            case Order(docs, top):
                return {"round": self.round, "order": list(docs), "top": top, "answer": answer}


@dataclass(slots=True)
class Trace:
    """Counts of one query.

    Attributes:
        calls: of the judge: questions as it was shown them.
        model_calls: runs of the model, or requests, that answered them; of those that queries shared, a part.
        docs_read: passages shown, added up over calls; about what tokens cost.
        depth: rounds, one after another, that made a call; what waiting costs when calls run side by side.
        tokens: read and written.
        charged: tokens as the budget counts them, of each call by itself: more than `tokens` where a judge remembers
            texts.
        cached: calls that were not made, because their answer was known.
        retried: calls that were made again.
        failed: calls without an answer, at the last try.
        repaired, truncated: see `judges.base.Judged`.
        seconds: of the judge's time: of batches that queries shared, its part; behind a network, how long any of its
            calls was under way. Waiting for other queries is not in it.
        stopped: the bound of the budget that ended it, or "".
        log: every question in its order, when it was asked for.
    """

    calls: int = 0
    model_calls: int = 0
    docs_read: int = 0
    depth: int = 0
    tokens: int = 0
    charged: int = 0
    cached: int = 0
    retried: int = 0
    failed: int = 0
    repaired: int = 0
    truncated: int = 0
    seconds: float = 0.0
    stopped: Stopped = ""
    log: list[Asked] = field(default_factory=list)

    def to_json(self) -> dict[str, JSON]:
        """The counts by name; with `log` when there is one."""
        counts: dict[str, JSON] = {name: getattr(self, name) for name in self.__slots__ if name != "log"}
        return counts | ({"log": [asked.to_json() for asked in self.log]} if self.log else {})

    def explain(self) -> str:
        """One line for people."""
        parts = [
            f"{self.calls:,} calls ({self.cached:,} cached)",
            f"{self.docs_read:,} passages read",
            f"depth {self.depth}",
            f"{self.tokens:,} tokens",
            f"{self.seconds * 1000:.0f} ms",
        ]
        parts += [
            f"{getattr(self, name)} {name}" for name in ("failed", "repaired", "truncated") if getattr(self, name)
        ]
        return ", ".join(parts) + (f"; stopped: out of {self.stopped}" if self.stopped else "")
