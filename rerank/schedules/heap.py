"""A binary heap whose comparisons are questions: the best at 0, the children of i at 2i + 1 and 2i + 2."""

from collections.abc import Iterator

from .preferences import Matches, together

__all__ = ["heapified", "sifted"]


def heapified(heap: list[int]) -> Matches[None]:
    """Make it a heap, in place, from the bottom up (Floyd 1964): at most 2 (n - ones(n)) pairs, ones(n) being the
    number of ones of n in binary.

    The nodes of one level have nothing to do with each other, so a level is sifted side by side: about log2(n)^2
    rounds, not n.
    """
    for level in _levels_with_children(len(heap)):
        yield from together(sifted(heap, at) for at in level)


def sifted(heap: list[int], at: int) -> Matches[None]:
    """Move what stands at `at` down, in place, until no child is better: 2 pairs a level, one after the other."""
    n = len(heap)
    while (child := 2 * at + 1) < n:
        if child + 1 < n:
            (left_won,) = yield [(heap[child], heap[child + 1])]
            child += not left_won
        (stays,) = yield [(heap[at], heap[child])]
        if stays:
            return
        heap[at], heap[child] = heap[child], heap[at]
        at = child


def _levels_with_children(n: int) -> Iterator[range]:
    """The nodes that have children, level by level from the bottom."""
    depth = (n // 2).bit_length()
    for level in reversed(range(depth)):
        yield range(2**level - 1, min(2 ** (level + 1) - 1, n // 2))
