"""How much a design lets an aggregator know, before any answer.

Dedov, ICTIR 2025, sec. 3.3: whether the blocks hang together, which share of all pairs is ordered by some block, and
which share at least by way of one third passage. (The published script looks only for third passages between the two
in the numbering, and never at the last one; here all count.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Coverage", "coverage"]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Figures of a design.

    Attributes:
        connected: every passage is joined to every other by blocks that overlap.
        fewest, most: blocks that a passage is in.
        direct: share of the pairs of passages that are in a block together, 0 to 1.
        by_one: share of those that are, or that both are in a block with a third.
    """

    connected: bool
    fewest: int
    most: int
    direct: float
    by_one: float


def coverage(blocks: Sequence[Sequence[int]], n: int) -> Coverage:
    """The figures of blocks of the places 0 to n - 1, n at least 2. Cost: O(n^3)."""
    member = np.zeros((len(blocks), n))
    for i, block in enumerate(blocks):
        member[i, list(block)] = 1.0
    met = member.T @ member > 0
    np.fill_diagonal(met, True)
    second = met.astype(np.float64) @ met > 0
    reach = second
    while ((further := reach.astype(np.float64) @ reach > 0) != reach).any():
        reach = further
    pairs = n * (n - 1)
    counts = member.sum(0)
    return Coverage(
        connected=bool(reach.all()),
        fewest=int(counts.min()),
        most=int(counts.max()),
        direct=(int(met.sum()) - n) / pairs,
        by_one=(int(second.sum()) - n) / pairs,
    )
