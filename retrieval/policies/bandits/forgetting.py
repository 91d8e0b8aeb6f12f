"""Forgetting what is old: after an index was rebuilt, or a model replaced, arms are worth something else.

Either every outcome counts `discount` times what it counted an outcome ago (Garivier and Moulines, ALT 2011, for means;
Russac, Vernade and Cappe, NeurIPS 2019, for linear models), or only the last `window` outcomes count.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .state import array_of, check_number, entry

__all__ = ["Forgetting", "Outcome", "Recent"]

Floats = NDArray[np.float64]
Outcome = tuple[int, Floats, Floats]
"""(arm, features float64 (d,), metrics float64 (m,))."""

_MOST_KEPT = 10_000_000


@dataclass(frozen=True, slots=True)
class Forgetting:
    """How a policy forgets; by default not at all.

    Args:
        discount: above 0, at most 1: 0.999 halves what is 700 outcomes old.
        window: so many of the last outcomes count, 1 or more.

    Raises:
        InvalidInput: out of range, or both.
    """

    discount: float = 1.0
    window: int | None = None

    def __post_init__(self) -> None:
        check_number("forgetting", "discount", self.discount, 1e-6, 1)
        if self.window is not None and (type(self.window) is not int or not 1 <= self.window <= _MOST_KEPT):
            raise InvalidInput("forgetting", f"window is {self.window!r}; it must be a whole number, 1 to {_MOST_KEPT}")
        if self.window is not None and self.discount < 1:
            raise InvalidInput("forgetting", "give discount or window, one of them")

    @property
    def forgets(self) -> bool:
        """Whether it does at all."""
        return self.window is not None or self.discount < 1

    def to_json(self) -> dict[str, JSON]:
        """Its arguments."""
        return {"discount": self.discount, "window": self.window}


class Recent:
    """The outcomes within a window; none are kept without one. Not safe for threads: the policy's lock is."""

    def __init__(self, window: int | None) -> None:
        self._window = window
        self._kept: deque[Outcome] = deque()

    def push(self, outcome: Outcome) -> Outcome | None:
        """Keep it, and give back the one that is now too old."""
        if self._window is None:
            return None
        self._kept.append(outcome)
        return self._kept.popleft() if len(self._kept) > self._window else None

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self._kept)

    def state(self) -> JSON:
        """One list an outcome."""
        return [[arm, x.tolist(), y.tolist()] for arm, x, y in self._kept]

    def restore(self, state: Mapping[str, Any], key: str, n_arms: int, n_features: int, n_metrics: int) -> None:
        """Take `state` back.

        Raises:
            InvalidInput: it does not fit.
        """
        rows = entry(state, key)
        if not isinstance(rows, list) or len(rows) > (self._window or 0):
            raise InvalidInput("policy", f"{key} must be a list of at most {self._window or 0} outcomes")
        self._kept.clear()
        for row in rows:
            if not (isinstance(row, list) and len(row) == 3 and type(row[0]) is int and 0 <= row[0] < n_arms):
                raise InvalidInput("policy", f"{key} must hold [arm, features, metrics]")
            parts = {"features": row[1], "metrics": row[2]}
            kept = array_of(parts, "features", (n_features,)), array_of(parts, "metrics", (n_metrics,))
            self._kept.append((row[0], *kept))
