"""Cut where the scores fall furthest: Adaptive-k (Taguchi et al., EMNLP 2025, arXiv 2506.08479).

The paper sorts the scores of all candidates and keeps what stands before the largest gap between neighbours, and a
buffer of 5 more. Its code (megagonlabs/adaptive-k-retrieval) does not look for the gap in the last tenth, and offers
other places to cut; here they have its names:

- `largest_gap`: k = 1 + the first place of the largest gap.
- `moving_avg`: the same of the scores averaged over `smoothing` neighbours.
- `2diff_spike`: the first gap that is larger than both of its neighbours; the largest one where there is none.
- `ignore_below_median`: the largest gap in the upper half.

What differs by default, and why (docs/cutoffs.md has the figures; `AdaptiveK.paper` has what was published): only the
first `window` passages count, because in a list as long as the collection the largest gap of the tail is anywhere; what
is left out of the head is a number and no share, for the same reason; a gap must be `contrast` times the median gap, if
wanted, or `fallback_k` passages stay: the largest of a hundred equal gaps says nothing; and what is kept behind the gap
is to be asked for.

Left out on purpose: the buffer as a factor.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, QueryLike, Ranking

from .cutting import CutPolicy, check_bounds, check_window, window_of

__all__ = ["AdaptiveK", "GapMethod"]

GapMethod: TypeAlias = Literal["largest_gap", "moving_avg", "2diff_spike", "ignore_below_median"]
_ALL = 1 << 31  # more than any ranking holds
_METHODS = ("largest_gap", "moving_avg", "2diff_spike", "ignore_below_median")


@dataclass(frozen=True, slots=True)
class AdaptiveK(CutPolicy):
    """A cut-off policy: what stands before the gap, and `buffer` more.

    Args:
        max_k: no more are kept; any number by default.
        min_k: so many are kept anyway, if there are as many.
        method: where the gap is; see above.
        buffer: so many passages behind the gap are kept too; the paper's is 5.
        window: so many of the first passages count.
        head_skip: so many gaps of the head do not count: 1 never cuts behind the first passage.
        tail_share: the share of the gaps, from the end of the window, that does not count.
        smoothing: of "moving_avg": scores averaged.
        contrast: a gap below so many times the median gap does not count; 0 takes any.
        fallback_k: kept where no gap counts, without a buffer.

    Raises:
        InvalidInput: a number out of range, another method, or bounds that do not fit.

    Example:
        >>> policy = AdaptiveK(max_k=10)
        >>> policy.cut("keys", Ranking.of([4, 2, 7, 1, 9], [0.9, 0.88, 0.4, 0.38, 0.3]))
        2
    """

    max_k: int | None = None
    min_k: int = 1
    method: GapMethod = "largest_gap"
    buffer: int = 0
    window: int = 100
    head_skip: int = 0
    tail_share: float = 0.1
    smoothing: int = 3
    contrast: float = 0.0
    fallback_k: int = 5
    name: ClassVar[str] = "adaptive-k"

    def __post_init__(self) -> None:
        check_bounds(self.name, self.min_k, self.max_k)
        check_window(self.name, self.window)
        if self.method not in _METHODS:
            raise InvalidInput(self.name, f"method is {self.method!r}; it must be one of {', '.join(_METHODS)}")
        for name, least in (("buffer", 0), ("head_skip", 0), ("smoothing", 2), ("fallback_k", 1)):
            if (value := getattr(self, name)) < least:
                raise InvalidInput(self.name, f"{name} is {value}; it must be at least {least}")
        if not 0 <= self.tail_share < 1:
            raise InvalidInput(self.name, f"tail_share is {self.tail_share}; it must be at least 0 and below 1")
        if not 0 <= self.contrast < float("inf"):
            raise InvalidInput(self.name, f"contrast is {self.contrast}; it must be finite and at least 0")

    @classmethod
    def paper(cls, max_k: int | None = None, *, method: GapMethod = "largest_gap") -> Self:
        """As published: all that was found counts, and 5 passages behind the gap are kept.

        Example:
            >>> AdaptiveK.paper().cut("keys", Ranking.of(range(9), [0.9, 0.88, 0.4, 0.38, 0.3, 0.2, 0.15, 0.1, 0.05]))
            7
        """
        return cls(max_k, method=method, buffer=5, window=_ALL)

    def _decided(self, query: QueryLike, ranking: Ranking) -> tuple[int, dict[str, JSON]]:
        gaps, stop = self._gaps(window_of(ranking, self.window))
        place = self._place(gaps, stop)
        if place is None:
            return self.fallback_k, {"gap": None, "fallback": True}
        gap, median = float(gaps[place]), float(np.median(gaps))
        why: dict[str, JSON] = {"gap": gap, "median_gap": median, "place": place + 1}
        if gap <= 0 or gap < self.contrast * median:
            return self.fallback_k, why | {"fallback": True}
        return place + 1 + self.buffer, why | {"buffer": self.buffer, "fallback": False}

    def _gaps(self, scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
        """The falls from each score to the next, float64 (n - 1,) or fewer, and how many of them count."""
        if self.method == "moving_avg":
            width = min(self.smoothing, len(scores))
            scores = np.convolve(scores, np.full(width, 1 / width), "valid")
        gaps = scores[:-1] - scores[1:]
        share = 0.5 if self.method == "ignore_below_median" else self.tail_share
        return gaps, len(gaps) - int(len(gaps) * share)

    def _place(self, gaps: NDArray[np.float64], stop: int) -> int | None:
        """Which gap it is, from 0; None where no place is left to look at."""
        looked_at = gaps[self.head_skip : stop]
        if len(looked_at) == 0:
            return None
        if self.method == "2diff_spike":
            inner = looked_at[1:-1]
            spikes = np.flatnonzero((inner > looked_at[:-2]) & (inner > looked_at[2:]))
            if len(spikes):
                return self.head_skip + 1 + int(spikes[0])
        return self.head_skip + int(np.argmax(looked_at))
