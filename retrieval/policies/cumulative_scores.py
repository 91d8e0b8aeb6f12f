"""Keep the head that holds a share of the sum of all scores: the threshold policy of Adaptive Document Retrieval.

Kratzwald and Feuerriegel (EMNLP 2018, arXiv 1808.06528) normalise the scores of a ranking to add up to 1 and read the
smallest n whose sum exceeds theta, which judged queries tell. Where scores are below 0 they are counted from the lowest
one here. `cumulative.py` does the same with probabilities of relevance, which is better where there are any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, QueryLike, Ranking

from .cutting import check_bounds, check_window, window_of
from .fitted import FittedPolicy
from .top_p import shortest_head

__all__ = ["CumulativeThreshold"]

_ABOVE = 1e-9  # more than sums of shares err by


@dataclass(frozen=True, slots=True)
class CumulativeThreshold(FittedPolicy):
    """A cut-off policy: the shortest head that holds `theta` of the window's scores.

    Args:
        theta: above 0, at most 1. `fit` finds it.
        window: so many of the first passages count.
        min_k: so many are kept anyway, if there are as many.
        max_k: no more are kept; any number by default.
        n: queries that it was fitted on; 0 where theta was given.
        note: of what; for people.

    Raises:
        InvalidInput: a theta out of range, or bounds that do not fit.

    Example:
        >>> CumulativeThreshold(0.8).cut("keys", Ranking.of([4, 2, 7], [6.0, 3.0, 1.0]))
        2
    """

    theta: float
    window: int = 100
    min_k: int = 1
    max_k: int | None = None
    n: int = 0
    note: str = ""
    name: ClassVar[str] = "cumulative-scores"

    def __post_init__(self) -> None:
        check_bounds(self.name, self.min_k, self.max_k)
        check_window(self.name, self.window)
        if not 0 < self.theta <= 1:
            raise InvalidInput(self.name, f"theta is {self.theta}; it must be above 0 and at most 1")

    @classmethod
    def fit(
        cls,
        rankings: Sequence[Ranking],
        first_relevant_rank: Sequence[int | None],
        *,
        coverage: float = 0.9,
        window: int = 100,
        min_k: int = 1,
        max_k: int | None = None,
        note: str = "",
    ) -> Self:
        """The smallest theta that keeps the first relevant passage of a share `coverage` of the queries that have one
        in the window; see `judged.first_relevant_ranks`.

        Raises:
            InvalidInput: numbers that differ, no such query, or a coverage out of range.
        """
        if not 0 < coverage <= 1:
            raise InvalidInput(cls.name, f"coverage is {coverage}; it must be above 0 and at most 1")
        # A passage is kept where what stands before it holds less than theta.
        before = [
            float(_shares(window_of(ranking, window))[: rank - 1].sum())
            for ranking, rank in zip(rankings, first_relevant_rank, strict=False)
            if rank is not None and rank <= min(window, len(ranking))
        ]
        if len(rankings) != len(first_relevant_rank) or not before:
            found = f"{len(rankings)} rankings and {len(first_relevant_rank)} ranks, {len(before)} with both"
            raise InvalidInput(cls.name, found)
        last = sorted(before)[int(np.ceil(coverage * len(before) - 1e-9)) - 1]
        return cls(min(last + _ABOVE, 1.0), window, min_k, max_k, len(before), note)

    def _decided(self, query: QueryLike, ranking: Ranking) -> tuple[int, dict[str, JSON]]:
        shares = _shares(window_of(ranking, self.window))
        k, held = shortest_head(shares, self.theta)
        return k, {"theta": self.theta, "held": held, "first": float(shares[0])}


def _shares(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 (n,), adding up to 1; equal ones where no score is above the floor."""
    above = scores - min(0.0, float(scores[-1]))
    total = float(above.sum())
    return above / total if total > 0 else np.full(len(scores), 1 / len(scores))
