"""PRP with heapsort: a heap of all passages, then the best taken out `top` times.

Qin et al., Large Language Models are Effective Text Rankers with Pairwise Ranking Prompting, arXiv 2306.17563,
sec. 3.3. The cheapest sort when every pair is a call of its own and nothing can be batched (Wisznia et al., arXiv
2505.24643); where a batch is cheaper than its calls, see `quicksort.py`. The levels of the heap are built side by side,
which leaves the pairs as they are and takes two thirds of the rounds of building away.
"""

from dataclasses import dataclass
from typing import ClassVar

from spaniel.rerank.questions import Kind, Rounds, Spent

from .heap import heapified, sifted
from .preferences import Matches, Preferences

__all__ = ["Heapsort"]


@dataclass(frozen=True, slots=True)
class Heapsort:
    """The first `top` by a heap; the others behind."""

    name: ClassVar[str] = "heapsort"
    asks: ClassVar[Kind] = "prefer"

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`. Cost: at most 2 (n - ones(n)) pairs to build, ones(n) being the ones of n in binary,
        and 2 floor(log2(n - t)) to mend the heap after taking out the t-th, t below `top`; two calls a pair in both
        orders. 100 passages, top 10: at most 302 pairs, some 250 on the way.

        Cut, it returns what was taken out so far, the rest by all answers (`Preferences.by_wins`).
        """
        seen, heads = Preferences(n), list[int]()
        try:
            yield from seen.play(_heads(n, top, heads))
        except Spent:
            return seen.by_wins(heads)
        return seen.by_place(heads)


def _heads(n: int, top: int, heads: list[int]) -> Matches[None]:
    """Append the best `top` to `heads`, each as soon as it is known."""
    heap = list(range(n))
    yield from heapified(heap)
    while heap:
        heads.append(heap[0])
        last = heap.pop()
        if len(heads) == top or not heap:
            return
        heap[0] = last
        yield from sifted(heap, 0)
