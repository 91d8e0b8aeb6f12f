"""The engine of the rerank server: requests in, scores out; HTTP only adapts its dialects to it.

    score -> admission -> tokenised in threads, some texts at a time -> queue of pairs, over all requests
                                                                          |
    scores <- future of the request <- workers' threads: batch after batch by turn, length and budget

The event loop does nothing that takes long. A request is scored by one model, the one it began with.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from spaniel.models.cpus import usable_cpus
from spaniel.rerank.cross_encoders.base import Pair, PairModel
from spaniel.retrieval.errors import InvalidInput, LimitExceeded
from spaniel.retrieval.types import JSON

from .admission import Admission
from .aside import aside
from .held import Held
from .job import Job
from .limits import Limits
from .metrics import Metrics
from .queue import PairQueue
from .refusals import Busy, DeadlineExceeded, NotReady
from .reload import probe, replacement, warm_up
from .scored import ReloadReport, Scored, State
from .speed import Speed
from .tokenising import USUAL, Group, Reading, check_whole, guess, pieces, tokenised
from .worker import Workers

__all__ = ["Engine"]

_log = logging.getLogger(__name__)

_LEAVING_S = 1.0  # beyond the time of a drain, for batches in hand


class Engine:
    """Scores pairs for many requests at once. All methods are for one event loop.

    Args:
        load: opens a model, called in a thread: with None the one to begin with, else what `reload` was given.
        limits: what is taken on.
        workers: batches that run at once; as many as this process may use cores when None. 1 for a GPU.

    Attributes:
        state: "loading" until `start` has returned, then "ready", "draining" from `drain` on; "failed" without a model.
        metrics: HTTP counts its responses here too.
        limits: as given.
    """

    def __init__(
        self, load: Callable[[str | None], PairModel], *, limits: Limits | None = None, workers: int | None = None
    ) -> None:
        self.limits, self.metrics = limits or Limits(), Metrics()
        self.state: State = "loading"
        self._load, self._n_workers = load, workers or usable_cpus()
        self._speed = Speed(self._n_workers)
        self._queue = PairQueue(self.limits, self._speed, self.metrics.dropped.add)
        self._admission = Admission(self.limits, self._speed)
        self._tokenisers = ThreadPoolExecutor(max(1, usable_cpus() // 2), thread_name_prefix="spaniel-tokenise")
        self._jobs: set[Job] = set()
        self._held: Held | None = None
        self._workers: Workers | None = None
        self._numbers, self._reloading, self._empty = 0, False, asyncio.Event()
        self._empty.set()
        self._show()

    async def start(self) -> None:
        """Load the model, warm it up and try it.

        Raises:
            ModelError: it cannot be used; the state is then "failed". So it is after any other error of `load`.
        """
        try:
            self._held = Held(await aside(self._first, lambda model: model.close()))
        except BaseException:
            self.state = "failed"
            raise
        self._workers = Workers(self._queue, self._n_workers, self._batch_done)
        self.state = "ready"

    async def score(
        self,
        query: str,
        texts: Sequence[str],
        *,
        deadline: float | None = None,
        request_id: str = "",
        reading: Reading = USUAL,
    ) -> Scored:
        """Scores of one query with each text.

        Args:
            query: any string.
            texts: any strings.
            deadline: when the answer is no longer wanted, by `time.monotonic()`.
            request_id: stands in errors' notes.
            reading: how much of the texts.

        Raises:
            LimitExceeded: more texts than one request may have.
            InvalidInput: something is too long and may not be cut; the model has not run.
            Busy: too much is queued.
            NotReady: loading, draining or failed.
            DeadlineExceeded: accepted, but not done in time.
            ModelError: the model failed on these pairs.

        Cancelling the task takes what is left of the request out of the queue.
        """
        return await self._score([(query, texts)], deadline, request_id, reading)

    async def score_pairs(
        self,
        pairs: Sequence[tuple[str, str]],
        *,
        deadline: float | None = None,
        request_id: str = "",
        reading: Reading = USUAL,
    ) -> Scored:
        """Scores of pairs of texts, each with a query of its own; otherwise as `score`."""
        return await self._score([(query, [text]) for query, text in pairs], deadline, request_id, reading)

    async def reload(self, model: str | None = None) -> ReloadReport:
        """Put another model (or the same files, read again when None) in the place of the one that answers.

        Requests go on meanwhile. Both models are in memory until the last request that began with the old one is done.

        Raises:
            Busy: another reload is under way.
            NotReady: there is nothing to replace, or a drain has begun.
            ModelError: the new model cannot be used; the old one goes on. So it does after any other error of `load`.
        """
        old = self._serving()
        if self._reloading:
            raise Busy("reload", "another reload is under way", 5.0)
        self._reloading, old = True, old.hold()
        opened = partial(replacement, self._load, model, old.model, self.limits, self._n_workers)
        try:
            new, report = await aside(opened, lambda found: found[0].close())
            self._switch(new)
        except BaseException as error:
            self.metrics.reloads.add(outcome=_label(error))
            raise
        finally:
            self._reloading = False
            old.let_go()
        self.metrics.reloads.add(outcome="done")
        return report

    async def drain(self, timeout_s: float) -> bool:
        """Take no more requests, wait for those there are, end the workers and close the model.

        True: all of them were answered in time. The others are refused with `NotReady`. A batch that runs a second
        after that is left to itself.
        """
        self.state = "draining"
        end_s = time.monotonic() + timeout_s + _LEAVING_S
        try:
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()
            whole = True
        except TimeoutError:
            whole = False
            for job in self._jobs:
                job.failed(NotReady(self.state))
            with suppress(TimeoutError):
                async with asyncio.timeout(_LEAVING_S):
                    await self._empty.wait()  # each leaves as soon as the texts in hand are tokenised
        self._queue.close()
        if self._workers is not None:
            leaving_s = min(_LEAVING_S, max(0.0, end_s - time.monotonic()))
            if not await aside(partial(self._workers.join, leaving_s)):
                _log.warning("a batch still runs; nobody waits for it")
        self._tokenisers.shutdown(wait=False)
        if self._held is not None:
            self._held.let_go()
            self._held = None
        return whole

    @property
    def healthy(self) -> bool:
        """It can answer, now or when it has loaded: there is a model to come, and no worker has died."""
        dead = self.state in ("ready", "draining") and self._workers is not None and not self._workers.alive
        return self.state != "failed" and not dead

    def info(self) -> Mapping[str, JSON]:
        """What /info tells: the model, the limits, the workers, the state."""
        held, limits = self._held, self.limits
        known: dict[str, JSON] = {
            "state": self.state,
            "model": None,
            "max_documents": limits.documents,
            "batch_tokens": limits.batch_tokens,
            "queue_tokens": limits.queue_tokens,
            "queue_requests": limits.queue_requests,
            "workers": self._n_workers,
            "tokens_per_s": round(self._speed.tokens_per_s),
        }
        if held is not None:
            model = held.model
            known |= {"model": model.name, "sha256": model.sha256, "max_length": model.max_length, **model.info}
        return known

    async def _score(
        self, groups: Sequence[Group], deadline: float | None, request_id: str, reading: Reading
    ) -> Scored:
        begun_s = time.monotonic()
        self.metrics.count.add()
        try:
            scored = await self._answered(groups, deadline, reading)
        except BaseException as error:
            self.metrics.failed(_label(error), time.monotonic() - begun_s)
            if isinstance(error, Busy):
                self.metrics.refused.add(reason=error.reason)
            _log.debug("request %s: %s", request_id or "-", error)
            raise
        self.metrics.scored(scored, time.monotonic() - begun_s)
        return scored

    async def _answered(self, groups: Sequence[Group], deadline: float | None, reading: Reading) -> Scored:
        n_pairs = sum(len(texts) for _, texts in groups)
        self.limits.check(n_pairs)
        held = self._serving()
        if deadline is not None and deadline <= time.monotonic():
            raise DeadlineExceeded(0.0)
        guesses = [guess(query, text, held.model, reading) for query, texts in groups for text in texts]
        self._admission.check(sum(guesses), self._jobs, deadline, self._queue.now)
        job = self._begin(n_pairs, sum(guesses), deadline, held)
        try:
            async with asyncio.timeout_at(_loop_time(deadline)) as timeout:
                await self._tokenise(job, groups, guesses, reading)
                if n_pairs:
                    await job.done
        except TimeoutError:
            if not timeout.expired():
                raise
            raise DeadlineExceeded(time.monotonic() - job.begun_s) from None
        finally:
            self._end(job)
        return job.result()

    def _begin(self, n_pairs: int, tokens: int, deadline: float | None, held: Held) -> Job:
        due = time.monotonic() + self.limits.timeout_s if deadline is None else deadline
        self._numbers += 1
        job = Job(self._numbers, n_pairs, tokens, due, held.hold(), deadline)
        self._jobs.add(job)
        self._empty.clear()
        return job

    async def _tokenise(self, job: Job, groups: Sequence[Group], guesses: Sequence[int], reading: Reading) -> None:
        """Queue the pairs of a request, some at a time; between two goes other requests have theirs. Where nothing
        may be cut, they are queued once all of them are known.
        """
        place, rest, known = 0, sum(guesses), list[Pair]()
        for piece in pieces(groups):
            held = job.held.hold()
            going = self._tokenisers.submit(tokenised, held.model, piece, reading)
            going.add_done_callback(lambda _, held=held: held.let_go())  # type: ignore[misc]
            pairs = await asyncio.wrap_future(going)
            if job.done.done():  # it has failed already
                return
            rest -= sum(guesses[place : place + len(pairs)])
            job.tokenised(pairs, rest=rest)
            if reading.cut:
                self._queue.put(job, place, pairs)
            else:
                known += pairs
            place += len(pairs)
        if known:
            check_whole(known)
            self._queue.put(job, 0, known)

    def _end(self, job: Job) -> None:
        self._jobs.discard(job)
        self._queue.drop(job)
        if not job.done.cancel() and not job.done.cancelled():
            job.done.exception()  # nobody else may have looked
        job.held.let_go()
        if not self._jobs:
            self._empty.set()

    def _serving(self) -> Held:
        if self.state != "ready" or self._held is None:
            raise NotReady(self.state)
        return self._held

    def _switch(self, new: PairModel) -> None:
        """Raises:
        NotReady: a drain has begun; the new model is closed.
        """
        try:
            old = self._serving()
        except NotReady:
            new.close()
            raise
        self._held = Held(new)
        old.let_go()

    def _first(self) -> PairModel:
        model = self._load(None)
        try:
            self._speed.batch(*warm_up(model, self.limits, self._n_workers))
            probe(model)
        except BaseException:
            model.close()
            raise
        return model

    def _batch_done(self, lengths: list[int], seconds: float) -> None:
        self._speed.batch(sum(lengths), seconds)
        self.metrics.batch(lengths, seconds)

    def _show(self) -> None:
        gauge = self.metrics.gauge
        gauge("te_queue_size", "Pairs that wait.", lambda: self._queue.pairs)
        gauge("spaniel_queue_tokens", "Tokens that wait.", lambda: self._queue.tokens)
        gauge("spaniel_active_requests", "Requests that wait or run.", lambda: len(self._jobs))
        gauge("spaniel_tokens_per_second", "Of late batches, all workers.", lambda: self._speed.tokens_per_s)
        gauge("spaniel_ready", "1 while requests are taken.", lambda: self.state == "ready" and self.healthy)


def _loop_time(deadline: float | None) -> float | None:
    """The same moment by the event loop's clock."""
    return None if deadline is None else asyncio.get_running_loop().time() + deadline - time.monotonic()


def _label(error: BaseException) -> str:
    """One of few words, for a metric."""
    for kind, label in _LABELS.items():
        if isinstance(error, kind):
            return label
    return "inference"


_LABELS: Mapping[type[BaseException], str] = {
    LimitExceeded: "validation",
    InvalidInput: "validation",
    Busy: "overloaded",
    NotReady: "not_ready",
    DeadlineExceeded: "deadline",
    asyncio.CancelledError: "cancelled",
}
