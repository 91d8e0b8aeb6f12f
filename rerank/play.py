"""One query under one schedule: its questions in, what to show the judge out; cache, budget and trace.

Whoever holds a `Play` makes its calls in whatever company and order, and gives the answers back; the play asks the
schedule on when a round is whole, or when the budget has ended and the schedule must do with the beginning of it.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf, isfinite
from typing import cast

from spaniel.retrieval.errors import SpanielError

from .asking import Asking, Shown
from .budget import Budget
from .questions import Answer, Kind, Outcome, Question, Rounds
from .schedules.base import Schedule
from .schedules.checks import check_question, checked_outcome
from .trace import Asked, Stopped, Trace

__all__ = ["Play"]


@dataclass(slots=True)
class Play:
    """A schedule at work on the passages 0 to n - 1.

    Attributes:
        kind: of the calls: what the schedule asks, or "score" when the judge can do no more.
        todo: calls of this round that nobody has made yet, in the order of the questions.
        waiting: calls of this round without an answer.
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
    waiting: int = 0
    _known: dict[Shown, Answer] = field(default_factory=dict)
    _rounds: Rounds | None = None
    _questions: Sequence[Question] = ()
    _round: int = 0

    def begin(self, *, top: int, seed: int) -> None:
        """Ask the schedule for its first round, and on until a call is to be made or it is over."""
        self._rounds = self.schedule.rounds(self.n, top=max(1, min(top, self.n)), seed=seed)
        self._step(None)

    def take(self, shown: Shown, answer: Answer | None) -> None:
        """What the judge said to a call of this round; None if nothing came."""
        self.waiting -= 1
        self.count(shown)
        if answer is None:
            self.trace.failed += 1
            # A half, or the order as shown; behind every score, and level with others that failed.
            self._known[shown] = 0.5 if self.kind == "prefer" else shown[0] if self.kind == "order" else -inf
        else:
            self._known[shown] = answer
        if self.waiting == 0:
            self._step(self._answers(len(self._questions)))

    def count(self, shown: Shown) -> None:
        """A call has been made, whether or not anybody waits for what comes back."""
        self.trace.calls += 1
        self.trace.docs_read += len(shown[0])

    def stop(self, why: Stopped) -> None:
        """The budget has ended: calls of this round without an answer are not wanted any more."""
        self.trace.stopped = why
        unknown = (i for i, question in enumerate(self._questions) if not self._is_known(question))
        answers = self._answers(next(unknown, len(self._questions)))
        self.todo = []
        self.waiting = 0
        self._step(answers)

    def _is_known(self, question: Question) -> bool:
        return all(shown in self._known for shown in self.asking.needs(question))

    def _answers(self, n: int) -> list[Answer]:
        """Answers to the first n questions of this round."""
        answers = [self.asking.answer(question, self._known) for question in self._questions[:n]]
        if self.schedule.asks == "score" and -inf in answers:
            # Schedules are promised finite scores.
            scores = [cast("float", score) for score in self._known.values()]
            behind = min((score for score in scores if isfinite(score)), default=1.0) - 1
            answers = [behind if answer == -inf else answer for answer in answers]
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
                self.outcome = checked_outcome(self.schedule, self.n, end.value)
                self._known, self._questions, self.todo = {}, (), []
                return
            if self.trace.stopped:
                raise SpanielError(f"schedule {self.schedule.name} asks on after the budget has ended")
            self._round += 1
            for question in questions:
                check_question(self.schedule, self.n, question)
            self._questions, self.todo = self._affordable(questions)
            if self.todo:
                self.waiting = len(self.todo)
                self.trace.depth += 1
                return
            answers = self._answers(len(self._questions))

    def _affordable(self, questions: Sequence[Question]) -> tuple[Sequence[Question], list[Shown]]:
        """The first questions that can be paid for, and the calls that they take."""
        new: dict[Shown, None] = {}
        ends, hits = [], []  # after each question: calls so far, and calls that are not needed
        n_needed = 0
        for question in questions:
            needs = self.asking.needs(question)
            new.update((shown, None) for shown in needs if shown not in self._known)
            n_needed += len(needs)
            ends.append(len(new))
            hits.append(n_needed - len(new))
        calls = list(new)
        n = len(questions)
        for why, allowed in self._bounds(calls):
            fits = bisect_right(ends, allowed)
            if fits < n:
                n, self.trace.stopped = fits, why
        self.trace.cached += hits[n - 1] if n else 0
        return questions[:n], calls[: ends[n - 1] if n else 0]

    def _bounds(self, calls: Sequence[Shown]) -> Iterator[tuple[Stopped, int]]:
        """How many of these calls each bound of the budget allows."""
        budget, trace = self.budget, self.trace
        if budget.calls is not None:
            yield "calls", budget.calls - trace.calls
        if budget.tokens is not None and self.estimate is not None and calls:
            totals = list(accumulate(self.estimate(calls)))
            yield "tokens", bisect_right(totals, budget.tokens - trace.charged)
        if budget.seconds is not None and trace.seconds >= budget.seconds:
            yield "seconds", 0
