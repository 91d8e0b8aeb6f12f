"""When what a store fits to vectors (rotation, decoder, codebook, centroids) is fitted again, and whose fit is kept.

A part says on how many vectors it was fitted: 0 where there were too few to learn from and something random stands in,
and never more than a fit looks at. That number against what a fit could use now decides:

- a new segment takes over the fit of an older one, unless its own vectors would make one on `MUCH` times as many;
- a merge fits again on the vectors it has (the second tier) where they are `MUCH` times as many, or where the parts
  differ and it can do better than the best of them; else all rows get the codes of the best-fitted part;
- where codes are all there is, nothing can be fitted again, and to code what codes stand for a second time loses more
  than a better fit gains: the fit that most rows have is kept, and a segment fits its own only if it is to be that one.

So the parts of one index may have different codes. Each estimates the same dot products, and scores from the second
tier do not depend on codes at all.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from .part import DensePart

__all__ = ["MUCH", "FittedPart", "StackedRows", "keeps", "refits", "takes_over"]

MUCH = 4
_STAND_IN = 0.25
"""What a row coded by a stand-in counts where codes are all there is. Coded a second time, such rows lose a quarter of
what rows of a learned code lose (docs/dense-stores.md)."""


class FittedPart(DensePart, Protocol):
    """A part of a kind that fits.

    Attributes:
        fitted_on: vectors that were looked at, 0 for a stand-in. Files that do not say count as fitted on all that
            they hold.
    """

    @property
    def fitted_on(self) -> int: ...


P = TypeVar("P", bound=FittedPart)
Rows = Sequence[tuple[P, NDArray[np.int64]]]


def takes_over(like: FittedPart, n_new: int, possible: int, *, has_vectors: bool) -> bool:
    """Whether a new part is coded as `like` is.

    Args:
        n_new: rows of the new part.
        possible: on how many vectors it could be fitted; 0 for a stand-in.
        has_vectors: vectors are kept beside the codes.
    """
    if not _worthwhile(like.fitted_on, possible):
        return True
    return not has_vectors and n_new <= _weight(like.n_passages, like.fitted_on)


def keeps(parts: Rows[P], same: Sequence[int], *, has_vectors: bool) -> int:
    """The place of the part whose fit is kept in a merge that does not fit again; the first of equals.

    Args:
        same: for each part, the place of the first one that is fitted as it is.
    """
    rows = [0] * len(parts)
    for first, (_, some) in zip(same, parts, strict=True):
        rows[first] += len(some)
    fitted_on = [part.fitted_on for part, _ in parts]

    def rank(place: int) -> tuple[float, float]:
        weight = _weight(rows[same[place]], fitted_on[place])
        return (fitted_on[place], weight) if has_vectors else (weight, fitted_on[place])

    return max(range(len(parts)), key=rank)


def refits(best: FittedPart, possible: int, *, alike: bool, has_vectors: bool) -> bool:
    """Whether a merge fits again.

    Args:
        best: the part whose fit is kept otherwise.
        possible: on how many vectors a new fit would be; 0 for a stand-in.
        alike: all parts have this fit.
    """
    better = not alike and possible > best.fitted_on
    return has_vectors and (better or _worthwhile(best.fitted_on, possible))


class StackedRows:
    """Some rows of several parts, one part after the other, as `Vectors`: the best vectors that each has."""

    def __init__(self, parts: Rows[P]) -> None:
        self._parts = [(part, rows) for part, rows in parts]
        self._starts = np.cumsum([0, *(len(rows) for _, rows in parts)])
        self.shape = int(self._starts[-1]), parts[0][0].dimension

    def __len__(self) -> int:
        return self.shape[0]

    @overload
    def __getitem__(self, rows: slice) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]: ...
    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        """A copy of these rows: float32 (m, d)."""
        wanted = np.arange(len(self))[rows] if isinstance(rows, slice) else rows
        found = np.empty((len(wanted), self.shape[1]), np.float32)
        for (part, own), start in zip(self._parts, self._starts, strict=False):
            here = np.flatnonzero((wanted >= start) & (wanted < start + len(own)))
            if len(here):
                found[here] = part.vectors(own[wanted[here] - start])
        return found


def _worthwhile(before: int, possible: int) -> bool:
    return possible > 0 and possible >= MUCH * before


def _weight(n_rows: int, fitted_on: int) -> float:
    return n_rows if fitted_on else _STAND_IN * n_rows
