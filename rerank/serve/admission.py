"""Which requests are taken on: whole ones, before anything has been done for them.

What counts is the work that would go before a request. Under fair shares (`scheduler.py`) that is, of each request that
is there, no more tokens than the new one has itself; so behind one request of half a million tokens a small one waits a
moment and is taken on, and a large one beside small ones is not refused for its size. Full means that this work is
above `Limits.queue_tokens`, or would not be done by the deadline at the speed measured so far.
"""

import time
from collections.abc import Collection
from threading import Lock

from .job import Job
from .limits import Limits
from .refusals import Busy, Reason

__all__ = ["Admission", "Speed"]

_WEIGHT = 0.05  # of the newest batch
_SOONEST_S, _LATEST_S = 1.0, 60.0


class Speed:
    """Tokens a second, all workers together: of late batches, weighted by time."""

    def __init__(self, workers: int) -> None:
        self._workers, self._tokens, self._seconds, self._lock = workers, 0.0, 0.0, Lock()

    def batch(self, tokens: int, seconds: float) -> None:
        """One worker did this much."""
        with self._lock:
            self._tokens += _WEIGHT * (tokens - self._tokens)
            self._seconds += _WEIGHT * (seconds - self._seconds)

    @property
    def tokens_per_s(self) -> float:
        """0 before the first batch."""
        with self._lock:
            return self._workers * self._tokens / self._seconds if self._seconds > 0 else 0.0


class Admission:
    """Looks at the requests that are there; keeps no count of its own that could go wrong."""

    def __init__(self, limits: Limits, speed: Speed) -> None:
        self._limits, self._speed = limits, speed

    def check(self, tokens: int, jobs: Collection[Job], deadline: float | None) -> None:
        """May a request of about so many tokens join these?

        Raises:
            Busy: no. With nobody there it is always yes.
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
        speed = self._speed.tokens_per_s
        if deadline is not None and speed > 0:
            late_s = (before + tokens) / speed - (deadline - time.monotonic())
            if late_s > 0:
                raise self._busy("deadline", f"it would be done {late_s:.1f} s after its deadline", int(late_s * speed))

    def _busy(self, reason: Reason, what: str, tokens: int) -> Busy:
        """`tokens`: what has to be done before the same request would be taken on."""
        speed = self._speed.tokens_per_s
        wait_s = tokens / speed if speed > 0 else _SOONEST_S
        return Busy(reason, what, min(max(wait_s, _SOONEST_S), _LATEST_S))
