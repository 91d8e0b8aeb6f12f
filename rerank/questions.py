"""The three questions about one query's passages, and what an answer to each is.

Passages are called by their place in the first-stage order, 0 being its best. A schedule asks, a judge answers; in
between, the driver knows the passages, shows them in one order or both, and keeps count.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Answer", "Kind", "Order", "Outcome", "Prefer", "Question", "Rounds", "Score", "Spent", "asked"]

Kind = Literal["score", "prefer", "order"]


@dataclass(frozen=True, slots=True)
class Score:
    """How relevant is this one? Answer: any finite float, larger for more."""

    doc: int


@dataclass(frozen=True, slots=True)
class Prefer:
    """Is `first` the better of the two? Answer: float 0 to 1, a half for a tie.

    The driver decides in which order they are shown, or in both; the answer is about `first` either way.
    """

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Order:
    """Put these in order, as far as the `top` best of them (all by default). Answer: tuple of all of `docs`, best
    first; behind `top`, the others in the order asked.
    """

    docs: tuple[int, ...]
    top: int | None = None


Question: TypeAlias = Score | Prefer | Order
Answer: TypeAlias = float | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a schedule makes of the answers.

    Attributes:
        order: every place 0 to n - 1 once, best first.
        scores: float64 (n,), of the passages in `order`, never rising; None where the method gives an order alone.
    """

    order: tuple[int, ...]
    scores: NDArray[np.float64] | None = None


Rounds: TypeAlias = Generator[Sequence[Question], Sequence[Answer], Outcome]
"""What a schedule is: it yields rounds of questions that do not depend on each other, and is sent their answers.

When the budget ends it is sent the answers to the first questions of the round only, perhaps none; it then returns the
best order it can tell and asks nothing more. It may be cut like that at any round.
"""


class Spent(Exception):
    """The budget ended in this round; `answers` are those to its first questions."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        super().__init__(f"{len(answers)} answers came before the budget ended")
        self.answers = answers


def asked(questions: Sequence[Question]) -> Generator[Sequence[Question], Sequence[Answer], Sequence[Answer]]:
    """Ask a round: `answers = yield from asked(questions)`; nothing is asked when there is no question.

    Raises:
        Spent: the budget ended before every question was answered.
    """
    if not questions:
        return ()
    answers = yield questions
    if len(answers) < len(questions):
        raise Spent(answers)
    return answers
