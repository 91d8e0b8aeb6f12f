"""Active selection of the first few by groups and champions, with single calls.

Mohajer, Suh and Elmahdy, Active Learning for Top-K Rank Aggregation from Noisy Comparisons, ICML 2017; as a reranker in
Active Learners as Efficient PRP Rerankers, arXiv 2605.14236. The passages are dealt out to as many groups as firsts are
wanted; each group finds its champion by a knockout, a heap holds the champions, and whenever its best is taken out,
that one's group sends its next best.

It is meant for one call a pair in an order drawn by chance (`both_orders`, unless the driver is told otherwise): a
judge's liking for the first position then is noise without a direction, at half the price of asking both ways. Left
out: the paper's repeated comparisons of one pair, which tell nothing new of a judge whose answers are kept.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Literal

from spaniel.rerank.questions import Kind, Rounds, Spent
from spaniel.retrieval.errors import InvalidInput

from .heap import heapified, sifted
from .knockout import Beaten, champion
from .preferences import Matches, Preferences, together

__all__ = ["Mohajer"]


@dataclass(frozen=True, slots=True)
class Mohajer:
    """The first `top`, from champions of groups; the others behind.

    Attributes:
        groups: how many; None for `top`, as in the paper.
        refit: put the `top` found in the order most likely after all answers (`Preferences.likely`). Single calls are
            noisy, and all of them together tell more than the last few; an exact judge is better off without.
    """

    name: ClassVar[str] = "mohajer"
    asks: ClassVar[Kind] = "prefer"
    both_orders: ClassVar[Literal["random"]] = "random"

    groups: int | None = None
    refit: bool = True

    def __post_init__(self) -> None:
        if self.groups is not None and self.groups < 1:
            raise InvalidInput("mohajer", f"groups is {self.groups}; it must be at least 1")

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`. Cost for g groups: n - g pairs to find the champions, side by side, at most
        2 (g - ones(g)) to build their heap, and for each one taken out but the last, a knockout among those it had
        beaten and at most 2 floor(log2 g) to mend the heap. 100 passages, top 10: some 190 pairs, one call each.

        Cut, it returns what was taken out so far, the rest by all answers (`Preferences.by_wins`).
        """
        seen, heads = Preferences(n), list[int]()
        with suppress(Spent):
            yield from seen.play(_heads(n, top, self.groups or top, heads))
        return seen.by_wins(heads, refit=self.refit)


def _heads(n: int, top: int, groups: int, heads: list[int]) -> Matches[None]:
    """Append the best `top` to `heads`, each as soon as it is known."""
    beaten: Beaten = {place: [] for place in range(n)}
    # Dealt out like cards: every group has its share of what the first stage thought best.
    dealt = [list(range(first, n, groups)) for first in range(min(groups, n))]
    heap: list[int] = yield from together(champion(group, beaten) for group in dealt)
    yield from heapified(heap)
    while heap:
        heads.append(heap[0])
        if len(heads) == top:
            return
        heirs = beaten[heap[0]]
        if heirs:
            heap[0] = yield from champion(heirs, beaten)
        else:
            last = heap.pop()
            if not heap:
                return
            heap[0] = last
        yield from sifted(heap, 0)
