"""One line that says how far something has come, how fast it goes, and how long it will take."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

__all__ = ["ProgressLine", "bar", "duration"]

_WIDTH = 24
_EVERY_S = 0.1


class ProgressLine:
    """Rewrites a line of a terminal; a context manager that clears it at the end.

    Written here because `rich.progress` costs more to import than many an index takes to build.
    """

    def __init__(self, stream: TextIO, *, shown: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._shown, self._clock = stream, shown, clock
        self._stage, self._start, self._start_at, self._last = "", 0.0, 0.0, float("-inf")

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.clear()

    def update(self, stage: str, done: float, total: float, items: int = 0, unit: str = "documents") -> None:
        """Show the state if it is time to.

        Args:
            stage: what is being done; rate and ETA begin anew with each.
            done, total: in any unit (bytes, say); they make the bar and the ETA. A total of 0 is unknown.
            items: what the rate counts.
        """
        if not self._shown:
            return
        now = self._clock()
        if stage != self._stage:
            self._stage, self._start, self._start_at, self._last = stage, now, done, float("-inf")
            self._items_at = items
        if now - self._last >= _EVERY_S:
            self._write(now, self._line(now - self._start, done, total, items, unit))

    def say(self, words: str) -> None:
        """Show a line of the caller's own making if it is time to."""
        if self._shown and (now := self._clock()) - self._last >= _EVERY_S:
            self._stage = self._stage or words
            self._write(now, words)

    def _write(self, now: float, line: str) -> None:
        self._last = now
        self._stream.write(f"\r{line}\x1b[K")
        self._stream.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown and self._stage:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._stage = ""

    def _line(self, elapsed_s: float, done: float, total: float, items: int, unit: str) -> str:
        parts = [f"{self._stage:<10}"]
        if total > 0:
            parts.append(bar(done / total))
        if items:
            parts.append(f"{items:,} {unit}")
        if elapsed_s > 0 and items > self._items_at:
            parts.append(f"{(items - self._items_at) / elapsed_s:,.0f}/s")
        gained = done - self._start_at
        if total > 0 and gained > 0 and elapsed_s > 0:
            parts.append(f"ETA {duration(max(total - done, 0) * elapsed_s / gained)}")
        return "  ".join(parts)


def bar(share: float) -> str:
    """`[######..................]  25%`."""
    share = min(share, 1.0)
    filled = int(share * _WIDTH)
    return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {share:4.0%}"


def duration(seconds: float) -> str:
    """`0:07`, `12:30` or `1:02:03`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
