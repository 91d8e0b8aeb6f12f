"""A heap whose parents are compared with all their children in one question: "which of these is the best?"

Shared by the setwise schedules (Zhuang et al., arXiv 2310.09497, sec. 3). One thing is ours: while the heap is built,
the parents of one level have nothing to do with each other and are asked side by side. Calls and answers are the same,
the rounds fewer.
"""

from collections.abc import Generator, Sequence
from typing import TypeAlias

from spaniel.rerank.questions import Answer, Question

from .listed import Orders

__all__ = ["SetHeap"]

Asking: TypeAlias = Generator[Sequence[Question], Sequence[Answer], None]


class SetHeap:
    """A heap of passages in an array: the children of slot i are the slots i * branches + 1 to (i + 1) * branches.

    Attributes:
        docs: the array; after `build` the first is the best.
    """

    def __init__(self, docs: Sequence[int], branches: int, orders: Orders) -> None:
        self.docs, self.branches, self.orders = list(docs), branches, orders

    def build(self) -> Asking:
        """Make a heap of the array as it is, level by level from below. Cost: see `SetwiseHeap.rounds`."""
        for level in reversed(self._levels()):
            yield from self._sink(level)

    def drop_first(self) -> Asking:
        """Take the first away and mend the heap: at most one call for each level below the root."""
        last = self.docs.pop()
        if self.docs:
            self.docs[0] = last
            yield from self._sink([0])

    def _levels(self) -> list[list[int]]:
        """The slots that have children, by level from the root."""
        levels, start, width = [], 0, 1
        while start * self.branches + 1 < len(self.docs):
            slots = range(start, start + width)
            levels.append([slot for slot in slots if slot * self.branches + 1 < len(self.docs)])
            start, width = start + width, width * self.branches
        return levels

    def _sink(self, slots: Sequence[int]) -> Asking:
        """Let the passages of these slots, none below another, sink to where they belong, side by side."""
        while families := [family for slot in slots if len(family := self._family(slot)) > 1]:
            lists = [[self.docs[slot] for slot in family] for family in families]
            answers = yield from self.orders.ask(lists, [1] * len(lists))
            slots = []
            for family, answer in zip(families, answers, strict=True):
                best = next(slot for slot in family if self.docs[slot] == answer[0])
                parent = family[0]
                if best != parent:
                    self.docs[parent], self.docs[best] = self.docs[best], self.docs[parent]
                    slots.append(best)

    def _family(self, slot: int) -> list[int]:
        """The slot and those of its children."""
        first = slot * self.branches + 1
        return [slot, *range(first, min(first + self.branches, len(self.docs)))]
