"""A table on the terminal that grows while something works, with the progress line below it."""

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TextIO

from .console import Console
from .progress import ProgressLine

__all__ = ["LiveTable"]


class LiveTable:
    """Lines on stderr that are rewritten in place; a context manager that takes them away at the end.

    Silent unless stderr is a terminal. What is done stands in lines, what is going on in the progress line below.
    """

    def __init__(self, console: Console, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty() and not console.quiet and not console.json
        self.progress = ProgressLine(self._stream, shown=self._shown)
        self._n_lines = 0

    def show(self, lines: Sequence[str]) -> None:
        """These lines instead of those before."""
        if not self._shown:
            return
        self._erase()
        self._stream.write("".join(f"{line}\n" for line in lines))
        self._stream.flush()
        self._n_lines = len(lines)

    def _erase(self) -> None:
        self.progress.clear()
        if self._n_lines:
            self._stream.write(f"\x1b[{self._n_lines}F\x1b[J")
        self._n_lines = 0

    def __enter__(self) -> "LiveTable":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._shown:
            self._erase()
            self._stream.flush()
