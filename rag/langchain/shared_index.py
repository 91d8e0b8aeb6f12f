"""One open index that many threads search while another one puts a newer in its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from spaniel.index.index import Index

__all__ = ["SharedIndex"]


class SharedIndex:
    """The newest index, or None before there is one; each is closed when it has been replaced and nobody reads it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest: Index | None = None
        self._readers: dict[int, int] = {}

    @contextmanager
    def reading(self) -> Iterator[Index | None]:
        """The newest index, which stays open inside the block whatever happens to it meanwhile."""
        with self._lock:
            index = self._newest
            if index is not None:
                self._readers[id(index)] = self._readers.get(id(index), 0) + 1
        try:
            yield index
        finally:
            if index is not None:
                with self._lock:
                    self._readers[id(index)] -= 1
                    self._close_unread(index)

    def replace(self, newer: Index | None) -> None:
        """Put another index, or none, in its place."""
        with self._lock:
            older, self._newest = self._newest, newer
            if older is not None:
                self._close_unread(older)

    def _close_unread(self, index: Index) -> None:
        """Close it, if it is not the newest and nobody reads it. The lock is held."""
        if index is not self._newest and not self._readers.get(id(index)):
            self._readers.pop(id(index), None)
            index.close()
