"""Every passage is scored by itself: n questions in one round.

The usual way to use a cross-encoder (Nogueira & Cho, Passage re-ranking with BERT, arXiv 1901.04085). The first
questions are about the first passages, so that a budget is spent on those that the first stage thought most of.
"""

from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np

from spaniel.rerank.questions import Kind, Outcome, Rounds, Score

__all__ = ["Pointwise"]

BELOW = 1e-6


@dataclass(frozen=True, slots=True)
class Pointwise:
    """Score each; equal scores keep the first-stage order.

    Passages that the budget left out stand behind all others in the first-stage order, and have one score among them,
    the least bit below the lowest: whatever is done with the scores, they still are the judge's. Only a budget that
    allowed nothing gives an order alone.
    """

    name: ClassVar[str] = "pointwise"
    asks: ClassVar[Kind] = "score"

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`. Cost: n calls, n passages read, depth 1."""
        if n == 0:
            return Outcome(())
        answers = yield [Score(doc) for doc in range(n)]
        scores = np.array(cast("list[float]", list(answers)), np.float64)
        order = np.argsort(-scores, kind="stable")
        rest = range(len(scores), n)
        if not len(scores):
            return Outcome(tuple(rest))
        return Outcome(
            (*order.tolist(), *rest), np.append(scores[order], np.full(len(rest), _below(float(scores.min()))))
        )


def _below(score: float) -> float:
    """Less by so little that float32 still tells."""
    return max(score - BELOW * max(1.0, abs(score)), -float(np.finfo(np.float64).max))
