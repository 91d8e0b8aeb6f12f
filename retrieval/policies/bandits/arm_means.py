"""What each arm brought on average, metric by metric: all that a policy without context knows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .forgetting import Forgetting, Recent
from .state import array_of, listed

__all__ = ["ArmMeans"]

_NO_FEATURES = np.zeros(0)


class ArmMeans:
    """Counts and sums of outcomes. Not safe for threads: the policy's lock is.

    Attributes:
        counts: float64 (arms,), how many outcomes count; fractions under a discount.
        sums: float64 (arms, metrics).
    """

    def __init__(self, n_arms: int, n_metrics: int, forgetting: Forgetting) -> None:
        self.counts = np.zeros(n_arms)
        self.sums = np.zeros((n_arms, n_metrics))
        self._discount, self._windowed = forgetting.discount, forgetting.window is not None
        self._recent = Recent(forgetting.window)

    def add(self, arm: int, outcome: NDArray[np.float64]) -> None:
        """Take in an outcome, float64 (metrics,)."""
        if self._discount < 1:
            self.counts *= self._discount
            self.sums *= self._discount
        self.counts[arm] += 1
        self.sums[arm] += outcome
        if old := self._recent.push((arm, _NO_FEATURES, outcome)):
            self.counts[old[0]] -= 1
            self.sums[old[0]] -= old[2]

    def means(self) -> NDArray[np.float64]:
        """float64 (arms, metrics); 0 where nothing is known."""
        return self.sums / np.maximum(self.counts, 1e-12)[:, None]

    def state(self) -> dict[str, JSON]:
        """What `restore` takes."""
        return {"counts": listed(self.counts), "sums": listed(self.sums), "recent": self._recent.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take `state` back.

        Raises:
            InvalidInput: it does not fit.
        """
        n_arms, n_metrics = self.sums.shape
        self.counts = np.maximum(array_of(state, "counts", (n_arms,)), 0.0)
        self.sums = array_of(state, "sums", (n_arms, n_metrics))
        self._recent.restore(state, "recent", n_arms, 0, n_metrics)
        played = np.bincount([arm for arm, _, _ in self._recent], minlength=n_arms)
        if self._windowed and (self.counts != played).any():
            raise InvalidInput("policy", "counts are not those of its recent outcomes")
