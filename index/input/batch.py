"""What readers hand over: batches of documents, each with the place where reading can go on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import NamedTuple

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, Document

__all__ = ["Batch", "Piece", "Position"]


@dataclass(frozen=True, slots=True)
class Position:
    """The place after a batch. Small plain data: store it with what was built, hand it back to `read_documents`.

    Attributes:
        source: number of the source, from 0.
        file: path relative to the source with "/" separators; empty when the source is itself the file.
        line: lines of the file consumed.
        offset: bytes of the file consumed, after decompression.
        size_bytes, mtime_ns: of the file when it was read. Another size or time means another file, and going on in
            its middle would lose records or read them twice: it is refused.
        documents, skipped: totals up to here.
    """

    source: int
    file: str
    line: int
    offset: int
    size_bytes: int
    mtime_ns: int
    documents: int
    skipped: int

    def to_json(self) -> dict[str, JSON]:
        """As a JSON object; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, JSON]) -> "Position":
        """The position that `to_json` wrote.

        Raises:
            InvalidInput: a field is missing, unknown, of another type or negative.
        """
        names = [field.name for field in fields(cls)]
        if not isinstance(value, Mapping) or set(value) != set(names):
            raise InvalidInput("position", f"{value!r} does not have the fields {', '.join(names)}")
        for name in names:
            item = value[name]
            fits = isinstance(item, str) if name == "file" else type(item) is int and item >= 0
            if not fits:
                raise InvalidInput("position", f"{name} is {item!r}")
        return cls(**value)  # type: ignore[arg-type]  # checked field by field above


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents in the order of the input.

    Attributes:
        documents: may be empty when a stretch of the input held only malformed records or blank lines.
        position: where reading goes on after this batch.
        bytes_read: bytes of all sources read so far, compressed ones as they lie on disk; it reaches
            `total_bytes(sources)` with the last batch, also after a resume.
        skipped: malformed records so far, over the whole read.
        kinds: of each document, what its file is ("text", "markdown", "html", "code", ...) if it is one file's whole
            content, else empty.
    """

    documents: list[Document]
    position: Position
    bytes_read: int
    skipped: int
    kinds: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.kinds:
            object.__setattr__(self, "kinds", ("",) * len(self.documents))


class Piece(NamedTuple):
    """What a reader of one format yields: whole records of one file and the place after them.

    Attributes:
        line, offset: as in `Position`.
        size_bytes: of the piece, decompressed.
        bytes_read: of the file on disk.
        kind: as `Batch.kinds`, of all of them.
    """

    documents: list[Document]
    line: int
    offset: int
    size_bytes: int
    bytes_read: int
    kind: str = ""
