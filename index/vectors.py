"""Indexes of learned sparse vectors: passages as token weights of a model such as SPLADE, ready-made.

The files are JSON lines with a `vector` each (`sparse/token_weights.py`). Weights become impacts of eight bits; the
step between two impacts is the weight of the one field, so that scores are in the model's own units: the score of a
passage is the sum over the query's tokens of query weight * stored weight. There is no analyser, so a query is
`Query(id, text, weights={token: weight})`. Everything else is as in any index: segments, deletes, filters, merging.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .build import create, extend
from .index import Index
from .ingest_values import Limits, OnDuplicate, VectorDocument
from .input import Batch, InputOptions, Position
from .progress import OnProgress, Progress, Reporter
from .settings import VECTOR_FIELD, IndexSettings
from .sparse.scorers import Scorer
from .sparse.token_weights import START, TOP, Place, Scale, WeightedText, read_token_weights, scan
from .store import MANIFEST_NAME, read_manifest

__all__ = ["add_vectors", "build_vectors", "settings_of_vectors"]

_BATCH_LINES, _BATCH_BYTES = 1000, 8 << 20  # a batch ends with the line that reaches either
_Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def build_vectors(
    sources: _Paths,
    path: str | os.PathLike[str],
    *,
    on_duplicate: OnDuplicate = "fail",
    on_progress: OnProgress | None = None,
    memory_bytes: int = 512 << 20,
    checkpoint_s: float = 5.0,
    overwrite: bool = False,
) -> Index:
    """Build an index of learned sparse vectors from JSON lines, and open it.

    Args:
        sources: files of lines `{"id": ..., "vector": {token: weight}, "contents": text}`; `.gz` is unpacked.
        path, on_duplicate, on_progress, memory_bytes, checkpoint_s, overwrite: as for `build`.

    Raises:
        InvalidInput: a malformed line (file and line are named), a repeated id; an index is there and not `overwrite`.

    At the end a note through `on_progress` counts the weights under half a step, stored as one whole step: all
    vectors share one scale, set by the greatest weight.

    Cost: the files are read twice, first for the greatest weight. After an interruption the same command looks for that
    weight again and then goes on where it stopped.
    """
    files = _files(sources)
    scale = scan(files)
    settings = settings_of_vectors(scale)
    stream = _VectorStream(files, scale)
    limits = Limits(on_duplicate, memory_bytes, checkpoint_s)
    report = Reporter(on_progress)
    index = create(stream, path, settings, InputOptions(), limits, report, overwrite=overwrite)
    stream.tell_raised(report)
    return index


def add_vectors(
    sources: _Paths,
    path: str | os.PathLike[str],
    *,
    on_duplicate: OnDuplicate = "fail",
    on_progress: OnProgress | None = None,
    memory_bytes: int = 512 << 20,
    checkpoint_s: float = 5.0,
) -> Index:
    """Add vectors to an index of vectors, in the steps of its first build; arguments as there.

    Raises:
        InvalidInput: also a weight above the greatest that the steps reach: it could not be stored as it is.
    """
    files, folder = _files(sources), Path(path)
    settings = IndexSettings.from_json(read_manifest(folder).settings, folder / MANIFEST_NAME)
    if settings.analyzer is not None:
        raise InvalidInput(str(path), "is an index of texts", hint="add documents to it, or build one of vectors")
    step = settings.fields[VECTOR_FIELD]
    stream = _VectorStream(files, Scale(step, step * TOP))
    limits = Limits(on_duplicate, memory_bytes, checkpoint_s)
    report = Reporter(on_progress)
    index = extend(stream, path, InputOptions(), limits, report)
    stream.tell_raised(report)
    return index


def settings_of_vectors(scale: Scale) -> IndexSettings:
    """Of an index of impacts under a scale."""
    return IndexSettings(None, {VECTOR_FIELD: scale.step}, Scorer(method="impact"))


class _VectorStream:
    """The lines of the files as a `DocumentStream`."""

    resumable = True
    whole_files = False

    def __init__(self, files: Sequence[Path], scale: Scale) -> None:
        self._files, self._scale = files, scale
        self._stats = [file.stat() for file in files]
        self.total_bytes = sum(stat.st_size for stat in self._stats)
        self._n_documents = self._n_weights = self._n_raised = 0

    def tell_raised(self, report: Reporter) -> None:
        """Say how many of the weights read are stored as more than they are, because another is so much greater."""
        if not self._n_raised:
            return
        note = (
            f"{self._n_raised:,} of {self._n_weights:,} weights ({self._n_raised / self._n_weights:.2%}) lie under "
            f"half a step and are stored as one step, {self._scale.step:g}: all vectors of an index share 255 steps up "
            f"to the greatest weight, {self._scale.greatest:g}"
        )
        report(Progress("done", self._n_documents, note=note))

    def batches(self, start: Position | None) -> Iterator[Batch]:
        first = start.source if start else 0
        n, before = start.documents if start else 0, sum(stat.st_size for stat in self._stats[:first])
        place = Place(start.line, start.offset) if start else START
        for source in range(first, len(self._files)):
            stat = self._stats[source]
            lines = read_token_weights(self._files[source], place)
            for some in _batched(lines, place.offset):
                n, at = n + len(some), some[-1].place
                position = Position(source, "", at.line, at.offset, stat.st_size, stat.st_mtime_ns, n, 0)
                yield Batch([self._document(line) for line in some], position, before + at.bytes_read, 0)
            before, place = before + stat.st_size, START

    def fingerprint(self) -> dict[str, JSON]:
        pairs = zip(self._files, self._stats, strict=True)
        return {"sources": [[str(f.absolute()), stat.st_size, stat.st_mtime_ns] for f, stat in pairs], "options": None}

    def places(self, ids: Collection[str], start: Position | None = None) -> Iterator[tuple[str, str]]:
        for source in range(start.source if start else 0, len(self._files)):
            here = start is not None and start.source == source
            place = Place(start.line, start.offset) if start is not None and here else START
            for line in read_token_weights(self._files[source], place):
                if line.id in ids:
                    yield line.id, f"{self._files[source]}:{line.place.line}"

    def _document(self, line: WeightedText) -> VectorDocument:
        impacts = self._scale.impacts(line.weights).tolist()
        self._n_documents += 1
        self._n_weights += len(line.weights)
        self._n_raised += self._scale.n_raised(line.weights)
        return VectorDocument(line.id, line.text, line.title, {}, dict(zip(line.tokens, impacts, strict=True)))


def _batched(lines: Iterable[WeightedText], offset: int) -> Iterator[list[WeightedText]]:
    """The lines, in batches of so many or of so many bytes of text; the first begins at byte `offset`."""
    some: list[WeightedText] = []
    for line in lines:
        some.append(line)
        if len(some) >= _BATCH_LINES or line.place.offset - offset >= _BATCH_BYTES:
            yield some
            some, offset = [], line.place.offset
    if some:
        yield some


def _files(sources: _Paths) -> list[Path]:
    files = [Path(sources)] if isinstance(sources, str | os.PathLike) else [Path(source) for source in sources]
    for file in files:
        if not file.is_file():
            raise InvalidInput(str(file), "no such file")
    if not files:
        raise InvalidInput("sources", "none given")
    return files
