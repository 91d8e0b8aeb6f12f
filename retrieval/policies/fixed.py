"""The same number of passages for every query: what the other policies are measured against."""

from dataclasses import dataclass
from typing import ClassVar

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, QueryLike, Ranking

from .cutting import CutPolicy

__all__ = ["FixedK"]


@dataclass(frozen=True, slots=True)
class FixedK(CutPolicy):
    """A cut-off policy: the first k, or all where there are fewer.

    Raises:
        InvalidInput: k below 1.

    Example:
        >>> FixedK(2).cut("keys", Ranking.of([4, 2, 7], [0.9, 0.5, 0.4]))
        2
    """

    k: int = 5
    name: ClassVar[str] = "fixed-k"
    reads_scores: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InvalidInput(self.name, f"k is {self.k}; it must be at least 1")

    def _decided(self, query: QueryLike, ranking: Ranking) -> tuple[int, dict[str, JSON]]:
        return self.k, {"wanted": self.k}
