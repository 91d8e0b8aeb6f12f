"""What all cut-off policies share: bounds, and one way for the number and for the reasons behind it."""

from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.places import warn_of_places
from spaniel.retrieval.types import JSON, QueryLike, Ranking

__all__ = ["CutPolicy", "bounded", "check_bounds", "check_window", "window_of"]


class CutPolicy(ABC):
    """A cut-off policy that says why: `_decided` finds k and the numbers that led to it, this class bounds it.

    A subclass is a frozen dataclass with `min_k` and `max_k` among its fields.

    Attributes:
        name: what traces call it, and its `type` in TOML.
        reads_scores: places instead of scores (`places.py`) bring a warning.
    """

    __slots__ = ()
    name: ClassVar[str]
    reads_scores: ClassVar[bool] = True

    @abstractmethod
    def _decided(self, query: QueryLike, ranking: Ranking) -> tuple[int, dict[str, JSON]]:
        """k before its bounds, for a ranking that is not empty, and the numbers behind it."""

    def _bounds(self) -> tuple[int, int | None]:
        """(min_k, max_k)"""
        return getattr(self, "min_k", 0), getattr(self, "max_k", None)

    def settings(self) -> dict[str, JSON]:
        """Everything that decides what it keeps: its name and its fields."""
        return {"policy": self.name, **asdict(self)}  # type: ignore[call-overload]

    def cut(self, query: QueryLike, ranking: Ranking) -> int:
        """How many of the top passages stay; see `protocols.CutoffPolicy`. Of nothing, nothing stays."""
        if self.reads_scores:
            warn_of_places(self.name, [ranking])
        if len(ranking) == 0:
            return 0
        return bounded(self._decided(query, ranking)[0], len(ranking), *self._bounds())

    def explain(self, query: QueryLike, ranking: Ranking) -> dict[str, JSON]:
        """`{"policy", "k", "n", "before_bounds", ...}`: what `cut` says of n passages, and the numbers behind it."""
        if self.reads_scores:
            warn_of_places(self.name, [ranking])
        if len(ranking) == 0:
            return {"policy": self.name, "k": 0, "n": 0, "before_bounds": 0}
        k, why = self._decided(query, ranking)
        kept = bounded(k, len(ranking), *self._bounds())
        return {"policy": self.name, "k": kept, "n": len(ranking), "before_bounds": k, **why}


def check_bounds(where: str, min_k: int, max_k: int | None) -> None:
    """Bounds of how many are kept.

    Raises:
        InvalidInput: a negative one, or max_k below min_k.
    """
    if min_k < 0 or (max_k is not None and max_k < max(min_k, 1)):
        raise InvalidInput(
            where, f"min_k is {min_k} and max_k is {max_k}; they must be 0 <= min_k <= max_k, max_k >= 1"
        )


def bounded(k: int, n: int, min_k: int, max_k: int | None) -> int:
    """k within its bounds and within n passages."""
    return min(max(k, min_k), n if max_k is None else max_k, n)


def check_window(where: str, window: int, *, least: int = 2) -> None:
    """Refuse a window of fewer passages than `least`."""
    if window < least:
        raise InvalidInput(where, f"window is {window}; it must be at least {least}")


def window_of(ranking: Ranking, window: int | None) -> NDArray[np.float64]:
    """float64 (min(window, n),): the scores of the first passages."""
    return ranking.scores[:window].astype(np.float64)
