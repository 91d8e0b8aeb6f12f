"""The queue of pairs, over all requests: asyncio puts them in, workers' threads take batches out."""

import logging
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from threading import Condition

import numpy as np

from spaniel.rerank.cross_encoders.base import Pair
from spaniel.retrieval.errors import ModelError

from .job import Job
from .limits import Limits
from .refusals import DeadlineExceeded
from .scheduler import Turn, VirtualTime, best_run
from .speed import Speed

__all__ = ["PairQueue", "Queued"]

_WINDOW_BATCHES = 16  # of pairs: looked at for a batch, however short they are
_OF_TIME_LEFT = 0.125  # of the most urgent request: no window is longer, or what is due next would wait for what is not
_LEAST_BATCHES = 4  # but a window has these
_HOPELESS = 1.25  # times the whole model would be needed for what is left of a request in the time that it has

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Queued:
    """One pair: whose it is, and when its turn comes."""

    turn: Turn
    pair: Pair
    job: Job


class PairQueue:
    """Sorted by turn. Nobody waits for company: a free worker takes what there is.

    Args:
        limits: of a batch, a window and a turn.
        speed: what deadlines are held against.
        on_drop: told how many pairs left without having been run.
        clock: in seconds, that of deadlines.
    """

    def __init__(
        self,
        limits: Limits,
        speed: Speed,
        on_drop: Callable[[int], None] = lambda n_pairs: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits, self._speed, self._time = limits, speed, VirtualTime(limits.share_tokens)
        self._on_drop, self._clock = on_drop, clock
        self._waiting: list[Queued] = []
        self._jobs: dict[Job, int] = {}  # pairs of each that wait
        self._tokens, self._idle, self._open = 0, 0, True
        self._changed = Condition()

    @property
    def pairs(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def tokens(self) -> int:
        """What those have together."""
        return self._tokens

    @property
    def now(self) -> float:
        """Virtual time."""
        return self._time.now

    def put(self, job: Job, first: int, pairs: Sequence[Pair]) -> None:
        """Queue pairs of a request, of which the first one's score goes to the place `first`."""
        with self._changed:
            job.tag = self._time.begin(job.tag)
            for place, pair in enumerate(pairs, first):
                turn = Turn(self._time.turn(job.tag), job.due, job.number, place)
                insort(self._waiting, Queued(turn, pair, job), key=attrgetter("turn"))
                job.tag += len(pair)
                self._tokens += len(pair)
            self._jobs[job] = self._jobs.get(job, 0) + len(pairs)
            self._changed.notify_all()

    def take(self) -> list[Queued]:
        """The next batch, of pairs of one model, which is held for it; waits for one. Empty: the queue was closed."""
        with self._changed:
            while self._open:
                self._idle += 1
                while self._open and not self._waiting:
                    self._changed.wait()
                self._idle -= 1
                if self._waiting and self._open and (batch := self._whole_batch()):
                    return batch
            return []

    def drop(self, job: Job) -> None:
        """Take a request's pairs out."""
        with self._changed:
            found = self._jobs.pop(job, 0)
            if found:
                self._tokens -= sum(len(each.pair) for each in self._waiting if each.job is job)
                self._waiting = [each for each in self._waiting if each.job is not job]
                self._on_drop(found)

    def close(self) -> None:
        """Every worker gets an empty batch; what waits is left."""
        with self._changed:
            self._open = False
            self._changed.notify_all()

    def _whole_batch(self) -> list[Queued]:
        """The next batch. Empty: the most urgent request cannot be done any more, or cannot be understood, and left."""
        first = self._waiting[0].job
        try:
            if not self._hopeless(first):
                return self._batch()
            first.failed(DeadlineExceeded(time.monotonic() - first.begun_s))
        except Exception as error:  # noqa: BLE001 - the worker goes on
            _log.exception("no batch can be made; a request is given up")
            first.failed(ModelError(f"the queue failed ({type(error).__name__}: {error})"))
        self.drop(first)
        return []

    def _hopeless(self, job: Job) -> bool:
        """Others wait, and it would be late although it had the model for itself."""
        speed = self._speed.tokens_per_s
        if job.deadline is None or len(self._jobs) < 2 or speed == 0:
            return False
        return job.left > _HOPELESS * speed * (job.deadline - self._clock())

    def _batch(self) -> list[Queued]:
        window = self._window()
        order = np.argsort([len(each.pair) for each in window], kind="stable")
        lengths = np.array([len(each.pair) for each in window], np.int64)[order]
        head = int(np.flatnonzero(order == 0)[0])
        run = best_run(lengths, head, budget=self._budget(), limit=self._limits.batch_pairs)
        places = order[run].tolist()
        chosen = [window[place] for place in places]
        for place in sorted(places, reverse=True):
            del self._waiting[bisect_left(self._waiting, window[place].turn, key=attrgetter("turn"))]
        self._taken(chosen)
        return chosen

    def _window(self) -> list[Queued]:
        """The most urgent pairs that may go with the first: of its model."""
        held, room, window = self._waiting[0].job.held, self._window_tokens(), list[Queued]()
        most = _WINDOW_BATCHES * self._limits.batch_pairs
        for each in self._waiting:
            if each.job.held is held:
                window.append(each)
                room -= len(each.pair)
            if room <= 0 or len(window) == most:
                break
        return window

    def _window_tokens(self) -> float:
        """No more than is done in a part of the time that the most urgent request has left."""
        due, speed = self._waiting[0].job.deadline, self._speed.tokens_per_s
        if due is None or speed == 0:
            return self._limits.window_tokens
        least = _LEAST_BATCHES * self._limits.batch_tokens
        return min(self._limits.window_tokens, max(least, _OF_TIME_LEFT * speed * (due - self._clock())))

    def _budget(self) -> int:
        """What waits is shared out over the workers that are free, so that none of them stands by."""
        return min(self._limits.batch_tokens, -(-self._tokens // (1 + self._idle)))

    def _taken(self, chosen: Sequence[Queued]) -> None:
        tokens = sum(len(each.pair) for each in chosen)
        self._time.served(tokens, len(self._jobs))
        self._tokens -= tokens
        for each in chosen:
            self._jobs[each.job] -= 1
            if not self._jobs[each.job]:
                del self._jobs[each.job]
        chosen[0].job.held.hold()
