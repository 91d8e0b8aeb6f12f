"""A model that is closed when nobody uses it any more.

A reload puts another in its place while requests still hold the old one: they keep it until their last batch is done.
"""

from threading import Lock

from spaniel.rerank.cross_encoders.base import PairModel

__all__ = ["Held"]


class Held:
    """A model and how many hold it: the engine, each request that was tokenised by it, each batch that runs."""

    def __init__(self, model: PairModel) -> None:
        self.model = model
        self._holders, self._lock = 1, Lock()

    def hold(self) -> "Held":
        """One more; to be called by somebody who holds it already, or knows that somebody does."""
        with self._lock:
            self._holders += 1
        return self

    def let_go(self) -> None:
        """One less; the last closes the model."""
        with self._lock:
            self._holders -= 1
            last = self._holders == 0
        if last:
            self.model.close()
