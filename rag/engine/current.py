"""The parts of an engine over the generation that its index shows, made anew once the index has moved on.

A retriever keeps the generation that it was made over. After `Index.reopen` an engine that kept its retrievers would
answer from what has been deleted, and verify its citations there; so every call asks here first.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from .parts import Parts
from .run import Run

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["Current"]


class Current:
    """Makes the parts, and what runs them. Safe to use from several threads.

    Args:
        index: whose generation is meant.
        make: the parts over the index as it is now. It is given those of the generation before, of which it takes over
            what is not the index's (what policies have learned, connections), or None the first time.
        run_of: what answers questions over parts.
    """

    def __init__(self, index: "Index", make: Callable[[Parts | None], Parts], run_of: Callable[[Parts], Run]) -> None:
        self._index, self._make, self._run_of = index, make, run_of
        self._lock = threading.Lock()
        self.last = run_of(make(None))

    def run(self) -> Run:
        """Over the generation that the index shows now; milliseconds where it is another one than at the last call,
        and what opening the models of a file costs.

        Raises:
            InvalidInput: a part that the caller made belongs to the generation before.
        """
        with self._lock:
            if self.last.parts.documents is not self._index.passages:
                self.last = self._run_of(self._make(self.last.parts))
            return self.last
