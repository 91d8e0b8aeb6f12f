"""RFF-UCB: upper confidence bounds over a kernel, for rewards that are not linear in the context.

PAK-UCB (Hu et al., ICML 2025) keeps one kernel ridge regression for each arm; random Fourier features (Rahimi and
Recht, NIPS 2007) make it a linear one of `n_features` numbers, whatever was learned:

    z(x) = sqrt(2 / D) cos(W x + b),  rows of W ~ N(0, I / bandwidth**2), b uniform in [0, 2 pi),

so that z(x) . z(y) is about exp(-|x - y|**2 / (2 bandwidth**2)). Each arm is played once before any is compared.

Made from the paper: its published code starts the inverse at another value than its formula, counts first rewards
twice, and has another scale in its feature map.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Unpack

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .base import Common, Floats, check_numbers, greedy
from .linear import Linear
from .state import array_of, check_number, listed

__all__ = ["RffUcb"]


class RffUcb(Linear):
    """Plays the greatest upper bound of a kernel regression.

    Args:
        arms: names, in order.
        dimension: of contexts, whose numbers should be of order 1.
        alpha: widths added to a prediction. The paper's, for confidence 1 - delta with G arms, is
            sqrt(2 ln(2 G / delta)), 3.2 with 4 arms and 0.05, and explores far longer.
        n_features: D; a decision costs O(arms D**2).
        bandwidth: how far apart contexts tell of each other; sqrt(2 dimension) by default, which is how far
            apart contexts of standard numbers lie.
        ridge, discount, window, common: as `LinUCB`.
    """

    name: ClassVar[str] = "rff-ucb"

    def __init__(
        self,
        arms: Sequence[str],
        dimension: int,
        *,
        alpha: float = 0.2,
        n_features: int = 100,
        bandwidth: float | None = None,
        ridge: float = 0.1,
        discount: float = 1.0,
        window: int | None = None,
        **common: Unpack[Common],
    ) -> None:
        self._alpha = check_number(self.name, "alpha", alpha, 0)
        if type(n_features) is not int or not 1 <= n_features <= 4096:
            raise InvalidInput(self.name, f"n_features is {n_features!r}; it must be a whole number, 1 to 4096")
        own: dict[str, JSON] = {"alpha": alpha, "n_features": n_features, "bandwidth": bandwidth}
        super().__init__(
            arms, dimension, own, ridge=ridge, discount=discount, window=window, n_features=n_features, **common
        )
        check_numbers("the frequencies", n_features * dimension)
        width = math.sqrt(2 * dimension) if bandwidth is None else check_number(self.name, "bandwidth", bandwidth, 1e-9)
        self._frequencies = self._rng.normal(size=(n_features, dimension)) / width
        self._phases = self._rng.uniform(0, 2 * math.pi, n_features)

    def _features(self, x: Floats) -> Floats:
        waves: Floats = np.cos(self._frequencies @ x + self._phases)
        return math.sqrt(2 / len(self._phases)) * waves

    def _weigh(self, x: Floats, weights: Floats, among: NDArray[np.int64]) -> tuple[Floats, Floats]:
        values, widths = self._expected(x, weights, among)
        unplayed = self._ridges.counts[among] == 0
        if unplayed.any():
            return unplayed / unplayed.sum(), values
        return greedy(values + self._alpha * widths), values

    def _state(self) -> dict[str, JSON]:
        # Not drawn again from the seed: a later NumPy may draw other numbers.
        return {**super()._state(), "frequencies": listed(self._frequencies), "phases": listed(self._phases)}

    def _restore(self, state: Mapping[str, Any]) -> None:
        self._frequencies = array_of(state, "frequencies", self._frequencies.shape)
        self._phases = array_of(state, "phases", self._phases.shape)
        super()._restore(state)
