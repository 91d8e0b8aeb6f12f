"""Long work in a thread that the process does not wait for when it ends; `asyncio.to_thread` would."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["aside"]

T = TypeVar("T")


def aside(work: Callable[[], T], unused: Callable[[T], None] = lambda found: None) -> "asyncio.Future[T]":
    """The outcome of `work`, run in a daemon thread.

    Args:
        work: not interrupted when the future is cancelled.
        unused: given the outcome that nobody waits for any more.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(found: T | None, error: BaseException | None) -> None:
        if error is not None:
            if not future.done():
                future.set_exception(error)
        elif future.done():
            unused(found)  # type: ignore[arg-type]
        else:
            future.set_result(found)  # type: ignore[arg-type]

    def run() -> None:
        try:
            found, error = work(), None
        except BaseException as raised:  # noqa: BLE001 - whoever waits gets it
            found, error = None, raised
        try:
            loop.call_soon_threadsafe(tell, found, error)
        except RuntimeError:  # the loop has been closed
            if error is None:
                unused(found)  # type: ignore[arg-type]

    threading.Thread(target=run, name="spaniel-rerank-aside", daemon=True).start()
    return future
