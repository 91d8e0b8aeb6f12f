"""Top-down partitioning: the first list gives a pivot, all others are compared with it side by side.

Parry, MacAvaney and Ganguly, Top-Down Partitioning for Efficient List-Wise Ranking, arXiv 2405.14589. The first
`window` passages are put in order; the pivot is the last of them that is wanted. The rest is shown in lists of
`window - 1` together with the pivot, all in one round: only what beats it can be among the firsts. Those that do and
those above the pivot are dealt with in the same way, until they fit into one list.

Differences from the paper's code: all lists of a partition are asked (no early end when enough were found); what
has to be partitioned again begins with the best of each list, not with the first list's, which keeps a first stage
that is upside down from costing n^2 / window; what is above the pivot is not ordered again when nothing joined it; and
where more firsts are wanted than a pivot leaves they are taken from behind it.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import ClassVar

from spaniel.rerank.questions import Answer, Kind, Outcome, Question, Rounds, Spent
from spaniel.retrieval.errors import InvalidInput

from .listed import Orders

__all__ = ["TDPart"]


@dataclass(frozen=True, slots=True)
class TDPart:
    """Partition by pivots from the top.

    Attributes:
        window: passages in a list, 2 or more.
        refit: when all is answered, leave the order to Bradley-Terry over all answers, as after a cut, instead of the
            method's own rule, which goes by the last answers: better with a judge that errs, not exact with one that
            does not (docs/schedules.md).

    Raises:
        InvalidInput: `window` below 2.
    """

    name: ClassVar[str] = "tdpart"
    asks: ClassVar[Kind] = "order"
    window: int = 20
    refit: bool = False

    def __post_init__(self) -> None:
        if self.window < 2:
            raise InvalidInput("tdpart", f"window is {self.window}; it must be at least 2")

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`.

        Cost, where top <= window / 2: 1 + ceil((n - window) / (window - 1)) calls in 2 rounds when the first stage is
        right; one call and one round more when up to window - top + 1 others beat the pivot, another partition when
        more do.

        Cut, the order is `Orders.outcome`.
        """
        line, orders = list(range(n)), Orders(n)
        try:
            yield from self._sort(line, 0, [[doc] for doc in line], top, orders)
        except Spent:
            return Outcome(orders.outcome().order)
        return Outcome(orders.outcome().order if self.refit else tuple(line))

    def _sort(
        self, line: list[int], start: int, runs: Sequence[list[int]], wanted: int, orders: Orders
    ) -> Generator[Sequence[Question], Sequence[Answer], None]:
        """Bring the `wanted` best of `runs` to their front, in order.

        Args:
            runs: what line[start:] begins with, as lists that are in order already.
        """
        while wanted > 0 and len(runs) > 1:
            docs = _dealt(runs)
            first = yield from orders.ask_one(docs[: self.window])
            line[start : start + len(docs)] = [*first, *docs[self.window :]]
            if len(docs) <= self.window:
                return
            pivot = min(wanted, self.window // 2) - 1
            above, runs = yield from self._partition(line, start, pivot, len(docs), orders)
            n_above = sum(map(len, above))
            yield from self._sort(line, start, above, min(wanted, n_above), orders)
            wanted -= n_above + 1
            start += n_above + 1

    def _partition(
        self, line: list[int], start: int, pivot: int, n: int, orders: Orders
    ) -> Generator[Sequence[Question], Sequence[Answer], tuple[list[list[int]], list[list[int]]]]:
        """Compare all of line[start:start + n] that are not in the first window with the pivot, line[start + pivot].

        Returns:
            What is above the pivot and what is below, as lists that are in order; the line has the first, the pivot and
            the second.
        """
        first, others = line[start : start + self.window], line[start + self.window : start + n]
        above, below = [first[:pivot]], [first[pivot + 1 :]]
        lists = [others[at : at + self.window - 1] for at in range(0, len(others), self.window - 1)]
        answers = yield from orders.ask([[first[pivot], *docs] for docs in lists])
        for answer in answers:
            at = answer.index(first[pivot])
            above.append(list(answer[:at]))
            below.append(list(answer[at + 1 :]))
        above, below = [docs for docs in above if docs], [docs for docs in below if docs]
        line[start : start + n] = [*chain(*above), first[pivot], *chain(*below)]
        return above, below


def _dealt(runs: Sequence[list[int]]) -> list[int]:
    """The first of each, then the second of each, and so on."""
    return [doc for row in zip_longest(*runs) for doc in row if doc is not None]
