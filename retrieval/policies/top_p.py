"""Keep the head of a ranking that holds most of the softmax of its scores: top-p, as samplers of language models cut.

Haystack ships it over cosines as they are, whose softmax is nearly flat: the temperature decides everything. With
`scale="deviation"` scores are first divided by their standard deviation in the window, so that one temperature means
the same with BM25 and with cosines. Nothing here is a probability of relevance: `cumulative.py` sums those.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, QueryLike, Ranking

from .cutting import CutPolicy, check_bounds, check_window, window_of

__all__ = ["TopP", "shortest_head"]

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class TopP(CutPolicy):
    """A cut-off policy: the shortest head that holds `p` of the softmax.

    Args:
        p: above 0, at most 1.
        temperature: above 0; higher keeps more.
        scale: "deviation" divides scores by their deviation in the window first; "score" takes them as they are.
        window: so many of the first passages count.
        min_k: so many are kept anyway, if there are as many.
        max_k: no more are kept; any number by default.

    Raises:
        InvalidInput: a number out of range, another word, or bounds that do not fit.

    Example:
        >>> TopP(0.9, scale="score").cut("keys", Ranking.of([4, 2, 7], [5.0, 4.0, 0.0]))
        2
    """

    p: float = 0.9
    temperature: float = 0.5
    scale: Literal["deviation", "score"] = "deviation"
    window: int = 100
    min_k: int = 1
    max_k: int | None = None
    name: ClassVar[str] = "top-p"

    def __post_init__(self) -> None:
        check_bounds(self.name, self.min_k, self.max_k)
        check_window(self.name, self.window)
        if not 0 < self.p <= 1:
            raise InvalidInput(self.name, f"p is {self.p}; it must be above 0 and at most 1")
        if not 0 < self.temperature < float("inf"):
            raise InvalidInput(self.name, f"temperature is {self.temperature}; it must be finite and above 0")
        if self.scale not in ("deviation", "score"):
            raise InvalidInput(self.name, f"scale is {self.scale!r}; it must be 'deviation' or 'score'")

    def _decided(self, query: QueryLike, ranking: Ranking) -> tuple[int, dict[str, JSON]]:
        scores = window_of(ranking, self.window)
        deviation = float(scores.std()) if self.scale == "deviation" else 1.0
        below = (scores - scores[0]) / (deviation or 1.0) / self.temperature
        shares = np.exp(below)
        shares /= shares.sum()
        k, held = shortest_head(shares, self.p)
        return k, {"p": self.p, "held": held, "first": float(shares[0]), "deviation": deviation}


def shortest_head(shares: NDArray[np.float64], mass: float) -> tuple[int, float]:
    """How many of the first shares (n,), which add up to 1, reach `mass`, and what they hold. All if it is never
    reached."""
    sums = np.cumsum(shares)
    reached = sums >= mass - _ROUNDING
    k = int(np.argmax(reached)) + 1 if reached.any() else len(shares)
    return k, float(sums[k - 1])
