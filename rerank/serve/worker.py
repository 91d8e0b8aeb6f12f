"""Threads that run batches.

One thread runs one batch at a time on a session of one thread: threads of the same number inside one session would wait
for each other at every layer. A batch that fails is run again request by request, so that a request whose pairs the
model cannot stand fails alone.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import ModelError, SpanielError

from .queue import PairQueue, Queued

__all__ = ["Workers"]

_log = logging.getLogger(__name__)


class Workers:
    """They start at once and end when the queue is closed.

    Args:
        queue: where batches come from.
        n: how many.
        on_batch: told the lengths of each batch and the seconds it took, from the worker's thread.
    """

    def __init__(self, queue: PairQueue, n: int, on_batch: Callable[[list[int], float], None]) -> None:
        self._queue, self._on_batch = queue, on_batch
        self._threads = [
            threading.Thread(target=self._work, name=f"spaniel-rerank-{number}", daemon=True) for number in range(n)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """All of them."""
        return all(thread.is_alive() for thread in self._threads)

    def join(self, timeout_s: float) -> bool:
        """Wait for all to have ended, as they do after the batch in hand once the queue is closed; not longer than
        this. Whether they have.
        """
        until_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until_s - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while batch := self._queue.take():
            held = batch[0].job.held
            try:
                self._run(batch)
            except Exception as error:  # noqa: BLE001 - a mistake beside the model fails requests, never the worker
                _log.exception("a batch of %d pairs failed", len(batch))
                for job in {each.job for each in batch}:
                    job.failed(ModelError(f"the server failed ({type(error).__name__}: {error})"))
            finally:
                del batch  # its arrays are not to wait for the next
                held.let_go()

    def _run(self, batch: Sequence[Queued]) -> None:
        begun_s = time.monotonic()
        try:
            logits = _logits(batch)
        except Exception as error:  # noqa: BLE001 - whatever a model raises fails requests, never the worker
            self._failed(batch, error)
            return
        ended_s = time.monotonic()
        self._on_batch([len(each.pair) for each in batch], ended_s - begun_s)
        for job, rows in groupby(
            sorted(range(len(batch)), key=lambda row: batch[row].turn.number), lambda row: batch[row].job
        ):
            mine = list(rows)
            tokens = sum(len(batch[row].pair) for row in mine)
            job.answered([batch[row].turn.place for row in mine], logits[mine], tokens, begun_s, ended_s)

    def _failed(self, batch: Sequence[Queued], error: Exception) -> None:
        jobs = list(dict.fromkeys(each.job for each in batch))
        if len(jobs) > 1:
            for job in jobs:
                self._run([each for each in batch if each.job is job])
            return
        _log.warning("a batch of %d pairs failed: %s", len(batch), error)
        known = isinstance(error, SpanielError)
        jobs[0].failed(error if known else ModelError(f"{jobs[0].held.model.name}: {type(error).__name__}: {error}"))


def _logits(batch: Sequence[Queued]) -> NDArray[np.float32]:
    """float32 (n,).

    Raises:
        ModelError: another shape.
    """
    model = batch[0].job.held.model
    logits = model.logits([each.pair for each in batch])
    if logits.shape != (len(batch),):
        raise ModelError(f"{model.name}: scores of shape {logits.shape} for {len(batch)} pairs")
    return logits
