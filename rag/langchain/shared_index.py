"""One open index that many threads search while another one puts a newer in its place."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from spaniel.index.index import Index
from spaniel.retrieval.errors import InvalidInput

__all__ = ["SharedIndex"]


class SharedIndex:
    """The newest index, or None before there is one; each is closed when it has been replaced and nobody reads it.

    Args:
        open_: looks for the index while there is none; None if there still is none.
    """

    def __init__(self, open_: Callable[[], Index | None]) -> None:
        self._open = open_
        self._lock = Lock()
        self._newest: Index | None = None
        self._readers: dict[int, int] = {}
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[Index | None]:
        """The newest index, which stays open inside the block whatever happens to it meanwhile.

        Raises:
            InvalidInput: it has been closed.
        """
        with self._lock:
            if self._closed:
                raise InvalidInput("vector store", "has been closed")
            if self._newest is None:
                self._newest = self._open()
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

    def replace(self, newer: Index) -> None:
        """Put another index in its place."""
        with self._lock:
            older, self._newest = self._newest, newer
            if older is not None:
                self._close_unread(older)

    def close(self) -> None:
        """Close it, once nobody reads it any more."""
        with self._lock:
            self._closed = True
            older, self._newest = self._newest, None
            if older is not None:
                self._close_unread(older)

    def _close_unread(self, index: Index) -> None:
        """Close it, if it is not the newest and nobody reads it. The lock is held."""
        if index is not self._newest and not self._readers.get(id(index)):
            self._readers.pop(id(index), None)
            index.close()
