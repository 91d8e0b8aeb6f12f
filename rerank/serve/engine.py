"""The engine of the rerank server: requests in, scores out; HTTP only adapts its dialects to it.

(First version: one thread, no queue.)
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from spaniel.rerank.cross_encoders.base import PairModel
from spaniel.retrieval.types import JSON

from .limits import Limits
from .metrics import Metrics
from .refusals import NotReady
from .scored import ReloadReport, Scored, State

__all__ = ["Engine"]


class Engine:
    """Scores pairs for many requests at once. All methods are for one event loop.

    Args:
        load: opens a model, called in a thread: with None the one to begin with, else what `reload` was given.
        limits: what is taken on.
        workers: batches that run at once; as many as this process may use cores when None.

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
        self._load, self._workers = load, workers or 1
        self._model: PairModel | None = None

    async def start(self) -> None:
        """Load the model and warm it up.

        Raises:
            ModelError: it cannot be loaded; the state is then "failed".
        """
        try:
            self._model = await asyncio.to_thread(self._load, None)
        except BaseException:
            self.state = "failed"
            raise
        self.state = "ready"

    async def score(
        self, query: str, texts: Sequence[str], *, deadline: float | None = None, request_id: str = ""
    ) -> Scored:
        """Scores of one query with each text.

        Args:
            query: any string.
            texts: any strings, at least one.
            deadline: when the answer is no longer wanted, by `time.monotonic()`.
            request_id: for the log.

        Raises:
            LimitExceeded: more texts than one request may have.
            Busy: too much is queued.
            NotReady: loading, draining or failed.
            DeadlineExceeded: accepted, but not done in time.
            ModelError: the model failed on these pairs.

        Cancelling the task takes what is left of the request out of the queue.
        """
        return await self.score_pairs([(query, text) for text in texts], deadline=deadline, request_id=request_id)

    async def score_pairs(
        self, pairs: Sequence[tuple[str, str]], *, deadline: float | None = None, request_id: str = ""
    ) -> Scored:
        """Scores of pairs of texts, each with a query of its own; otherwise as `score`."""
        self.limits.check(len(pairs))
        if self.state != "ready" or self._model is None:
            raise NotReady(self.state)
        model, begun = self._model, time.monotonic()
        found = [model.tokenised(query, [text])[0] for query, text in pairs]
        logits = await asyncio.to_thread(model.logits, found)
        tokens, truncated = sum(map(len, found)), sum(pair.truncated for pair in found)
        scored = Scored(logits.astype(np.float64), tokens, truncated, 0.0, 0.0, time.monotonic() - begun, model.name)
        self.metrics.scored(scored, time.monotonic() - begun)
        return scored

    async def reload(self, model: str | None = None) -> ReloadReport:
        """Put another model (or the same files, read again when None) in the place of the one that answers.

        Requests go on meanwhile; each is scored by one model, the one it began with.

        Raises:
            Busy: another reload is under way.
            NotReady: there is nothing to replace.
            ModelError: the new model cannot be used; the old one goes on.
        """
        raise NotReady(self.state)

    async def drain(self, timeout_s: float) -> bool:
        """Take no more requests and wait for those there are. True: all of them were answered in time."""
        self.state = "draining"
        return True

    def info(self) -> Mapping[str, JSON]:
        """What /info tells: the model, the limits, the workers, the state."""
        model = self._model
        if model is None:
            return {"state": self.state, "model": None}
        return {"state": self.state, "model": model.name, "sha256": model.sha256, "max_length": model.max_length}
