"""What decides which passages are mined."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Literal, TypeAlias, get_args

from spaniel.retrieval.errors import InvalidInput

__all__ = ["Against", "MiningSettings", "Sampling"]

Sampling: TypeAlias = Literal["top", "random"]
Against: TypeAlias = Literal["auto", "best", "worst"] | int


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
        against: which positive that is, where a question has several: the one with the highest score, the one with the
            lowest, or the n-th best (the lowest where there are fewer). The lower, the fewer answers that nobody has
            marked get through, and the fewer hard negatives too. "auto": the best by the retriever's scores, for the
            worst leaves next to nothing where there are many; by a judge's, the worst of those that it is shown.
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
    against: Against = "auto"
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
        if self.sampling not in get_args(Sampling):
            raise InvalidInput("sampling", f"{self.sampling!r} is not one of {', '.join(get_args(Sampling))}")
        if self.against not in ("auto", "best", "worst") and (type(self.against) is not int or self.against < 1):
            raise InvalidInput("against", f"{self.against!r} is neither auto, best, worst nor a number from 1 on")
        _check_range(self.rank_range, self.n)

    @property
    def has_margin(self) -> bool:
        """Whether anything is said about scores."""
        return self.relative_margin is not None or self.absolute_margin is not None

    def highest(self, positive: float) -> float:
        """The highest score that a negative may have beside a positive of this score."""
        if positive == -math.inf:  # not known; times a margin of 0 it would be no number
            return -math.inf
        bounds = [math.inf]
        if self.relative_margin is not None:
            bounds.append(positive - abs(positive) * self.relative_margin)
        if self.absolute_margin is not None:
            bounds.append(positive - self.absolute_margin)
        return min(bounds)

    def reference(self, positives: Sequence[float], n: int, *, judged: bool) -> float:
        """The score of the positive that margins go by; minus infinity where its score is not known.

        Args:
            positives: the highest scores of positives, in any order.
            n: how many positives there are; the scores of the others are lower.
            judged: the scores are a judge's.
        """
        named = {"auto": n if judged else 1, "best": 1, "worst": n}
        place = named[self.against] if isinstance(self.against, str) else min(self.against, n)
        return sorted(positives, reverse=True)[place - 1] if place <= len(positives) else -math.inf


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
