"""A window that slides from the last passages to the first, its list put in order at every stop (RankGPT).

Sun et al., Is ChatGPT Good at Search?, arXiv 2304.09542, sec. 3.2. Each window overlaps the one before by
`window - step` passages: so many of the best are carried up, and so many firsts are right after one pass, twice as
many after two. The stops follow each other; nothing runs side by side.

Where n - window is no multiple of step, the last window is laid on the first passages all the same (the published
code stops before it and leaves them as they were).
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from spaniel.rerank.questions import Kind, Outcome, Rounds, Spent
from spaniel.rerank.whole import MOST, check_whole
from spaniel.retrieval.errors import InvalidInput

from .listed import Orders

__all__ = ["Window"]


@dataclass(frozen=True, slots=True)
class Window:
    """Slide a window up the list.

    Attributes:
        window: passages in a list.
        step: how far it moves, less than `window`; a judge that makes no mistake brings the best `window - step`
            to the top in one pass.
        passes: how often it goes over the list; None for as often as the firsts that have to be right take, once
            for every `window - step` of them, and once where all fit into the window.

    Raises:
        InvalidInput: a value that cannot be.
    """

    name: ClassVar[str] = "window"
    asks: ClassVar[Kind] = "order"
    window: int = 20
    step: int = 10
    passes: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.step < self.window:
            raise InvalidInput(
                "window", f"step is {self.step}; it must be at least 1 and less than window {self.window}"
            )
        if self.passes is not None:
            check_whole("window", "passes", self.passes, least=1, most=MOST)

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`.

        Cost: (ceil((n - window) / step) + 1) * passes calls, 1 * passes where n <= window; depth the same; the first 10
        of 100 take one pass of 9 calls. A window that stands as the judge has already seen it costs nothing (the driver
        remembers).
        """
        line, orders = list(range(n)), Orders(n)
        with suppress(Spent):
            for start, stop in self._stops(n, self.passes or self._needed(n, top)):
                line[start:stop] = yield from orders.ask_one(line[start:stop])
        return Outcome(tuple(line))

    def _needed(self, n: int, top: int) -> int:
        return 1 if n <= self.window else -(-top // (self.window - self.step))

    def _stops(self, n: int, passes: int) -> Iterator[tuple[int, int]]:
        if n < 2:
            return
        for _ in range(passes):
            stop = n
            while stop > self.window:
                yield stop - self.window, stop
                stop -= self.step
            yield 0, stop
