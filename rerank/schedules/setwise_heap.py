"""Heapsort with a judge that names the best of a few: a parent is shown with all its children.

Zhuang et al., A Setwise Approach for Effective and Highly Efficient Zero-shot Ranking, arXiv 2310.09497, sec. 3. Only
the wanted firsts are taken from the heap. The heap starts as the first-stage order, so that a good first stage leaves
little to exchange.
"""

from dataclasses import dataclass
from typing import ClassVar

from spaniel.rerank.questions import Kind, Outcome, Rounds, Spent
from spaniel.retrieval.errors import InvalidInput

from .listed import Orders
from .set_heap import SetHeap

__all__ = ["SetwiseHeap"]


@dataclass(frozen=True, slots=True)
class SetwiseHeap:
    """Take the firsts off a heap.

    Attributes:
        size: passages in a list, 2 or more: a parent and its `size - 1` children.
        refit: when all is answered, leave the order to Bradley-Terry over all answers, as after a cut, instead of the
            method's own rule, which goes by the last answers: better with a judge that errs, not exact with one that
            does not (docs/schedules.md).

    Raises:
        InvalidInput: `size` below 2.
    """

    name: ClassVar[str] = "setwise-heap"
    asks: ClassVar[Kind] = "order"
    size: int = 10
    refit: bool = False

    def __post_init__(self) -> None:
        if self.size < 2:
            raise InvalidInput("setwise-heap", f"size is {self.size}; it must be at least 2")

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`.

        Cost: the heap has h levels below the root, h = log(n) / log(size - 1), rounded. To build it takes at least one
        call for each passage with children, ceil((n - 1) / (size - 1)) of them, at most the levels below each; then
        each of the `top` firsts but the last takes at most h calls, one after another. Depth: h to h (h + 1) / 2 rounds
        to build, then the calls.

        Cut, the order is `Orders.outcome`.
        """
        orders = Orders(n)
        heap, heads = SetHeap(range(n), self.size - 1, orders), list[int]()
        try:
            yield from heap.build()
            while heap.docs:
                heads.append(heap.docs[0])
                if len(heads) >= top:
                    break
                yield from heap.drop_first()
        except Spent:
            return Outcome(orders.outcome().order)
        if self.refit:
            return Outcome(orders.outcome().order)
        taken = set(heads)
        return Outcome((*heads, *(doc for doc in range(n) if doc not in taken)))
