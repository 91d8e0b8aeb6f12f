"""Rows of a dense part and the ordinals of their passages: row r is the r-th smallest ordinal of the segment."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Rows"]


@dataclass(frozen=True, slots=True)
class Rows:
    """Whose vectors stand in a dense part.

    Attributes:
        n_passages: rows.
        first_ordinal: row r is passage first_ordinal + r, unless `ordinals` says otherwise.
        ordinals: int64 (n,), ascending: the ordinal of each row.
        live: bool (n,), which rows' passages are alive; None when all are.
    """

    n_passages: int
    first_ordinal: int = 0
    ordinals: NDArray[np.int64] | None = None
    live: NDArray[np.bool_] | None = None

    def ordinals_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64, the shape of rows."""
        if self.ordinals is None:
            return rows + self.first_ordinal
        found: NDArray[np.int64] = self.ordinals[rows]
        return found

    def rows_of(self, ordinals: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Which of the ordinals (n,) are here, as places in it int64 (m,), and their rows int64 (m,)."""
        n = self.n_passages
        if self.ordinals is None:
            rows = ordinals - self.first_ordinal
            here = (rows >= 0) & (rows < n)
        elif n == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        else:
            rows = np.minimum(np.searchsorted(self.ordinals, ordinals), n - 1)
            here = self.ordinals[rows] == ordinals
        return np.flatnonzero(here), rows[here].astype(np.int64)

    def living(self) -> NDArray[np.int64]:
        """The rows whose passages are alive: int64 (m,), ascending."""
        return np.arange(self.n_passages) if self.live is None else np.flatnonzero(self.live)
