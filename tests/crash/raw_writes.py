"""Writes to break, on bare transactions: create, add, delete, merge, and a write over the left-overs of a crash."""

from pathlib import Path
from typing import Any

from crash.fork_server import Write
from crash.small_index import add, delete, merge

__all__ = ["WRITES"]


def nothing(path: Path) -> None:
    """No index yet."""


def three_segments(path: Path) -> None:
    for step in (add(1, 2, create=True), add(3), delete(1), add(4, 5)):
        step(path, None)


def left_overs(path: Path) -> None:
    """As after a writer that was killed: files that nothing names, with numbers that must not be used again."""
    three_segments(path)
    for name in ("sparse-00000005-0.bin", "pending-00000005-1.json", "passages-00000005-2.sqlite-journal"):
        (path / name).write_bytes(b"left over")


def add_one(path: Path, seen: Any) -> Any:
    """The next write: one more value, in a new index where there is none."""
    add(99, create=True)(path, None)
    return [*(seen or []), 99]


WRITES = {
    "create": Write(nothing, add(1, 2, create=True), add_one),
    "add": Write(three_segments, add(6, 7), add_one),
    "delete": Write(three_segments, delete(2, 4), add_one),
    "optimize": Write(three_segments, merge, add_one),
    "after a crash": Write(left_overs, add(6), add_one),
}
