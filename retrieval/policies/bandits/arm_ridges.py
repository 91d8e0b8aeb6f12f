"""One ridge regression for each arm, from features to every metric: what linear policies know.

Arms share nothing (Li et al., WWW 2010, "disjoint" models). For the arm a with rows X and outcomes Y

    theta = (X'X + ridge I)^-1 X'Y,    width(x) = sqrt(x' (X'X + ridge I)^-1 x).

All metrics of an arm have the same inverse, so that one width serves any weights. The inverse follows each outcome by
Sherman and Morrison's formula and is computed anew now and then; under forgetting it is computed when it is asked for.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .forgetting import Forgetting, Recent
from .state import array_of, listed

__all__ = ["ArmRidges"]

Floats = NDArray[np.float64]
_ANEW_EVERY = 1024
_MOST_OFF = 1e-3  # of inverse times matrix from 1: rounding, where contexts are far from order 1


class ArmRidges:
    """Ridge regressions. Not safe for threads: the policy's lock is.

    Attributes:
        counts: int64 (arms,), outcomes taken in, forgotten ones too.
        theta: float64 (arms, d, metrics), the coefficients.

    Cost: an outcome takes O(d**2), with forgetting O(arms d**3); memory 2 arms d**2 numbers.
    """

    def __init__(self, n_arms: int, dimension: int, n_metrics: int, *, ridge: float, forgetting: Forgetting) -> None:
        self.counts = np.zeros(n_arms, np.int64)
        self._gram = np.zeros((n_arms, dimension, dimension))
        self._moments = np.zeros((n_arms, dimension, n_metrics))
        self._ridge = ridge * np.eye(dimension)
        self._inverse = np.repeat(np.linalg.inv(self._ridge)[None], n_arms, axis=0)
        self.theta = np.zeros_like(self._moments)
        self._forgetting = forgetting
        self._recent = Recent(forgetting.window)
        self._stale = False

    def add(self, arm: int, x: Floats, outcome: Floats) -> None:
        """Take in an outcome, float64 (metrics,), of features x, float64 (d,)."""
        self.counts[arm] += 1
        if self._forgetting.discount < 1:
            self._gram *= self._forgetting.discount
            self._moments *= self._forgetting.discount
        self._gram[arm] += np.outer(x, x)
        self._moments[arm] += np.outer(x, outcome)
        if old := self._recent.push((arm, x, outcome)):
            self._gram[old[0]] -= np.outer(old[1], old[1])
            self._moments[old[0]] -= np.outer(old[1], old[2])
        if self._forgetting.forgets:
            self._stale = True
        else:
            self._follow(arm, x)

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """(outcomes float64 (arms, metrics), widths float64 (arms,)) to expect of features x, float64 (d,)."""
        if self._stale:
            self._inverse = np.linalg.inv(self._gram + self._ridge)
            self.theta = self._inverse @ self._moments
            self._stale = False
        squares = (self._inverse @ x) @ x
        return x @ self.theta, np.sqrt(np.maximum(squares, 0.0))

    def _follow(self, arm: int, x: Floats) -> None:
        """Bring one arm's inverse up to date."""
        if self.counts[arm] % _ANEW_EVERY == 0:
            self._inverse[arm] = np.linalg.inv(self._gram[arm] + self._ridge)
        else:
            turned = self._inverse[arm] @ x
            self._inverse[arm] -= np.outer(turned, turned / (1.0 + x @ turned))
        self.theta[arm] = self._inverse[arm] @ self._moments[arm]

    def state(self) -> dict[str, JSON]:
        """What `restore` takes: the inverse too, so that a policy goes on to the last bit as it would have."""
        return {
            "counts": listed(self.counts),
            "gram": listed(self._gram),
            "inverse": listed(self._inverse),
            "moments": listed(self._moments),
            "recent": self._recent.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take `state` back. An inverse that is not the matrix's is computed anew.

        Raises:
            InvalidInput: it does not fit, or holds what is no sum of outcomes.
        """
        n_arms, dimension, n_metrics = self.theta.shape
        self.counts = np.clip(array_of(state, "counts", (n_arms,)), 0, 1 << 53).astype(np.int64)
        self._gram = array_of(state, "gram", self._gram.shape)
        self._inverse = array_of(state, "inverse", self._gram.shape)
        self._moments = array_of(state, "moments", self.theta.shape)
        self._recent.restore(state, "recent", n_arms, dimension, n_metrics)
        if not self._is_of_outcomes():
            raise InvalidInput("policy", "gram must hold sums of x x' over outcomes, one matrix for each arm")
        if not self._forgetting.forgets:
            regular = self._gram + self._ridge
            if np.abs(self._inverse @ regular - np.eye(dimension)).max() > _MOST_OFF:
                self._inverse = np.linalg.inv(regular)
        self.theta = self._inverse @ self._moments
        self._stale = self._forgetting.forgets

    def _is_of_outcomes(self) -> bool:
        """Whether the matrices can be inverted now and later: positive semidefinite up to half a ridge of rounding.

        Under a window they are also the sums of what will be taken off again.
        """
        half = self._ridge / 2
        if self._forgetting.window is not None:
            sums = np.zeros_like(self._gram)
            for arm, x, _ in self._recent:
                sums[arm] += np.outer(x, x)
            return bool(np.abs(self._gram - sums).max() * len(half) <= half[0, 0])
        try:
            np.linalg.cholesky(self._gram + half)
        except np.linalg.LinAlgError:
            return False
        return np.array_equal(self._gram, self._gram.swapaxes(1, 2))
