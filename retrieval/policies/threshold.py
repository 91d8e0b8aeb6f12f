"""Keep what scores high enough: by score, or by the probability of being relevant."""

from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import numpy as np

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, QueryLike, Ranking

from .cutting import CutPolicy, check_bounds
from .score_calibration import Calibration

__all__ = ["Threshold"]


@dataclass(frozen=True, slots=True)
class Threshold(CutPolicy):
    """A cut-off policy: passages whose score, or its probability, is at least so much.

    A score means what its scorer makes it mean; behind a reranker's depth there are places and no scores, so set
    `max_k` to no more than that (a calibration with a `depth` sees to it). A ranking that holds nothing but places
    brings a warning (`places.py`).

    Args:
        min_score: compared as float32, as scores are; give this or `min_probability`.
        min_probability: above 0 and below 1; needs `calibration`.
        calibration: of the scorer; see `fit_calibration`.
        min_k: so many are kept whatever they score, if there are as many.
        max_k: no more are kept; any number by default.

    Raises:
        InvalidInput: both thresholds or none, a probability without calibration or out of range, or bounds that do not
            fit.

    Example:
        >>> Threshold(min_score=0.5).cut("keys", Ranking.of([4, 2, 7], [0.9, 0.5, 0.4]))
        2
    """

    min_score: float | None = None
    min_probability: float | None = None
    calibration: Calibration | None = None
    min_k: int = 0
    max_k: int | None = None
    name: ClassVar[str] = "threshold"

    def __post_init__(self) -> None:
        check_bounds(self.name, self.min_k, self.max_k)
        for name in ("min_score", "min_probability"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, Real):
                raise InvalidInput(self.name, f"{name} is {value!r}; it must be a number")
        if (self.min_score is None) == (self.min_probability is None):
            raise InvalidInput(self.name, "give min_score or min_probability, one of them")
        if self.min_score is not None and not np.isfinite(self.min_score):
            raise InvalidInput(self.name, f"min_score is {self.min_score}; it must be finite")
        if self.min_probability is not None and not 0 < self.min_probability < 1:
            raise InvalidInput(self.name, f"min_probability is {self.min_probability}; it must lie between 0 and 1")
        if self.min_probability is not None and self.calibration is None:
            hint = "fit one on judged queries: fit_calibration(scores, relevant)"
            raise InvalidInput(self.name, "min_probability needs a calibration of the scores", hint)

    def _decided(self, query: QueryLike, ranking: Ranking) -> tuple[int, dict[str, JSON]]:
        top = float(ranking.scores[0])
        if self.calibration is None or self.min_probability is None:
            enough = ranking.scores >= np.float32(self.min_score or 0.0)
            return int(enough.sum()), {"top": top, "min_score": self.min_score}
        probabilities = self.calibration.of(ranking)
        k = int((probabilities >= self.min_probability).sum())
        why: dict[str, JSON] = {"top": top, "top_probability": float(probabilities[0])}
        return k, why | {"min_probability": self.min_probability}
