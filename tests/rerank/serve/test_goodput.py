"""Three times what the model can do, played out by a clock of the test's own: nothing waits, nothing depends on time.

Admission, the queue and requests are the server's; arrivals and batches take the time that the test says.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Sequence
from itertools import count

import numpy as np
import pytest
from contracts.fake_pair_model import FakePairModel

from spaniel.rerank.cross_encoders.base import Pair
from spaniel.rerank.serve.admission import Admission
from spaniel.rerank.serve.held import Held
from spaniel.rerank.serve.job import Job
from spaniel.rerank.serve.limits import Limits
from spaniel.rerank.serve.queue import PairQueue, Queued
from spaniel.rerank.serve.refusals import Busy
from spaniel.rerank.serve.speed import Speed

_TOKENS_PER_S, _TIMEOUT_S, _SECONDS = 10_000, 5.0, 40.0
_SIZES = [1] * 2 + [2] * 2 + [5] * 6 + [10] * 6 + [20] * 3 + [50] + [200]


class Play:
    """Two workers of half the speed each, and requests that arrive by chance.

    Attributes:
        became, tokens: outcome -> requests, tokens.
        ran: tokens that went through the model.
    """

    def __init__(self, times_too_much: float, seed: int) -> None:
        self.now, self.became, self.tokens, self.ran = 0.0, Counter[str](), Counter[str](), 0
        self.limits, self.speed = Limits(), Speed(2)
        self.queue = PairQueue(self.limits, self.speed, clock=lambda: self.now)
        self.admission = Admission(self.limits, self.speed, clock=lambda: self.now)
        self.jobs, self.numbers = set[Job](), count()
        self.held, self.free = Held(FakePairModel()), 2
        self.running: list[tuple[float, int, list[Queued]]] = []
        self.rng, self.times_too_much = np.random.default_rng(seed), times_too_much

    def arrivals(self) -> list[tuple[float, list[Pair]]]:
        mean = float(np.mean(_SIZES)) * 97
        at = np.cumsum(self.rng.exponential(mean / (self.times_too_much * _TOKENS_PER_S), 3000))
        return [(float(each), self.pairs(int(self.rng.choice(_SIZES)))) for each in at[at < _SECONDS]]

    def pairs(self, n: int) -> list[Pair]:
        lengths = np.clip(np.exp(self.rng.normal(np.log(90), 0.45, n)), 8, 512).astype(int)
        return [Pair(np.zeros(each, np.int64), np.zeros(each, np.int64), False) for each in lengths]

    async def run(self) -> None:
        for number, (at, pairs) in enumerate(self.arrivals()):
            await self.until(at)
            await self.arrive(number, pairs)
        await self.until(1e9)

    async def arrive(self, number: int, pairs: Sequence[Pair]) -> None:
        tokens, deadline = sum(map(len, pairs)), self.now + _TIMEOUT_S
        try:
            self.admission.check(tokens, self.jobs, deadline, self.queue.now)
        except Busy:
            self.count("refused", tokens)
            return
        job = Job(number, len(pairs), tokens, deadline, self.held, deadline)
        self.jobs.add(job)
        job.tokenised(pairs, rest=0)
        self.queue.put(job, 0, pairs)
        await self.start()

    async def until(self, at: float) -> None:
        while self.running and self.running[0][0] <= at:
            self.now, _, batch = heapq.heappop(self.running)
            self.free += 1
            seconds = self.seconds(batch)
            self.speed.batch(sum(len(each.pair) for each in batch), seconds)
            for each in batch:
                each.job.answered([each.turn.place], np.zeros(1, np.float32), len(each.pair), 0.0, 0.0)
            await self.leave()
            await self.start()
        self.now = max(self.now, min(at, _SECONDS + 1e6))

    async def leave(self) -> None:
        """Whoever is done or late."""
        await asyncio.sleep(0)
        for job in [job for job in self.jobs if job.done.done() or job.due < self.now]:
            good = job.done.done() and job.done.exception() is None and self.now <= job.due
            self.count("answered" if good else "late", job.tokens)
            self.jobs.discard(job)
            self.queue.drop(job)

    async def start(self) -> None:
        while self.free and self.queue.pairs:
            if not (batch := self.queue._whole_batch()):
                await self.leave()
                continue
            self.free -= 1
            self.ran += sum(len(each.pair) for each in batch)
            heapq.heappush(self.running, (self.now + self.seconds(batch), next(self.numbers), batch))

    def seconds(self, batch: Sequence[Queued]) -> float:
        return 2 * len(batch) * max(len(each.pair) for each in batch) / _TOKENS_PER_S

    def count(self, what: str, tokens: int) -> None:
        self.became[what] += 1
        self.tokens[what] += tokens


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_taken_on_at_three_times_too_much_is_answered_in_time(seed: int) -> None:
    async def test() -> Play:
        play = Play(3.0, seed)
        await play.run()
        return play

    play = asyncio.run(test())
    became, tokens = play.became, play.tokens
    assert not play.jobs and play.queue.pairs == 0
    assert became["late"] <= 0.01 * (became["late"] + became["answered"]), became
    assert tokens["answered"] >= 0.97 * play.ran, (tokens, play.ran)
    assert tokens["answered"] >= 0.85 * _TOKENS_PER_S * _SECONDS, tokens
    assert became["refused"] > became["answered"] / 2
