"""Several calls at once, in threads of their own; results and errors come in the order of the calls.

For calls that let go of the interpreter's lock (native kernels, encoders, network): with Python code nothing is won. A
thread is made for each call but the first, which runs in the caller's: about 0.1 ms, and no pool to fill up when calls
nest.
"""

import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["side_by_side"]

T = TypeVar("T")


def side_by_side(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What each call returned.

    Raises:
        The error of the first call in order that failed, once all have ended.
    """
    results: list[T | None] = [None] * len(calls)
    errors: list[BaseException | None] = [None] * len(calls)

    def work(place: int) -> None:
        try:
            results[place] = calls[place]()
        except BaseException as error:  # noqa: BLE001  # the caller gets it
            errors[place] = error

    threads = [
        threading.Thread(target=contextvars.copy_context().run, args=(work, place), daemon=True)
        for place in range(1, len(calls))
    ]
    for thread in threads:
        thread.start()
    if calls:
        work(0)
    for thread in threads:
        thread.join()
    for error in errors:
        if error is not None:
            raise error
    return results  # type: ignore[return-value]  # every place was filled
