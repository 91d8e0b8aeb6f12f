"""Keep what scores nearly as high as the best: a share of the top score, no cliff, or up to the elbow of the curve.

Rules of thumb that other systems ship (memvid has all three), here to be compared with: a score's zero means something
with BM25, little with cosines, nothing with logits, so `share` of the top score does too. `of="range"` counts from the
lowest score of the window instead, which any shift of the scores leaves alone.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, QueryLike, Ranking

from .cutting import CutPolicy, check_bounds, check_window, window_of

__all__ = ["Elbow", "RelativeThreshold"]


@dataclass(frozen=True, slots=True)
class RelativeThreshold(CutPolicy):
    """A cut-off policy: passages whose score is at least `share` of another one.

    Args:
        share: above 0, at most 1.
        of: "top": of the best score, which must be above 0 or `min_k` passages stay. "previous": of the score before
            it, up to the first that is not (a cliff). "range": of the way from the lowest score of the window to the
            best.
        window: no more passages than this are kept, and those of "range" that count.
        min_k: so many are kept anyway, if there are as many.
        max_k: no more are kept; any number by default.

    Raises:
        InvalidInput: a share out of range, another word, or bounds that do not fit.

    Example:
        >>> RelativeThreshold(0.5).cut("keys", Ranking.of([4, 2, 7], [9.0, 5.0, 4.0]))
        2
    """

    share: float = 0.5
    of: Literal["top", "previous", "range"] = "top"
    window: int = 100
    min_k: int = 1
    max_k: int | None = None
    name: ClassVar[str] = "relative"

    def __post_init__(self) -> None:
        check_bounds(self.name, self.min_k, self.max_k)
        check_window(self.name, self.window)
        if self.of not in ("top", "previous", "range"):
            raise InvalidInput(self.name, f"of is {self.of!r}; it must be 'top', 'previous' or 'range'")
        if not 0 < self.share <= 1:
            raise InvalidInput(self.name, f"share is {self.share}; it must be above 0 and at most 1")

    def _decided(self, query: QueryLike, ranking: Ranking) -> tuple[int, dict[str, JSON]]:
        scores = window_of(ranking, self.window)
        top, low = float(scores[0]), float(scores[-1])
        if self.of == "previous":
            fell = (scores[1:] < self.share * scores[:-1]) | (scores[:-1] <= 0)
            k = int(np.argmax(fell)) + 1 if fell.any() else len(scores)
            return k, {"top": top, "last_kept": float(scores[k - 1])}
        least = self.share * top if self.of == "top" else low + self.share * (top - low)
        if self.of == "top" and top <= 0:
            return self.min_k, {"top": top, "least": None}
        return int((scores >= least).sum()), {"top": top, "least": least}


@dataclass(frozen=True, slots=True)
class Elbow(CutPolicy):
    """A cut-off policy: up to the passage whose score lies furthest below the straight line from the first to the last.

    A curve that nowhere lies below that line (one straight piece, or one that falls late) has no elbow: `fallback_k`.

    Args:
        window: so many of the first passages are the curve.
        fallback_k: kept where there is no elbow.
        min_k: so many are kept anyway, if there are as many.
        max_k: no more are kept; any number by default.

    Raises:
        InvalidInput: a number out of range, or bounds that do not fit.

    Example:
        >>> Elbow().cut("keys", Ranking.of([4, 2, 7, 1], [9.0, 8.0, 1.0, 0.5]))
        2
    """

    window: int = 100
    fallback_k: int = 5
    min_k: int = 1
    max_k: int | None = None
    name: ClassVar[str] = "elbow"

    def __post_init__(self) -> None:
        check_bounds(self.name, self.min_k, self.max_k)
        check_window(self.name, self.window)
        if self.fallback_k < 1:
            raise InvalidInput(self.name, f"fallback_k is {self.fallback_k}; it must be at least 1")

    def _decided(self, query: QueryLike, ranking: Ranking) -> tuple[int, dict[str, JSON]]:
        scores = window_of(ranking, self.window)
        line = np.linspace(scores[0], scores[-1], len(scores))
        below = line - scores
        place = int(np.argmax(below))
        depth = float(below[place])
        if depth <= 1e-9 * max(abs(float(scores[0])), abs(float(scores[-1]))):
            return self.fallback_k, {"depth": depth, "fallback": True}
        return place, {"depth": depth, "place": place + 1, "fallback": False}
