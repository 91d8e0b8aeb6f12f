"""Every passage is scored by itself: n questions in one round.

The usual way to use a cross-encoder (Nogueira & Cho, Passage re-ranking with BERT, arXiv 1901.04085). The first
questions are about the first passages, so that a budget is spent on those that the first stage thought most of.
"""

from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np

from spaniel.rerank.questions import Kind, Outcome, Rounds, Score

__all__ = ["Pointwise"]


@dataclass(frozen=True, slots=True)
class Pointwise:
    """Score each; equal scores keep the first-stage order, and so do passages that the budget left out, behind all."""

    name: ClassVar[str] = "pointwise"
    asks: ClassVar[Kind] = "score"

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`. Cost: n calls, n passages read, depth 1."""
        if n == 0:
            return Outcome(())
        answers = yield [Score(doc) for doc in range(n)]
        scores = np.array(cast("list[float]", list(answers)), np.float64)
        order = np.argsort(-scores, kind="stable")
        rest = tuple(range(len(scores), n))
        return Outcome((*order.tolist(), *rest), scores[order] if not rest else None)
