"""What a set of passages is worth together: the role of set scorers.

Passages are not worth the sum of what each is worth alone: two that say the same are worth little more than one, and
two halves of an answer more than either (CARROT finds this in 88 to 93 % of pairs; Wang et al., ICDE 2026). A set
scorer looks at a set; packers ask it what each candidate would add to what they have.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .base import Candidate

__all__ = ["SetScorer", "SetValue", "as_row"]


@runtime_checkable
class SetValue(Protocol):
    """The worth of sets of one question's candidates; the empty set's is 0. Not shared between threads."""

    def grown(self, chosen: tuple[int, ...], places: Sequence[int]) -> NDArray[np.float64]:
        """float64 (len(places),): for each place the worth of `chosen` with that candidate behind it.

        All finite. Larger is better; only differences mean anything.
        """
        ...


@runtime_checkable
class SetScorer(Protocol):
    """Scores sets. Safe to call from several threads.

    Attributes:
        name: in the table, traces and errors.
        ordered: the worth of a set depends on the order in which its passages are shown.
    """

    @property
    def name(self) -> str: ...
    @property
    def ordered(self) -> bool: ...

    def of(self, question: str, candidates: Sequence[Candidate]) -> SetValue:
        """What sets of these candidates are worth for this question."""
        ...


def as_row(chosen: tuple[int, ...]) -> NDArray[np.int64]:
    """Places as an index into arrays."""
    return np.array(chosen, np.int64)
