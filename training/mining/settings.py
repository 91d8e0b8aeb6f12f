"""What decides which passages are mined."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal, TypeAlias, get_args

from spaniel.retrieval.errors import InvalidInput

__all__ = ["Against", "MiningSettings", "Sampling"]

Sampling: TypeAlias = Literal["top", "random"]
Against: TypeAlias = Literal["best", "worst"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningSettings:
    """Everything but the retriever and the judge.

    Attributes:
        n: how many are wanted for each question; fewer where fewer are left.
        rank_range: ranks they come from, counted from 0 over the passages that are not known to answer the question,
            the end left out: (10, 100) skips the ten that are likeliest to be answers nobody has marked.
        relative_margin: kept only with a score of at most positive - margin * |positive| (NV-Retriever, arXiv
            2407.15831, "TopK-PercPos", .95 there is .05 here); None for no such bound.
        absolute_margin: kept only with a score of at most positive - margin; None for no such bound.
        against: which positive that is, where a question has several: the one with the highest score or the lowest.
        sampling: the first n of those left, or n of them drawn.
        random: further passages, drawn from the whole index.
        seed: of all that is drawn.
        judge_calls: passages that the judge may look at for a question, its positives included; None for no bound.
        judged_positives: of a question with many, only so many positives are shown to the judge, those that the
            retriever finds first.

    Raises:
        InvalidInput: a value that cannot be.
    """

    n: int = 5
    rank_range: tuple[int, int] = (0, 100)
    relative_margin: float | None = 0.05
    absolute_margin: float | None = None
    against: Against = "best"
    sampling: Sampling = "top"
    random: int = 0
    seed: int = 0
    judge_calls: int | None = None
    judged_positives: int = 4

    def __post_init__(self) -> None:
        for name, least in (("n", 0), ("random", 0), ("seed", 0), ("judged_positives", 1), ("judge_calls", 1)):
            value = getattr(self, name)
            if value is None and name == "judge_calls":
                continue
            if type(value) is not int or value < least:
                raise InvalidInput(name, f"is {value!r}; it must be a whole number from {least} on")
        for name in ("relative_margin", "absolute_margin"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, Real) or not _usable(value)):
                raise InvalidInput(name, f"is {value!r}; it must be at least 0, or None for no margin")
        for name, allowed in (("against", Against), ("sampling", Sampling)):
            if getattr(self, name) not in get_args(allowed):
                raise InvalidInput(name, f"{getattr(self, name)!r} is not one of {', '.join(get_args(allowed))}")
        _check_range(self.rank_range, self.n)

    @property
    def has_margin(self) -> bool:
        """Whether anything is said about scores."""
        return self.relative_margin is not None or self.absolute_margin is not None

    def highest(self, positive: float) -> float:
        """The highest score that a negative may have beside a positive of this score."""
        bounds = [math.inf]
        if self.relative_margin is not None:
            bounds.append(positive - abs(positive) * self.relative_margin)
        if self.absolute_margin is not None:
            bounds.append(positive - self.absolute_margin)
        return min(bounds)

    def reference(self, positives: list[float]) -> float:
        """The score among those of the positives that margins go by."""
        return max(positives) if self.against == "best" else min(positives)


def _usable(value: Real) -> bool:
    return 0 <= float(value) < math.inf


def _check_range(ranks: tuple[int, int], n: int) -> None:
    if not isinstance(ranks, tuple) or len(ranks) != 2 or any(type(rank) is not int for rank in ranks):
        raise InvalidInput("rank_range", f"is {ranks!r}; it must be two whole numbers, first and end")
    first, end = ranks
    if not 0 <= first < end:
        raise InvalidInput("rank_range", f"{first} to {end} holds no rank; ranks count from 0, the end is left out")
    if n > end - first:
        raise InvalidInput("n", f"{n} negatives cannot come from {end - first} ranks ({first} to {end})")
