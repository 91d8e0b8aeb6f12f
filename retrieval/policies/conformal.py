"""A cut with a guarantee: of what the ranking holds, no more than alpha is missed on average.

Conformal risk control (Angelopoulos, Bates, Fisch, Lei and Schuster, ICLR 2024, theorem 1): a family of heads that only
grow as a level falls, a loss in 0 to 1 that only falls as they grow, n judged queries, and the highest level at which
(losses of the n, added up, plus 1) / (n + 1) is at most alpha. Then the expected loss of the next query is at most
alpha, whatever the scores mean, if it is exchangeable with the n: drawn as they were (of queries with something
relevant, which find anything), from the same retriever over the same collection. With the loss "miss" this is split
conformal prediction: the probability that the window holds something relevant and nothing of it is kept is at most
alpha.

The guarantee is about the average over queries and over draws of the n, not about any one query; it speaks of passages
within the window only; and it says nothing of how many are kept: that is as good as the values are (probabilities of a
`Calibration`, worths of a `PricedCut`, or scores as they are). Values may come from more passages than the window (a
standing is one among all that a calibration looks at): they are made of the same head when the level is fitted and when
it is used, so rankings must be as deep here as there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.places import warn_of_places
from spaniel.retrieval.types import JSON, QueryLike, Ranking

from .cutting import check_window, window_of
from .fitted import FittedPolicy, check_finite
from .judged import judged_places
from .priced import PricedCut
from .score_calibration import Calibration

__all__ = ["ConformalCut"]


@dataclass(frozen=True, slots=True)
class ConformalCut(FittedPolicy):
    """A cut-off policy: passages up to the first whose value is below `level`. `fit` makes it.

    There is no `max_k`, which would break the guarantee; the window bounds it.

    Args:
        level: None keeps the whole window.
        alpha: what was asked for.
        loss: "share" of the relevant passages of the window that are cut off, or "miss": 1 where it holds some and none
            is kept.
        window: so many of the first passages count; no more are kept.
        calibration, priced: whose values decide; by default scores as they are.
        min_k: so many are kept anyway, if there are as many.
        n: queries that it was fitted on. risk: their mean loss.
        note: of what; for people.

    Raises:
        InvalidInput: numbers out of range, two sources of values, or another word.
    """

    level: float | None
    alpha: float
    loss: Literal["share", "miss"] = "share"
    window: int = 100
    calibration: Calibration | None = None
    priced: PricedCut | None = None
    min_k: int = 1
    n: int = 0
    risk: float | None = None
    note: str = ""
    name: ClassVar[str] = "conformal"

    def __post_init__(self) -> None:
        check_window(self.name, self.window)
        if not 0 < self.alpha < 1:
            raise InvalidInput(self.name, f"alpha is {self.alpha}; it must lie between 0 and 1")
        if self.loss not in ("share", "miss"):
            raise InvalidInput(self.name, f"loss is {self.loss!r}; it must be 'share' or 'miss'")
        if self.calibration is not None and self.priced is not None:
            raise InvalidInput(self.name, "give calibration or priced, not both")
        if self.priced is not None and self.priced.window < self.window:
            raise InvalidInput(self.name, f"window is {self.window}; the priced cut's is {self.priced.window}")
        if self.calibration is not None and (self.calibration.depth or self.window) < self.window:
            raise InvalidInput(self.name, f"window is {self.window}; the calibration's depth {self.calibration.depth}")
        if self.min_k < 0:
            raise InvalidInput(self.name, f"min_k is {self.min_k}; it must be at least 0")
        if self.level is not None:
            check_finite(self.name, "level", (self.level,))

    @classmethod
    def fit(
        cls,
        rankings: Sequence[Ranking],
        judgements: Sequence[Mapping[int, int]],
        *,
        alpha: float = 0.1,
        loss: Literal["share", "miss"] = "share",
        window: int = 50,
        calibration: Calibration | None = None,
        priced: PricedCut | None = None,
        relevance: int = 1,
        min_k: int = 1,
        note: str = "",
    ) -> Self:
        """Find the level on judged queries that had no part in fitting the values.

        Args:
            rankings, judgements: as for `PricedCut.fit`; rankings as deep as those that will be cut. Queries without a
                relevant passage in the window count with a loss of 0, in the guarantee too; leave them out to speak of
                the others.

        Raises:
            InvalidInput: nothing relevant in any window, or fewer queries than alpha needs: 1 / alpha - 1.
        """
        warn_of_places(cls.name, rankings)
        if calibration is not None and calibration.depth is not None:
            window = min(window, calibration.depth)
        judged = judged_places(cls.name, rankings, judgements, relevance=relevance)
        n = len(judged.rankings)
        policy = cls(None, alpha, loss, window, calibration, priced, min_k, n, 0.0, note)
        if 1 / (n + 1) > alpha:
            needed = int(np.ceil(1 / alpha - 1))
            raise InvalidInput(cls.name, f"{n} judged queries; alpha = {alpha} needs {needed} at least")
        falls: list[tuple[float, float]] = []  # (value of a relevant passage, what losing it costs)
        for ranking, relevant in zip(judged.rankings, judged.relevant, strict=True):
            values = policy._values(ranking)[relevant[:window]]
            if len(values):
                falls += [(float(values[0]), 1.0)] if loss == "miss" else [(float(v), 1 / len(values)) for v in values]
        if not falls:
            raise InvalidInput(cls.name, f"no relevant passage was found among the first {window}", "widen the window")
        values, costs = (np.array(each) for each in zip(*sorted(falls), strict=True))
        # At the level of the i-th value all smaller ones are lost: equal values are kept or lost together.
        lost = np.concatenate([[0.0], np.cumsum(costs)])[np.searchsorted(values, values, side="left")]
        fits = (lost + 1) / (n + 1) <= alpha + 1e-12
        place = int(np.flatnonzero(fits)[-1])
        return cls(
            float(values[place]), alpha, loss, window, calibration, priced, min_k, n, float(lost[place]) / n, note
        )

    def _values(self, ranking: Ranking) -> NDArray[np.float64]:
        """float64 (min(window, n),), never rising from place to place, of a ranking as deep as the source looks."""
        if self.priced is not None:
            values = self.priced.worth(ranking)[: self.window]
        elif self.calibration is not None:
            values = self.calibration.of(ranking)[: self.window]
        else:
            values = window_of(ranking, self.window)
        return np.minimum.accumulate(values)

    def _decided(self, query: QueryLike, ranking: Ranking) -> tuple[int, dict[str, JSON]]:
        values = self._values(ranking)
        k = len(values) if self.level is None else int((values >= self.level).sum())
        why: dict[str, JSON] = {"level": self.level, "alpha": self.alpha, "loss": self.loss}
        return k, why | {"first": float(values[0]), "next": float(values[k]) if k < len(values) else None}
