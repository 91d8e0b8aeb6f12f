"""How fast the model goes: what admission, deadlines and `Retry-After` are reckoned from."""

from threading import Lock

__all__ = ["Speed"]

_WEIGHT = 0.05  # of the newest batch


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
