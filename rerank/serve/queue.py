"""The queue of pairs, over all requests: asyncio puts them in, workers' threads take batches out."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from threading import Condition

import numpy as np

from spaniel.rerank.cross_encoders.base import Pair

from .job import Job
from .limits import Limits
from .scheduler import Turn, VirtualTime, best_run

__all__ = ["PairQueue", "Queued"]

_WINDOW_BATCHES = 16  # of pairs: looked at for a batch, however short they are


@dataclass(frozen=True, slots=True, eq=False)
class Queued:
    """One pair: whose it is, and when its turn comes."""

    turn: Turn
    pair: Pair
    job: Job


class PairQueue:
    """Sorted by turn. Nobody waits for company: a free worker takes what there is."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._time = limits, VirtualTime(limits.share_tokens)
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
            self._idle += 1
            while self._open and not self._waiting:
                self._changed.wait()
            self._idle -= 1
            return self._batch() if self._open else []

    def drop(self, job: Job) -> int:
        """Take a request's pairs out; how many there were."""
        with self._changed:
            found = self._jobs.pop(job, 0)
            if found:
                self._tokens -= sum(len(each.pair) for each in self._waiting if each.job is job)
                self._waiting = [each for each in self._waiting if each.job is not job]
            return found

    def close(self) -> None:
        """Every worker gets an empty batch; what waits is left."""
        with self._changed:
            self._open = False
            self._changed.notify_all()

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
        held, room, window = self._waiting[0].job.held, self._limits.window_tokens, []
        most = _WINDOW_BATCHES * self._limits.batch_pairs
        for each in self._waiting:
            if each.job.held is held:
                window.append(each)
                room -= len(each.pair)
            if room <= 0 or len(window) == most:
                break
        return window

    def _budget(self) -> int:
        """What waits is shared out over the workers that are free, so that none of them stands by."""
        return min(self._limits.batch_tokens, -(-self._tokens // (1 + self._idle)))

    def _taken(self, chosen: Sequence[Queued]) -> None:
        tokens = sum(len(each.pair) for each in chosen)
        self._time.served(tokens, len(self._jobs))
        self._tokens -= tokens
        chosen[0].job.held.hold()
        for each in chosen:
            self._jobs[each.job] -= 1
            if not self._jobs[each.job]:
                del self._jobs[each.job]
