"""Insertion sort with a judge that names the best of a few: the first stage is believed until the judge objects.

Podolak et al., Beyond Reproducibility: Advancing Zero-shot LLM Reranking Efficiency with Setwise Insertion, SIGIR 2025
(arXiv 2504.10509). The first `top` passages are sorted by a setwise heap. The others are shown in first-stage order, a
few at a time, together with the last of the sorted, the guard, which is shown first: when the guard is the best of them
they are all left behind with one call; when another is, it is put among the sorted by halving, the last of them
becomes part of what is left behind, and those of the list that are not yet decided are asked about again.
"""

from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from spaniel.rerank.questions import Answer, Kind, Outcome, Question, Rounds, Spent
from spaniel.retrieval.errors import InvalidInput

from .listed import Orders
from .set_heap import SetHeap

__all__ = ["SetwiseInsertion"]


@dataclass(frozen=True, slots=True)
class SetwiseInsertion:
    """Sort the firsts, then let the others in that beat the last of them.

    Attributes:
        size: passages in a list, 2 or more: the guard and `size - 1` others.

    Raises:
        InvalidInput: `size` below 2.
    """

    name: ClassVar[str] = "setwise-insertion"
    asks: ClassVar[Kind] = "order"
    size: int = 10

    def __post_init__(self) -> None:
        if self.size < 2:
            raise InvalidInput("setwise-insertion", f"size is {self.size}; it must be at least 2")

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`.

        Cost: a setwise heapsort of `top` passages, then ceil((n - top) / (size - 1)) calls where nobody gets in; each
        that does takes one call more and those of the halving, at most ceil(log2(top)) of two passages each. One after
        another.

        Cut, the sorted stand first and the others as they are: no answer is thrown away that the method goes by.
        """
        orders = Orders(n)
        line = list(range(n))
        with suppress(Spent):
            yield from self._sort_first(line, min(top, n), orders)
            yield from self._let_in(line, min(top, n), orders)
        return Outcome(tuple(line))

    def _sort_first(
        self, line: list[int], top: int, orders: Orders
    ) -> Generator[Sequence[Question], Sequence[Answer], None]:
        """Sort line[:top] in place; cut, the heads found so far stand first."""
        heap = SetHeap(line[:top], self.size - 1, orders)
        yield from heap.build()
        for place in range(top - 1):
            line.insert(place, line.pop(line.index(heap.docs[0])))
            yield from heap.drop_first()

    def _let_in(
        self, line: list[int], top: int, orders: Orders
    ) -> Generator[Sequence[Question], Sequence[Answer], None]:
        """Ask about line[top:], a list at a time, and put what beats line[top - 1] where it belongs."""
        place = top
        while top and place < len(line):
            shown = line[place : place + self.size - 1]
            best = (yield from orders.ask_one([line[top - 1], *shown], top=1))[0]
            if best == line[top - 1]:
                place += len(shown)
                continue
            at = yield from self._place_of(best, line[: top - 1], orders)
            line.insert(at, line.pop(line.index(best)))
            # the guard that it drove out is decided, and stands right behind the sorted; if it is the guard itself now,
            # so is all that it was better than
            place += len(shown) if at == top - 1 else 1

    def _place_of(
        self, doc: int, better: Sequence[int], orders: Orders
    ) -> Generator[Sequence[Question], Sequence[Answer], int]:
        """Where `doc` belongs among the sorted, by halving."""
        low, high = 0, len(better)
        while low < high:
            middle = (low + high) // 2
            if (yield from orders.ask_one([better[middle], doc], top=1))[0] == doc:
                high = middle
            else:
                low = middle + 1
        return low
