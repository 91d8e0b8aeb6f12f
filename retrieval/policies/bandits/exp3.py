"""EXP3: for rewards that follow no law (Auer et al., SIAM J. Comput. 32, 2002), such as feedback that drifts.

In the form of Bubeck and Cesa-Bianchi (2012, sec. 3.1), which needs no horizon: an arm's loss is estimated without bias
from the probability that it was played with, and arms are played in proportion to

    exp(-rate_t * estimated loss),    rate_t = sqrt(ln K / (t K)) for K arms at outcome t.

Against any sequence of rewards within 0 and 1, the expected regret to the best fixed arm is at most 2 sqrt(t K ln K),
when every outcome comes before the next decision and the floor is 0; the floor adds at most its share.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Unpack

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.types import JSON

from .base import Common, Floats
from .ranged import Ranged
from .state import array_of, check_number, entry, listed

__all__ = ["EXP3"]

_LEAST_PROPENSITY = 1e-9


class EXP3(Ranged):
    """Exponential weights over estimated losses.

    Preferences weigh the metrics when an outcome is learned; see `Ranged`.

    Args:
        arms: names, in order.
        low, high: rewards that count as 0 and 1; what lies beyond counts as its end.
        rate: multiplies the theory's rate, above 0.
        discount: what is old counts less; t is then what is left of the outcomes, so that the rate does not vanish.
        common: see `Common`.
    """

    name: ClassVar[str] = "exp3"

    def __init__(
        self,
        arms: Sequence[str],
        *,
        low: float = 0.0,
        high: float = 1.0,
        rate: float = 1.0,
        discount: float = 1.0,
        **common: Unpack[Common],
    ) -> None:
        self._rate = check_number(self.name, "rate", rate, 1e-9)
        super().__init__(arms, {"rate": rate}, low=low, high=high, discount=discount, **common)
        self._losses = np.zeros(len(self.arms))
        self._outcomes = 0.0

    def _weigh(self, x: Floats, weights: Floats, among: NDArray[np.int64]) -> tuple[Floats, Floats]:
        losses = self._losses[among]
        n = len(self.arms)
        rate = self._rate * math.sqrt(math.log(n) / (n * (self._outcomes + 1)))
        odds = np.exp(-rate * (losses - losses.min()))
        return odds / odds.sum(), -losses

    def _take(self, arm: int, x: Floats, outcome: Floats, decision: Decision) -> None:
        loss = 1 - self._share(outcome, decision)
        self._losses *= self._discount
        self._losses[arm] += loss / max(decision.propensity, _LEAST_PROPENSITY)
        self._outcomes = self._outcomes * self._discount + 1

    def _state(self) -> dict[str, JSON]:
        return {"losses": listed(self._losses), "outcomes": self._outcomes}

    def _restore(self, state: Mapping[str, Any]) -> None:
        self._losses = array_of(state, "losses", self._losses.shape)
        self._outcomes = check_number(self.name, "outcomes", entry(state, "outcomes"), 0)
