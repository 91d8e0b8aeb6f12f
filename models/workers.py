"""Batches side by side: a pool of threads that is opened when there is something to share out, and closed once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
from numpy.typing import NDArray

__all__ = ["Workers"]


class Workers:
    """Runs batches, so many at once. Safe to call from several threads.

    Args:
        threads: 1 runs them one after another in the caller's thread.
        name: what the threads are called.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._threads, self._name = max(1, threads), name
        self._pool: ThreadPoolExecutor | None = None
        self._opening = Lock()

    def each(self, run: Callable[[NDArray[np.int64]], None], batches: Sequence[NDArray[np.int64]]) -> None:
        """Run every batch; returns when all are done, with the first error if there was one."""
        if self._threads == 1 or len(batches) == 1:
            for places in batches:
                run(places)
            return
        with self._opening:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)
            pool = self._pool
        for _ in pool.map(run, batches):
            pass

    def close(self) -> None:
        """End the threads."""
        with self._opening:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()
