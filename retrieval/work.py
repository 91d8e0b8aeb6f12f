"""What a piece of work costs, counted where it is done: searches of an index, calls of a model.

    with work_counted() as work:
        pipeline.search(...)
    work.counts["searches"]

Whoever searches calls `count_work`; whoever wants to know opens `work_counted` around it. Nothing is handed through in
between, and where nobody counts, a call costs 50 ns. Threads begun with a copy of the context (`side_by_side`) count
too.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

__all__ = ["Work", "count_work", "counted_at_least", "work_counted"]

T = TypeVar("T")


class Work:
    """What was counted; safe to add to from several threads."""

    def __init__(self) -> None:
        self._added: list[tuple[str, int]] = []  # appending is one step, adding to a number is not

    def add(self, name: str, n: int) -> None:
        """Count n more of something."""
        self._added.append((name, n))

    @property
    def counts(self) -> Mapping[str, int]:
        """Name -> how many; 0 for others."""
        counts: Counter[str] = Counter()
        for name, n in list(self._added):
            counts[name] += n
        return counts


_WORK: ContextVar[Work | None] = ContextVar("work", default=None)


def count_work(name: str, n: int = 1) -> None:
    """Count n more of something where somebody counts."""
    work = _WORK.get()
    if work is not None:
        work.add(name, n)


@contextmanager
def work_counted() -> Iterator[Work]:
    """Counts until the end of the block; what is counted within counts for a block around it too.

    Example:
        >>> with work_counted() as work:
        ...     count_work("searches", 2)
        >>> work.counts["searches"], work.counts["calls"]
        (2, 0)
    """
    outer, work = _WORK.get(), Work()
    token = _WORK.set(work)
    try:
        yield work
    finally:
        _WORK.reset(token)
        if outer is not None:
            for name, n in work.counts.items():
                outer.add(name, n)


def counted_at_least(name: str, n: int, work: Callable[[], T]) -> T:
    """Do the work; where it counts none of these by itself (a retriever of somebody's own), count n.

    Example:
        >>> with work_counted() as work:
        ...     found = counted_at_least("searches", 1, lambda: "found")
        >>> found, work.counts["searches"]
        ('found', 1)
    """
    if _WORK.get() is None:
        return work()
    with work_counted() as own:
        done = work()
    if not own.counts[name]:
        count_work(name, n)
    return done
