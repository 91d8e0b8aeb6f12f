"""Indexes of learned sparse vectors: passages as token weights of a model such as SPLADE, ready-made.

The files are JSON lines with a `vector` each (`sparse/token_weights.py`). Weights become impacts of eight bits; the
step between two impacts is the weight of the one field, so that scores are in the model's own units: the score of a
passage is the sum over the query's tokens of query weight * stored weight. There is no analyser, so a query is
`Query(id, text, weights={token: weight})`. Everything else is as in any index: segments, deletes, filters, merging.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from spaniel.retrieval.errors import InvalidInput

from .build import create, extend
from .index import Index
from .ingest_values import Limits, OnDuplicate, VectorDocument
from .input import InputOptions
from .progress import OnProgress, Reporter
from .settings import VECTOR_FIELD, IndexSettings
from .sparse.scorers import Scorer
from .sparse.token_weights import TOP, Scale, read_token_weights, scan
from .store import MANIFEST_NAME, read_manifest
from .stream import ObjectStream

__all__ = ["add_vectors", "build_vectors"]

_Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def build_vectors(
    sources: _Paths,
    path: str | os.PathLike[str],
    *,
    on_duplicate: OnDuplicate = "fail",
    on_progress: OnProgress | None = None,
    memory_bytes: int = 512 << 20,
    overwrite: bool = False,
) -> Index:
    """Build an index of learned sparse vectors from JSON lines, and open it.

    Args:
        sources: files of lines `{"id": ..., "vector": {token: weight}, "contents": text}`; `.gz` is unpacked.
        path, on_duplicate, on_progress, memory_bytes, overwrite: as for `build`.

    Raises:
        InvalidInput: a malformed line (file and line are named), a repeated id; an index is there and not `overwrite`.

    Cost: the files are read twice, first for the greatest weight. An interrupted build starts again.
    """
    files = _files(sources)
    scale = scan(files)
    settings = IndexSettings(None, {VECTOR_FIELD: scale.step}, Scorer(method="impact"))
    stream = ObjectStream(_documents(files, scale), InputOptions())
    limits = Limits(on_duplicate, memory_bytes, 0.0)
    return create(stream, path, settings, InputOptions(), limits, Reporter(on_progress), overwrite=overwrite)


def add_vectors(
    sources: _Paths,
    path: str | os.PathLike[str],
    *,
    on_duplicate: OnDuplicate = "fail",
    on_progress: OnProgress | None = None,
    memory_bytes: int = 512 << 20,
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
    stream = ObjectStream(_documents(files, Scale(step, step * TOP)), InputOptions())
    limits = Limits(on_duplicate, memory_bytes, 0.0)
    return extend(stream, path, InputOptions(), limits, Reporter(on_progress))


def _documents(files: Sequence[Path], scale: Scale) -> Iterator[VectorDocument]:
    for line in read_token_weights(files):
        impacts = scale.impacts(line.weights).tolist()
        yield VectorDocument(line.id, line.text, line.title, {}, dict(zip(line.tokens, impacts, strict=True)))


def _files(sources: _Paths) -> list[Path]:
    files = [Path(sources)] if isinstance(sources, str | os.PathLike) else [Path(source) for source in sources]
    for file in files:
        if not file.is_file():
            raise InvalidInput(str(file), "no such file")
    if not files:
        raise InvalidInput("sources", "none given")
    return files
