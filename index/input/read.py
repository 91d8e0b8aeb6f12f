"""Read documents from files, as a stream of batches that can be taken up again anywhere.

One generator a format turns a file into *pieces* (whole records and the place after them); this module strings the
files together, gathers pieces into batches and keeps the position. Nothing is held beyond a batch, so memory does
not grow with the corpus.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document

from .batch import Batch, Piece, Position
from .context import Context
from .delimited import read_delimited
from .jsonl import read_jsonl
from .options import InputOptions
from .sources import RECORDS, Source, SourceFile, source_files
from .stream import ByteStream
from .whole import read_whole

__all__ = ["read_documents"]


def read_documents(
    sources: Source | Sequence[Source], options: InputOptions | None = None, *, start: Position | None = None
) -> Iterator[Batch]:
    """Documents of the sources in a fixed order, in batches of about `batch_records` or `batch_bytes`.

    Args:
        sources: files and folders; see `source_files`.
        options: how to read them.
        start: position of the last batch that was dealt with; reading goes on right after it. Plain files are
            entered at the byte, gzip files are decompressed up to it.

    Raises:
        InvalidInput: a source that cannot be read, a malformed record when they are fatal, or a `start` that does
            not fit the sources (they changed since).
        LimitExceeded: a record over `max_record_bytes`, when malformed records are fatal.

    Cost: one pass; memory of a few batches and the longest record.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "corpus.jsonl").write_text('{"_id": "a", "title": "T", "text": "Some text."}\\n')
        >>> [batch] = read_documents(folder)
        >>> batch.documents[0].id, batch.position.line, batch.bytes_read
        ('a', 1, 49)
    """
    options = InputOptions() if options is None else options
    return _read(sources, Context(options, skipped=start.skipped if start else 0), start)


def _read(sources: Source | Sequence[Source], context: Context, start: Position | None) -> Iterator[Batch]:
    gathered = _Gatherer(context, start)
    finished_bytes = 0
    resume = start
    for file in source_files(sources):
        if resume is None:
            line, offset = 0, 0
        elif _is_before(file, resume):
            finished_bytes += file.size_bytes
            continue
        else:
            line, offset = _place_in(file, resume)
            resume = None
        for piece in _pieces(file, context, line=line, offset=offset):
            gathered.add(file, piece, finished_bytes + piece.bytes_read)
            if gathered.full:
                yield gathered.take()
        finished_bytes += file.size_bytes
        gathered.bytes_read = finished_bytes
    if resume is not None:
        raise _changed(resume, "is not among the sources")
    if gathered.moved:
        yield gathered.take()


def _pieces(file: SourceFile, context: Context, *, line: int, offset: int) -> Iterator[Piece]:
    if file.format not in RECORDS:
        # One document, which counts as one line: it has been read or it has not.
        return iter(()) if line else read_whole(file, context)
    return _records(file, context, line=line, offset=offset)


def _records(file: SourceFile, context: Context, *, line: int, offset: int) -> Iterator[Piece]:
    try:
        stream = ByteStream(file.path, str(file.path))
    except PermissionError as error:
        raise InvalidInput(str(file.path), "no permission to read this file") from error
    with stream:
        if file.format == "jsonl":
            if offset:
                stream.skip(offset)
            else:
                stream.skip_bom()
            yield from read_jsonl(stream, context, line=line)
        else:
            kind: Literal["csv", "tsv"] = "tsv" if file.format == "tsv" else "csv"
            yield from read_delimited(stream, context, kind=kind, line=line, offset=offset)


class _Gatherer:
    """Gathers pieces into a batch and keeps the position after the last of them."""

    def __init__(self, context: Context, start: Position | None) -> None:
        self.context = context
        self.documents: list[Document] = []
        self.kinds: list[str] = []
        self.total = start.documents if start else 0
        self.bytes_read = 0
        self._size_bytes = 0
        self._place: tuple[SourceFile, Piece] | None = None

    def add(self, file: SourceFile, piece: Piece, bytes_read: int) -> None:
        """Take a piece up. bytes_read: of all sources, up to its end."""
        self.documents += piece.documents
        self.kinds += [piece.kind] * len(piece.documents)
        self._size_bytes += piece.size_bytes
        self._place = (file, piece)
        self.bytes_read = bytes_read

    @property
    def full(self) -> bool:
        options = self.context.options
        many = len(self.documents) >= options.batch_records
        return many or self._size_bytes >= options.batch_bytes

    @property
    def moved(self) -> bool:
        """Whether anything was read since the last batch, be it blank lines: the end of the input is a place too."""
        return self._place is not None

    def take(self) -> Batch:
        """The batch, and start another."""
        assert self._place is not None
        file, piece = self._place
        self.total += len(self.documents)
        position = Position(
            source=file.source,
            file=file.name,
            line=piece.line,
            offset=piece.offset,
            size_bytes=file.size_bytes,
            mtime_ns=file.mtime_ns,
            documents=self.total,
            skipped=self.context.skipped,
        )
        batch = Batch(self.documents, position, self.bytes_read, self.context.skipped, tuple(self.kinds))
        self.kinds = []
        self.documents, self._size_bytes, self._place = [], 0, None
        return batch


def _is_before(file: SourceFile, place: Position) -> bool:
    return (file.source, file.name.split("/")) < (place.source, place.file.split("/"))


def _place_in(file: SourceFile, place: Position) -> tuple[int, int]:
    """(line, offset) where reading goes on in the file of a position."""
    if (file.source, file.name) != (place.source, place.file):
        raise _changed(place, "is not among the sources")
    if (file.size_bytes, file.mtime_ns) != (place.size_bytes, place.mtime_ns):
        raise _changed(place, "was changed since")
    return place.line, place.offset


def _changed(place: Position, what: str) -> InvalidInput:
    file = f"source {place.source}" + (f", file {place.file}" if place.file else "")
    return InvalidInput("cannot resume", f"{file} {what}", hint="start again from the beginning")
