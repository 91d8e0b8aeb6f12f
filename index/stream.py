"""Documents from wherever they come: files, which can be read again from any place, or the caller's own objects.

Both give the same batches, so that building and adding need not know; only files can be resumed.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeAlias

from spaniel.retrieval.errors import InvalidInput, require
from spaniel.retrieval.types import JSON, Document

from .input import Batch, InputOptions, Position, Problem, read_documents
from .input.ids import content_id
from .input.sources import EXTRAS, RECORDS, source_files
from .partial import sources_fingerprint

__all__ = ["DocumentStream", "FileStream", "ObjectStream", "Sources", "open_stream"]

Sources: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Iterable[Document]


class DocumentStream(Protocol):
    """Documents in a fixed order.

    Attributes:
        resumable: `batches` can start in the middle, in another process too.
        total_bytes: of the sources as they lie on disk; 0 when nobody knows.
        whole_files: some of them are files that are one document each.
    """

    resumable: bool
    total_bytes: int
    whole_files: bool

    def batches(self, start: Position | None) -> Iterator[Batch]:
        """Batches from a position on."""

    def fingerprint(self) -> dict[str, JSON]:
        """What must be the same for an interrupted build to go on: "sources" and "options"."""

    def places(self, ids: Collection[str], start: Position | None = None) -> Iterator[tuple[str, str]]:
        """(id, place) of every document with one of these ids; a place reads like `corpus.jsonl:17`. Slow."""


def open_stream(sources: Sources, options: InputOptions) -> DocumentStream:
    """The stream that fits what the caller gave.

    Raises:
        InvalidInput: a source that does not exist or cannot be read; neither paths nor documents.
        MissingExtra: a PDF or Word document is among them, and what reads these is not installed.
    """
    if isinstance(sources, str | os.PathLike):
        return FileStream([sources], options)
    if isinstance(sources, Document):
        raise InvalidInput("sources", "got one Document; pass a list of them")
    if not isinstance(sources, Iterable):
        raise InvalidInput("sources", f"{type(sources).__name__} is neither a path, a list of paths, nor documents")
    paths = [item for item in sources if isinstance(item, str | os.PathLike)] if isinstance(sources, Sequence) else []
    if paths and isinstance(sources, Sequence) and len(paths) == len(sources):
        return FileStream(paths, options)
    return ObjectStream(sources, options)


class FileStream:
    """Files and folders."""

    resumable = True

    def __init__(self, sources: Sequence[str | os.PathLike[str]], options: InputOptions) -> None:
        self._sources, self._options = list(sources), options
        self.total_bytes, self.whole_files = 0, False
        for file in source_files(self._sources):
            self.total_bytes += file.size_bytes
            self.whole_files |= file.format not in RECORDS
            if file.format in EXTRAS:  # before hours of work, not after
                require(EXTRAS[file.format], extra="files")

    def batches(self, start: Position | None) -> Iterator[Batch]:
        """See `DocumentStream`."""
        return read_documents(self._sources, self._options, start=start)

    def fingerprint(self) -> dict[str, JSON]:
        """See `DocumentStream`."""
        options = asdict(replace(self._options, on_problem=None))
        return {"sources": sources_fingerprint(self._sources), "options": options}

    def places(self, ids: Collection[str], start: Position | None = None) -> Iterator[tuple[str, str]]:
        """Read the files again, record by record: to keep a place for each document would cost too much memory."""
        quiet = replace(self._options, batch_records=1, on_error="skip", on_problem=lambda problem: None)
        for batch in read_documents(self._sources, quiet, start=start):
            for document in batch.documents:
                if document.id in ids:
                    yield document.id, self._place(batch.position)

    def _place(self, position: Position) -> str:
        root = Path(self._sources[position.source])
        return f"{root / position.file if position.file else root}:{position.line}"


class ObjectStream:
    """`Document`s of the caller, taken as they come, once."""

    resumable = False
    total_bytes = 0
    whole_files = False

    def __init__(self, documents: Iterable[object], options: InputOptions) -> None:
        self._documents, self._options = iter(documents), options
        self._taken = self._skipped = 0

    def batches(self, start: Position | None) -> Iterator[Batch]:
        """See `DocumentStream`."""
        while some := list(islice(self._documents, self._options.batch_records)):
            good = [
                checked for place, item in enumerate(some, self._taken + 1) if (checked := self._checked(item, place))
            ]
            self._taken += len(some)
            yield Batch(good, self._position(), 0, self._skipped)

    def fingerprint(self) -> dict[str, JSON]:
        """See `DocumentStream`."""
        return {"sources": "objects", "options": None}

    def places(self, ids: Collection[str], start: Position | None = None) -> Iterator[tuple[str, str]]:
        """What has been taken is gone, so the id has to do."""
        return iter(())

    def _checked(self, item: object, place: int) -> Document | None:
        reason = _what_is_wrong(item)
        if not reason:
            assert isinstance(item, Document)
            return item if item.id else Document(content_id(item.title, item.text), item.text, item.title, item.meta)
        if self._options.on_error == "fail":
            raise InvalidInput(f"document {place}", reason)
        self._skipped += 1
        if self._options.on_problem:
            self._options.on_problem(Problem("documents", place, 0, reason))
        return None

    def _position(self) -> Position:
        return Position(0, "", self._taken, 0, 0, 0, self._taken - self._skipped, self._skipped)


def _what_is_wrong(item: object) -> str:
    if not isinstance(item, Document):
        return f"is {type(item).__name__}; pass Document(id, text, title, meta)"
    for name in ("id", "text", "title"):
        if not isinstance(getattr(item, name), str):
            return f"has {name} {getattr(item, name)!r}; it must be a string"
    return "" if isinstance(item.meta, dict) else f"has meta {item.meta!r}; it must be a dict"
