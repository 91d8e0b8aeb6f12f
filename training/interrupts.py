"""Ctrl-C while a model trains: at once where nothing is half done, else after the step."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupts"]


class Interrupts:
    """Knows whether to stop; a context manager around the whole training.

    The first Ctrl-C during a step waits until the weights are those of a whole step; the second ends it at once. Only
    the main thread can be told by a signal, and only where nobody else listens for it.

    Args:
        stop: set by somebody else to stop as Ctrl-C does; None for nobody.
    """

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()
        self._at_once = False
        self._listening = False

    def __enter__(self) -> "Interrupts":
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._asked)
            self._listening = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._listening:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._listening = False

    @property
    def asked(self) -> bool:
        """Whether somebody wants to stop."""
        return self._stop.is_set()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Inside, Ctrl-C raises KeyboardInterrupt: what is done there leaves weights and moments alone."""
        try:
            self._at_once = True
            yield
        finally:
            self._at_once = False

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self._at_once or self._stop.is_set():
            raise KeyboardInterrupt
        self._stop.set()
