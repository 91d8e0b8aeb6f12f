"""Asynchronous twins of blocking calls: a thread for each, an event loop that never waits, and cancelling that works.

The searches and models below are threads' work (native code, sockets); asyncio only waits for them.
"""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import TypeVar

__all__ = ["called", "streamed"]

T = TypeVar("T")
_AHEAD = 64
"""Events that may wait for their reader before the thread waits in turn."""


async def called(work: Callable[[], T]) -> T:
    """What a blocking call returns. Cancelled, the task ends at once; the thread runs to its end unheard."""
    return await asyncio.to_thread(work)


async def streamed(start: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
    """What a blocking iterator gives. Cancelled or closed, the iterator is closed in its thread at its next item."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[tuple[T | None, BaseException | None]] = asyncio.Queue()
    room, stopped = threading.Semaphore(_AHEAD), threading.Event()

    def tell(item: T | None, error: BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(arrived.put_nowait, (item, error))

    def work() -> None:
        error: BaseException | None = StopAsyncIteration()
        try:
            items = start()
            try:
                for item in items:
                    room.acquire()
                    if stopped.is_set():
                        break
                    tell(item, None)
            finally:
                if (close := getattr(items, "close", None)) is not None:
                    close()
        except BaseException as raised:  # noqa: BLE001  # the reader gets it
            error = raised
        tell(None, error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True, name="spaniel-stream")
    thread.start()
    try:
        while True:
            item, error = await arrived.get()
            if isinstance(error, StopAsyncIteration):
                return
            if error is not None:
                raise error
            room.release()
            yield item  # type: ignore[misc]  # there is an item where there is no error
    finally:
        stopped.set()
        room.release()
