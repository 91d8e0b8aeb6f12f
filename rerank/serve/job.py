"""One request while it is in the engine: what is still to be done, and what has come back."""

import asyncio
import time
from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from spaniel.rerank.cross_encoders.base import Pair

from .held import Held
from .scored import Scored

__all__ = ["Job"]


class Job:
    """Made in the event loop; workers bring results from their threads.

    Args:
        number: of its arrival; a smaller one goes first where all else is equal.
        n_pairs: how many scores it waits for.
        tokens: what they are thought to have, before anybody knows.
        due: its deadline, or what stands for one, by `time.monotonic()`; decides whose turn it is.
        held: the model that scores all of them.
        deadline: when it is given up; None: never.

    Attributes:
        done: a future of the event loop: all scores are there, or an error.
        tag: virtual time of its next pair (`scheduler.py`); the queue's.
        truncated: passages that were cut.
        truncated_queries: pairs whose query was.
    """

    def __init__(
        self, number: int, n_pairs: int, tokens: int, due: float, held: Held, deadline: float | None = None
    ) -> None:
        self.number, self.due, self.held, self.deadline = number, due, held, deadline
        self.tag, self.tokens = 0.0, 0
        self.truncated = self.truncated_queries = 0
        self.begun_s = self.tokenised_s = self.queued_s = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self._loop.create_future()
        self._logits = np.zeros(n_pairs, np.float64)
        self._missing, self._unseen, self._known = n_pairs, tokens, 0
        self._first_s, self._last_s, self._lock = 0.0, 0.0, Lock()

    @property
    def left(self) -> int:
        """Tokens that are still to go through the model: counted where tokenised, guessed where not."""
        return self._unseen + self._known

    def end(self, now: float) -> float:
        """Virtual time behind its last token, those that are not in the queue yet among them."""
        return max(self.tag, now) + self._unseen

    def tokenised(self, pairs: Sequence[Pair], *, rest: int) -> None:
        """These pairs are known now; `rest` is the guess for those that are not."""
        tokens = sum(map(len, pairs))
        self.tokenised_s = time.monotonic()
        if not self.tokens:
            self.queued_s = self.tokenised_s
        with self._lock:
            self._unseen, self._known = rest, self._known + tokens
        self.tokens += tokens
        self.truncated += sum(pair.passage_cut for pair in pairs)
        self.truncated_queries += sum(pair.query_cut for pair in pairs)

    def answered(
        self, places: Sequence[int], logits: NDArray[np.float32], tokens: int, begun_s: float, ended_s: float
    ) -> None:
        """A batch is done; from a worker's thread."""
        with self._lock:
            self._logits[list(places)] = logits
            self._known -= tokens
            self._missing -= len(places)
            self._first_s = min(self._first_s or begun_s, begun_s)
            self._last_s = max(self._last_s, ended_s)
            whole = self._missing == 0
        if whole:
            self._tell(None)

    def failed(self, error: BaseException) -> None:
        """No answer will come; from any thread, also more than once."""
        self._tell(error)

    def result(self) -> Scored:
        """Once `done` has no error."""
        return Scored(
            logits=self._logits,
            tokens=self.tokens,
            truncated=self.truncated,
            truncated_queries=self.truncated_queries,
            queue_s=max(0.0, self._first_s - self.queued_s),
            tokenise_s=self.tokenised_s - self.begun_s,
            inference_s=self._last_s - self._first_s,
            model=self.held.model.name,
        )

    def _tell(self, error: BaseException | None) -> None:
        def tell() -> None:
            if self.done.done():
                return
            if error is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(error)

        if not self._loop.is_closed():  # a loop that is gone has nobody who waits
            self._loop.call_soon_threadsafe(tell)
