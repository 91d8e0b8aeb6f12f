"""Predict the rank of the first relevant passage from the scores, and read a little further: the ordinal cut.

Kratzwald and Feuerriegel (Adaptive Document Retrieval for Deep Question Answering, EMNLP 2018, arXiv 1808.06528) fit a
ridge regression from the first scores of a ranking to the rank of its first relevant document, and read as many and b
more. Reading too few costs an answer and reading too many costs little, so the squared error here is `asymmetry` times
as heavy where the prediction is too low (an expectile; Newey and Powell, Econometrica 55, 1987). The paper was read in
its abstract and by what others say of it: the loss and the scaling of scores are ours.

It needs no judgements beyond the rank of the first relevant passage, and speaks of the first one only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, QueryLike, Ranking

from .cutting import check_bounds, check_window, window_of
from .fitted import FittedPolicy, check_finite

__all__ = ["OrdinalCutoff"]

_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class OrdinalCutoff(FittedPolicy):
    """A cut-off policy: the predicted rank of the first relevant passage, rounded up, and `buffer`. `fit` makes it.

    Args:
        weights: float (depth + 1,): of how far each of the first `depth` scores lies below the best, in deviations of
            the window (0 where there is none), then of 1.
        buffer: so many more are kept.
        window: so many of the first passages decide the deviation.
        min_k: so many are kept anyway, if there are as many.
        max_k: no more are kept; any number by default.
        n: queries that it was fitted on.
        note: of what; for people.

    Raises:
        InvalidInput: numbers that are not finite or too few, or bounds that do not fit.
    """

    weights: tuple[float, ...]
    buffer: int = 0
    window: int = 100
    min_k: int = 1
    max_k: int | None = None
    n: int = 0
    note: str = ""
    name: ClassVar[str] = "ordinal"

    def __post_init__(self) -> None:
        check_bounds(self.name, self.min_k, self.max_k)
        check_window(self.name, self.window)
        check_finite(self.name, "weights", self.weights)
        if len(self.weights) < 3:
            raise InvalidInput(self.name, f"{len(self.weights)} weights; there must be 3 at least")
        if self.buffer < 0:
            raise InvalidInput(self.name, f"buffer is {self.buffer}; it must be at least 0")

    @classmethod
    def fit(
        cls,
        rankings: Sequence[Ranking],
        first_relevant_rank: Sequence[int | None],
        *,
        depth: int = 20,
        asymmetry: float = 4.0,
        ridge: float = 1.0,
        buffer: int = 0,
        window: int = 100,
        min_k: int = 1,
        max_k: int | None = None,
        note: str = "",
    ) -> Self:
        """Fit to judged queries; see `judged.first_relevant_ranks`.

        Args:
            first_relevant_rank: from 1; None where nothing relevant was found: such a query takes no part, since
                reading on would not help it. Ranks behind the window count as its last one.
            depth: how many scores it looks at.
            asymmetry: how much heavier a prediction below the rank weighs than one above it.
            ridge: a thousandth of it is added to the diagonal for each query.

        Raises:
            InvalidInput: numbers that differ, no query left, or settings out of range.
        """
        pairs = [(r, rank) for r, rank in zip(rankings, first_relevant_rank, strict=False) if rank and len(r)]
        if len(rankings) != len(first_relevant_rank) or not pairs:
            found = f"{len(rankings)} rankings and {len(first_relevant_rank)} ranks, {len(pairs)} with both"
            raise InvalidInput(cls.name, found)
        if depth < 2 or asymmetry <= 0 or ridge <= 0:
            found = f"depth is {depth}, asymmetry {asymmetry} and ridge {ridge}"
            raise InvalidInput(cls.name, f"{found}; they must be at least 2, above 0 and above 0")
        design = np.stack([_design(window_of(ranking, window), depth) for ranking, _ in pairs])
        ranks = np.array([min(rank, window) for _, rank in pairs], float)
        weights = _expectile(design, ranks, asymmetry, ridge)
        return cls(tuple(weights.tolist()), buffer, window, min_k, max_k, len(pairs), note)

    def _decided(self, query: QueryLike, ranking: Ranking) -> tuple[int, dict[str, JSON]]:
        design = _design(window_of(ranking, self.window), len(self.weights) - 1)
        predicted = float(design @ np.array(self.weights))
        k = int(np.ceil(min(max(predicted, 1.0), self.window))) + self.buffer
        return k, {"predicted_rank": predicted, "buffer": self.buffer}


def _design(scores: NDArray[np.float64], depth: int) -> NDArray[np.float64]:
    """float64 (depth + 1,): drops below the best in deviations, then 1."""
    drops = (scores[0] - scores[:depth]) / (float(scores.std()) or 1.0)
    return np.concatenate([drops, np.zeros(depth - len(drops)), [1.0]])


def _expectile(
    design: NDArray[np.float64], ranks: NDArray[np.float64], asymmetry: float, ridge: float
) -> NDArray[np.float64]:
    """Asymmetric least squares, by weighing again until no prediction changes its side."""
    penalty = np.eye(design.shape[1]) * ridge * len(design) / 1000
    penalty[-1, -1] = 1e-9
    weights: NDArray[np.float64] = np.zeros(design.shape[1])
    heavier = np.ones(len(ranks), bool)
    for _ in range(_ROUNDS):
        heavy = np.where(heavier, asymmetry, 1.0)[:, None]
        solved = np.linalg.solve((design * heavy).T @ design + penalty, (design * heavy).T @ ranks)
        weights = solved.astype(np.float64)
        now = design @ weights < ranks
        if (now == heavier).all():
            break
        heavier = now
    return weights
