"""Keep the upper part of the scores that were found: a percentile."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, QueryLike, Ranking

from .cutting import CutPolicy, check_bounds, check_window, window_of

__all__ = ["Percentile"]


@dataclass(frozen=True, slots=True)
class Percentile(CutPolicy):
    """A cut-off policy: scores of at least the p-th percentile of the window.

    Where the window is full that is the same number for every query, give or take ties; it adapts to how much was
    found, and to nothing else. AutoRAG and others ship it; here it is to be compared with.

    Args:
        percentile: 0 (all) to 100 (the best, and what ties with it).
        window: so many of the first passages count.
        min_k: so many are kept anyway, if there are as many.
        max_k: no more are kept; any number by default.

    Raises:
        InvalidInput: a percentile out of range, or bounds that do not fit.

    Example:
        >>> Percentile(75).cut("keys", Ranking.of([4, 2, 7, 1], [9.0, 8.0, 1.0, 0.5]))
        1
    """

    percentile: float = 90.0
    window: int = 100
    min_k: int = 1
    max_k: int | None = None
    name: ClassVar[str] = "percentile"

    def __post_init__(self) -> None:
        check_bounds(self.name, self.min_k, self.max_k)
        check_window(self.name, self.window)
        if not 0 <= self.percentile <= 100:
            raise InvalidInput(self.name, f"percentile is {self.percentile}; it must lie between 0 and 100")

    def _decided(self, query: QueryLike, ranking: Ranking) -> tuple[int, dict[str, JSON]]:
        scores = window_of(ranking, self.window)
        least = float(np.percentile(scores, self.percentile))
        return int((scores >= least).sum()), {"least": least, "window": len(scores)}
