"""Keep the shortest head of a ranking that holds most of what is relevant in it.

The sum of the calibrated probabilities of some passages is how many relevant ones to expect among them. A head that has
nine tenths of the whole ranking's sum is expected to hold nine tenths of what is there to be found: few passages
where the first ones are sure, many where relevance is spread. With `of="any"` one relevant passage is enough: the head
that holds one with the probability wanted, passages taken as independent.

What a set selector learns end to end (DPS, arXiv 2508.09497) this takes from scores alone: it sees no redundancy among
passages (`mmr.py` does).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, QueryLike, Ranking

from .cutting import CutPolicy, check_bounds
from .score_calibration import Calibration

__all__ = ["LOGITS", "CumulativeProbability"]

LOGITS = Calibration(1.0, 0.0, note="scores are logits")
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class CumulativeProbability(CutPolicy):
    """A cut-off policy: as many passages as are needed to have `mass` of the relevant ones, or one at all.

    Args:
        mass: above 0, at most 1; of "any", below 1.
        calibration: of the scorer; see `fit_calibration`. Its depth is what counts as the whole ranking. By default
            scores are logits: sigmoid(score).
        of: "all": the expected share of the relevant passages in the ranking. "any": the probability that at least one
            is relevant.
        min_k: so many are kept anyway, if there are as many.
        max_k: no more are kept; any number by default.

    Raises:
        InvalidInput: a mass out of range, another word, or bounds that do not fit.

    Example:
        >>> sure = Ranking.of([4, 2, 7], [9.0, -6.0, -7.0])
        >>> spread = Ranking.of([4, 2, 7], [0.2, 0.1, 0.0])
        >>> policy = CumulativeProbability(0.9)
        >>> policy.cut("keys", sure), policy.cut("keys", spread)
        (1, 3)
    """

    mass: float = 0.9
    calibration: Calibration = LOGITS
    of: Literal["all", "any"] = "all"
    min_k: int = 1
    max_k: int | None = None
    name: ClassVar[str] = "cumulative"

    def __post_init__(self) -> None:
        check_bounds(self.name, self.min_k, self.max_k)
        if self.of not in ("all", "any"):
            raise InvalidInput(self.name, f"of is {self.of!r}; it must be 'all' or 'any'")
        if not (0 < self.mass <= 1 and (self.mass < 1 or self.of == "all")):
            raise InvalidInput(self.name, f"mass is {self.mass}; it must lie between 0 and 1")

    def _decided(self, query: QueryLike, ranking: Ranking) -> tuple[int, dict[str, JSON]]:
        """A mass never reached keeps all."""
        probabilities = self.calibration.of(ranking)
        sums = np.cumsum(probabilities)
        if self.of == "any":
            held = 1.0 - np.cumprod(1.0 - probabilities)
            reached = held >= self.mass
        else:
            held = sums
            reached = sums >= self.mass * sums[-1] - _ROUNDING * sums[-1]
        k = int(np.argmax(reached)) + 1 if reached.any() else len(probabilities)
        return k, {"expected_relevant": float(sums[-1]), "mass": self.mass, "of": self.of, "held": float(held[k - 1])}
