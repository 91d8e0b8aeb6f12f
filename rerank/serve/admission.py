"""Which requests are taken on: whole ones, before anything has been done for them.

What counts is the work that would go before a request. Under fair shares (`scheduler.py`) that is, of each request that
is there, no more tokens than the new one has itself; so behind one request of half a million tokens a small one waits a
moment and is taken on, and a large one beside small ones is not refused for its size. Full means that this work is
above `Limits.queue_tokens`.

A deadline is a promise to those who were taken on: a request is refused that would not be done in 0.7 of its time at
the speed measured so far, and so is one that would push another one, taken on before, past 0.8 of the time it has left.
The margins are for what the forecast cannot know: batches that take pairs out of turn for their length, tokens that are
guessed, a speed that changes.
"""

import time
from collections.abc import Callable, Collection

import numpy as np

from .forecast import done_after
from .job import Job
from .limits import Limits
from .refusals import Busy, Reason
from .speed import Speed

__all__ = ["Admission"]

_SOONEST_S, _LATEST_S = 1.0, 60.0
_NEW, _OLD = 0.7, 0.8  # of the time until its deadline that a request may be forecast to need


class Admission:
    """Looks at the requests that are there; keeps no count of its own that could go wrong."""

    def __init__(self, limits: Limits, speed: Speed, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._speed, self._clock = limits, speed, clock

    def check(self, tokens: int, jobs: Collection[Job], deadline: float | None, now: float = 0.0) -> None:
        """May a request of about so many tokens join these?

        Args:
            tokens: of all its pairs.
            jobs: the requests that are there.
            deadline: by the clock; None: it can wait.
            now: virtual time.

        Raises:
            Busy: no. With nobody there it is always yes: a speed that was measured wrong would never be put right if
                nothing was run.
        """
        if not jobs:
            return
        share = max(tokens, self._limits.share_tokens)
        before = sum(min(job.left, share) for job in jobs)
        if len(jobs) >= self._limits.queue_requests:
            raise self._busy("requests", f"{len(jobs)} requests are waiting", before // len(jobs))
        over = before - self._limits.queue_tokens
        if over >= 0:
            raise self._busy(
                "tokens", f"{before:,} tokens are waiting, the limit is {self._limits.queue_tokens:,}", over
            )
        if self._speed.tokens_per_s > 0:
            self._check_deadlines(tokens, list(jobs), deadline, now)

    def _check_deadlines(self, tokens: int, jobs: list[Job], deadline: float | None, now: float) -> None:
        """Raises:
        Busy: this request or one of the others would not be done in time.
        """
        speed, clock = self._speed.tokens_per_s, self._clock()
        left = np.array([*(job.left for job in jobs), tokens], np.float64)
        start = np.array([*(job.end(now) for job in jobs), now + tokens], np.float64) - left
        late = np.inf if deadline is None else deadline
        order_by = np.array([*(job.due for job in jobs), clock + self._limits.timeout_s if deadline is None else late])
        promised = np.array([*(np.inf if job.deadline is None else job.deadline for job in jobs), late]) - clock
        after = done_after(start, left, order_by, self._limits.share_tokens)
        if (over := after[-1] - _NEW * promised[-1] * speed) > 0:
            raise self._busy(
                "deadline", f"it would take {after[-1] / speed:.1f} s of the {promised[-1]:.1f} s it has", over
            )
        alone = done_after(start[:-1], left[:-1], order_by[:-1], self._limits.share_tokens)
        room, after = promised[:-1] * speed, after[:-1]
        pushed = (after > alone) & (alone <= room) & (after > _OLD * room)
        if pushed.any():
            raise self._busy(
                "deadline", "requests that were there first would not be done in time", float(alone[pushed].max())
            )

    def _busy(self, reason: Reason, what: str, tokens: float) -> Busy:
        """`tokens`: what has to be done before the same request would be taken on."""
        speed = self._speed.tokens_per_s
        wait_s = tokens / speed if speed > 0 else _SOONEST_S
        return Busy(reason, what, min(max(wait_s, _SOONEST_S), _LATEST_S))
