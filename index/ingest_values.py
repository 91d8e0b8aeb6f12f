"""What goes into an ingest besides documents and settings, and what comes out; plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document, Passage

from .manifest import FileEntry

__all__ = ["Ingested", "Limits", "OnDuplicate", "VectorDocument"]

OnDuplicate = Literal["fail", "replace", "skip"]

_MIN_MEMORY_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class VectorDocument(Document):
    """A document of an index of learned sparse vectors: token -> impact, 1 to 255. Its text is only shown."""

    weights: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ingested:
    """A new segment, written but not committed.

    Attributes:
        n_documents: including those of `dead`.
        dead: (local number, passage) of documents that another one of the same id took the place of.
        replaced: ordinals in older segments whose ids came again.
        passages, sparse: its files.
    """

    n_documents: int
    dead: list[tuple[int, Passage]]
    replaced: list[int]
    passages: FileEntry
    sparse: FileEntry


@dataclass(frozen=True, slots=True)
class Limits:
    """How to go about it.

    Attributes:
        on_duplicate: an id that comes again is an error, takes the place of the older, or is left out.
        memory_bytes: budget for everything.
        checkpoint_s: seconds of work that may be lost; later checkpoints are a twentieth of the time so far apart.
            0 makes one after every batch.
        threads: with more than one, text is analysed beside reading and storing it.

    Raises:
        InvalidInput: a value out of range.
    """

    on_duplicate: OnDuplicate
    memory_bytes: int
    checkpoint_s: float
    threads: int = 1

    def __post_init__(self) -> None:
        if self.on_duplicate not in get_args(OnDuplicate):
            known = ", ".join(get_args(OnDuplicate))
            raise InvalidInput("on_duplicate", f"{self.on_duplicate!r} is not one of {known}")
        if self.memory_bytes < _MIN_MEMORY_BYTES:
            raise InvalidInput("memory_bytes", f"{self.memory_bytes} is less than {_MIN_MEMORY_BYTES} (64 MiB)")
        if not self.checkpoint_s >= 0:
            raise InvalidInput("checkpoint_s", f"{self.checkpoint_s} must be at least 0")
        if self.threads < 1:
            raise InvalidInput("threads", f"{self.threads} must be at least 1")
