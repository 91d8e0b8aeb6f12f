"""What a long operation tells about how far it is."""

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["OnProgress", "Progress", "Reporter"]


@dataclass(frozen=True, slots=True)
class Progress:
    """One report.

    Attributes:
        stage: "reading", "writing" (the sparse part), "encoding", "committing" or "done".
        documents: dealt with so far, those of an attempt that is being resumed included.
        bytes_read, total_bytes: of the sources as they lie on disk; total is 0 when nobody knows.
        skipped: malformed records so far.
        replaced: documents that gave way to a later one of the same id.
        total_documents: to be encoded, at the stage "encoding"; else 0.
        note: a sentence for the user, once: that the build goes on from an earlier attempt, or why it could not.
    """

    stage: str
    documents: int = 0
    bytes_read: int = 0
    total_bytes: int = 0
    skipped: int = 0
    replaced: int = 0
    note: str = ""
    total_documents: int = 0


_EVERY_S = 0.2

OnProgress = Callable[[Progress], None]


class Reporter:
    """Passes progress on, a few times a second at most; notes and changes of stage always."""

    def __init__(self, on_progress: OnProgress | None) -> None:
        self._tell = on_progress
        self._next_s, self._stage = 0.0, ""

    def __call__(self, progress: Progress) -> None:
        if self._tell is None:
            return
        now_s = time.monotonic()
        if progress.note or progress.stage != self._stage or now_s >= self._next_s:
            self._next_s, self._stage = now_s + _EVERY_S, progress.stage
            self._tell(progress)
