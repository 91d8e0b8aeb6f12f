"""What a schedule may ask and return; a schedule that breaks it is a defect, and is named."""

from itertools import pairwise
from math import isfinite

from spaniel.rerank.questions import Kind, Order, Outcome, Prefer, Question, Score
from spaniel.retrieval.errors import SpanielError

from .base import Schedule

__all__ = ["check_question", "checked_outcome"]

_ASKS: dict[Kind, type[Question]] = {"score": Score, "prefer": Prefer, "order": Order}


def check_question(schedule: Schedule, n: int, question: Question) -> None:
    """Of the kind that the schedule says it asks, about passages 0 to n - 1, each once.

    Raises:
        SpanielError: it is not.
    """
    if not isinstance(question, _ASKS[schedule.asks]):
        raise SpanielError(f"schedule {schedule.name} asks {question!r}, though it says that it asks {schedule.asks}")
    if isinstance(question, Order):
        docs = question.docs
        right = 0 < len(set(docs)) == len(docs) and (question.top is None or 1 <= question.top <= len(docs))
        if not right or min(docs) < 0 or max(docs) >= n:
            raise SpanielError(f"schedule {schedule.name} asks {question!r} of {n} passages")
    elif isinstance(question, Prefer):
        if question.first == question.second or not (0 <= question.first < n and 0 <= question.second < n):
            raise SpanielError(f"schedule {schedule.name} asks {question!r} of {n} passages")
    elif not 0 <= question.doc < n:
        raise SpanielError(f"schedule {schedule.name} asks {question!r} of {n} passages")


def checked_outcome(schedule: Schedule, n: int, outcome: Outcome) -> Outcome:
    """The outcome, known to be every passage once, with scores that are finite and never rise.

    Raises:
        SpanielError: it is not.
    """
    if len(outcome.order) != n or sorted(outcome.order) != list(range(n)):
        raise SpanielError(f"schedule {schedule.name} gave {outcome.order!r}, which is no order of {n} passages")
    if outcome.scores is None:
        return outcome
    scores = outcome.scores.tolist()
    if len(scores) != n or not all(map(isfinite, scores)) or any(a < b for a, b in pairwise(scores)):
        raise SpanielError(f"schedule {schedule.name} gave scores that rise, are not finite, or are not {n}: {scores}")
    return outcome
