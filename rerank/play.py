"""One query under one schedule: its questions in, what to show the judge out; cache, budget and trace.

Whoever holds a `Play` makes its calls in whatever company and order, and gives the answers back; the play asks the
schedule on when a round is whole, or when the budget has ended and the schedule must do with the beginning of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite
from typing import cast

from spaniel.retrieval.errors import SpanielError

from .asking import Asking, Shown
from .budget import Budget
from .questions import Answer, Kind, Order, Outcome, Prefer, Question, Rounds, Score
from .schedules.base import Schedule
from .trace import Asked, Stopped, Trace

__all__ = ["Play"]

_ASKS: dict[Kind, type[Question]] = {"score": Score, "prefer": Prefer, "order": Order}


@dataclass(slots=True)
class Play:
    """A schedule at work on the passages 0 to n - 1.

    Attributes:
        kind: of the calls: what the schedule asks, or "score" when the judge can do no more.
        todo: calls of this round that nobody has made yet, in the order of the questions.
        outcome: None until it is over.
    """

    schedule: Schedule
    n: int
    asking: Asking
    kind: Kind
    budget: Budget = field(default_factory=Budget)
    estimate: Callable[[Sequence[Shown]], Sequence[int]] | None = None
    keep_log: bool = False
    trace: Trace = field(default_factory=Trace)
    todo: list[Shown] = field(default_factory=list)
    outcome: Outcome | None = None
    _known: dict[Shown, Answer] = field(default_factory=dict)
    _failed: list[Shown] = field(default_factory=list)
    _rounds: Rounds | None = None
    _questions: Sequence[Question] = ()
    _waiting: int = 0
    _round: int = 0

    def begin(self, *, top: int, seed: int) -> None:
        """Ask the schedule for its first round, and on until a call is to be made or it is over."""
        self._rounds = self.schedule.rounds(self.n, top=max(1, min(top, self.n)), seed=seed)
        self._step(None)

    def take(self, shown: Shown, answer: Answer | None) -> None:
        """What the judge said to a call of this round; None if nothing came."""
        self._waiting -= 1
        if answer is None:
            self.trace.failed += 1
            self._failed.append(shown)
            # A half, or the order as shown; a score waits for the others of its round.
            self._known[shown] = 0.5 if self.kind == "prefer" else shown[0] if self.kind == "order" else float("nan")
        else:
            self._known[shown] = answer
        if self._waiting == 0:
            self._step(self._answers(len(self._questions)))

    def stop(self, why: Stopped) -> None:
        """The budget has ended: calls of this round without an answer are not wanted any more."""
        self.trace.stopped = why
        unknown = (i for i, question in enumerate(self._questions) if not self._is_known(question))
        answers = self._answers(next(unknown, len(self._questions)))
        self.todo = []
        self._waiting = 0
        self._step(answers)

    def _is_known(self, question: Question) -> bool:
        return all(shown in self._known for shown in self.asking.needs(question))

    def _answers(self, n: int) -> list[Answer]:
        """Answers to the first n questions of this round."""
        if self.kind == "score" and self._failed:
            scores = [cast("float", score) for score in self._known.values()]
            behind = min((score for score in scores if isfinite(score)), default=1.0) - 1
            self._known.update(dict.fromkeys(self._failed, behind))
            self._failed.clear()
        answers = [self.asking.answer(question, self._known) for question in self._questions[:n]]
        if self.keep_log:
            self.trace.log += [Asked(self._round, *both) for both in zip(self._questions[:n], answers, strict=True)]
        return answers

    def _step(self, answers: list[Answer] | None) -> None:
        """Send answers and take the next round, until there is a call to make or an outcome."""
        assert self._rounds is not None
        while True:
            try:
                questions = next(self._rounds) if answers is None else self._rounds.send(answers)
            except StopIteration as end:
                self.outcome = _checked_outcome(self.schedule, self.n, end.value)
                return
            if self.trace.stopped:
                raise SpanielError(f"schedule {self.schedule.name} asks on after the budget has ended")
            self._round += 1
            for question in questions:
                _check_question(self.schedule, self.n, question)
            self._questions, self.todo = self._affordable(questions)
            if self.todo:
                self._waiting = len(self.todo)
                self.trace.depth += 1
                self.trace.calls += len(self.todo)
                self.trace.docs_read += sum(len(docs) for docs, _ in self.todo)
                return
            answers = self._answers(len(self._questions))

    def _affordable(self, questions: Sequence[Question]) -> tuple[Sequence[Question], list[Shown]]:
        """The first questions that can be paid for, and the calls that they take."""
        new: dict[Shown, None] = {}
        ends, cached = [], []  # after each question: calls so far, and how many were known
        hits = 0
        for question in questions:
            needs = self.asking.needs(question)
            before = len(new)
            new.update((shown, None) for shown in needs if shown not in self._known)
            hits += len(needs) - (len(new) - before)
            ends.append(len(new))
            cached.append(hits)
        calls = list(new)
        n = self._paid(ends, calls)
        self.trace.cached += cached[n - 1] if n else 0
        return questions[:n], calls[: ends[n - 1] if n else 0]

    def _paid(self, ends: Sequence[int], calls: Sequence[Shown]) -> int:
        """How many questions the budget allows; `ends` are the calls after each of them."""
        n, budget, trace = len(ends), self.budget, self.trace
        if budget.calls is not None:
            left = budget.calls - trace.calls
            while n and ends[n - 1] > left and (ends[n - 1] > 0):
                n -= 1
            if n < len(ends):
                trace.stopped = "calls"
        if budget.tokens is not None and self.estimate is not None and calls:
            n_before, left = n, budget.tokens - trace.tokens
            costs = self.estimate(calls)
            total, paid = 0, 0
            for cost in costs:
                total += cost
                if total > left:
                    break
                paid += 1
            while n and ends[n - 1] > paid:
                n -= 1
            if n < n_before:
                trace.stopped = "tokens"
        if budget.seconds is not None and calls and trace.seconds >= budget.seconds:
            n = sum(1 for end in ends[:n] if end == 0)
            trace.stopped = "seconds"
        return n


def _check_question(schedule: Schedule, n: int, question: Question) -> None:
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


def _checked_outcome(schedule: Schedule, n: int, outcome: Outcome) -> Outcome:
    if len(outcome.order) != n or sorted(outcome.order) != list(range(n)):
        raise SpanielError(f"schedule {schedule.name} gave {outcome.order!r}, which is no order of {n} passages")
    if outcome.scores is None:
        return outcome
    scores = outcome.scores.tolist()
    if len(scores) != n or not all(map(isfinite, scores)) or any(a < b for a, b in pairwise(scores)):
        raise SpanielError(f"schedule {schedule.name} gave scores that rise, are not finite, or are not {n}: {scores}")
    return outcome
