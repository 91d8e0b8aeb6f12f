"""What every judge has in common: which questions it answers, how passages reach it, and counts.

A judge sees calls, each a query and the passages shown for it, in batches; it knows nothing of schedules. One that can
score can also prefer and order, by its scores; nothing is made up in the other direction.
"""

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from types import TracebackType
from typing import Self

from spaniel.rerank.questions import Kind
from spaniel.retrieval.types import Passage, Query

__all__ = ["Call", "Judge", "Judged"]


@dataclass(frozen=True, slots=True)
class Call:
    """One question as a judge sees it.

    Attributes:
        query: what was asked.
        passages: in the order they are shown: one to score, two to compare, several to order.
        top: of an order, how many firsts are wanted; None for all.
    """

    query: Query
    passages: tuple[Passage, ...]
    top: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge said to some calls, and what that cost.

    Attributes:
        answers: one for each call, in their order. A score: float. A preference: float 0 to 1 that the passage shown
            first is better. An order: tuple of the places of `passages`, each once, best first. None where the judge
            failed for good; the driver decides what to make of it.
        tokens: read and written, of each call.
        truncated: passages that were longer than the judge reads.
        repaired: answers that had to be mended before they made sense.
        model_calls: runs of the model, or requests.
    """

    answers: Sequence[float | tuple[int, ...] | None]
    tokens: Sequence[int]
    truncated: int = 0
    repaired: int = 0
    model_calls: int = 0


@dataclass(slots=True)
class _Counts:
    values: dict[str, int] = field(default_factory=lambda: {"model_calls": 0, "tokens": 0, "truncated": 0})
    lock: Lock = field(default_factory=Lock)


class Judge(ABC):  # noqa: B024 - a subclass overrides what `kinds` says it can
    """Answers questions about queries. Safe to call from several threads; a context manager.

    A subclass names in `kinds` what it can and overrides `_score`, `_prefer` or `_order`. The driver calls `answer`.

    Attributes:
        name: how traces and errors call it.
        kinds: the questions it can answer.
        symmetric: what it says of two passages does not depend on which is shown first, so that one order is enough.
        batch: how many calls it likes to get at once; the driver looks at the clock between batches.
    """

    name: str = "judge"
    kinds: frozenset[Kind] = frozenset()
    symmetric: bool = False
    batch: int = 256

    def __init__(self) -> None:
        self._counts = _Counts()

    def answer(self, kind: Kind, calls: Sequence[Call]) -> Judged:
        """Answer calls of one kind; independent of each other, in any number.

        Raises:
            InvalidInput: a kind that is not in `kinds`.
            ModelError: the judge fails as a whole (no such model, no connection after all tries).
        """
        raise NotImplementedError  # CORE: dispatch, the derived kinds, checks of what comes back, counts

    def _score(self, calls: Sequence[Call]) -> Judged:
        raise NotImplementedError

    def _prefer(self, calls: Sequence[Call]) -> Judged:
        raise NotImplementedError

    def _order(self, calls: Sequence[Call]) -> Judged:
        raise NotImplementedError

    def estimate(self, calls: Sequence[Call]) -> list[int]:
        """Tokens that each call will cost, before it is made: what a budget of tokens goes by."""
        raise NotImplementedError  # CORE: letters of query and passages / 4, rounded up

    def usage(self) -> dict[str, int]:
        """Totals since it was opened: {"model_calls", "tokens", "truncated"}; they only grow."""
        with self._counts.lock:
            return dict(self._counts.values)

    def close(self) -> None:  # noqa: B027 - most have nothing to give back
        """Give memory and connections back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
