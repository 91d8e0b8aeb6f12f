"""Take what adds most, again and again, and stop when nothing adds anything.

Greedy maximisation of a set function under a budget. For a function that is monotone and submodular, the better of
gain per token and plain gain is within (1 - 1/e) / 2 of the best set (Leskovec et al., KDD 2007, theorem 3); functions
that can fall have no such promise, and there stopping in time is the point: the budget is a bound, not a target.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spaniel.models.counting import TokenCounter
from spaniel.retrieval.errors import InvalidInput

from .base import Candidate, Packed
from .coverage import COVERAGE
from .excerpts import check_budget, check_settings, costs, packed, whole
from .order import Order
from .sets import SetScorer, SetValue

__all__ = ["Greedy"]


@dataclass(frozen=True, slots=True)
class Greedy:
    """The candidate with the greatest gain first, until none fits or gains `min_gain`.

    Args:
        scorer: of sets: "coverage" by name; see `sets.py`.
        per_token: the greatest gain per token first.
        min_gain: a candidate that adds no more than that is not taken; gains are in the scorer's own measure.
        depth: how many candidates take part.
        max_passages: no more are taken; any number by default.
        order: in which they are shown; see `order.py`. "best" is the order of the candidates.

    Cost: a call of the scorer, over all that still fit, for each passage taken.

    Raises:
        InvalidInput: a setting that cannot be.
    """

    scorer: SetScorer = COVERAGE
    per_token: bool = False
    min_gain: float = 0.0
    depth: int = 50
    max_passages: int | None = None
    order: Order = "best"
    name: ClassVar[str] = "greedy"

    def __post_init__(self) -> None:
        check_settings(self.name, self.order, self.max_passages, self.depth)
        if not self.min_gain < float("inf"):
            raise InvalidInput(self.name, f"min_gain is {self.min_gain}; it must be a finite number")

    def pack(
        self, question: str, candidates: Sequence[Candidate], *, budget_tokens: int, count: TokenCounter
    ) -> Packed:
        """See `base.Packer`."""
        check_budget(self.name, budget_tokens)
        read = candidates[: self.depth]
        prices = costs(read, count)
        chosen, worth = self._chosen(self.scorer.of(question, read), prices, budget_tokens)
        excerpts = {place: whole(read[place], prices[place]) for place in chosen}
        return packed(excerpts, candidates, self.order, {"worth": worth, "taken": list(chosen)})

    def _chosen(self, value: SetValue, prices: dict[int, int], budget: int) -> tuple[tuple[int, ...], float]:
        """Places in the order in which they were taken, and what they are worth together."""
        chosen: tuple[int, ...] = ()
        left, worth = budget, 0.0
        while self.max_passages is None or len(chosen) < self.max_passages:
            fitting = [place for place in sorted(prices) if place not in chosen and prices[place] <= left]
            if not fitting:
                break
            gains = value.grown(chosen, fitting) - worth
            per = np.array([max(prices[place], 1) for place in fitting]) if self.per_token else 1.0
            best = int(np.argmax(np.where(gains > self.min_gain, gains / per, -np.inf)))
            if gains[best] <= self.min_gain:
                break
            chosen, worth, left = (*chosen, fitting[best]), worth + float(gains[best]), left - prices[fitting[best]]
        return chosen, worth
