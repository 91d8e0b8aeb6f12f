"""Dense parts for an index that exists: encode its passages, or take vectors made elsewhere; and drop one again.

One commit each, or nothing. Encoding can be interrupted: what was encoded waits in `partial/`, and the same call, or
any other that wants the same model, goes on from it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spaniel.index.index import Index, open_index
from spaniel.index.manifest import FileEntry, Manifest
from spaniel.index.open_segment import OpenSegment
from spaniel.index.progress import OnProgress, Progress, Reporter
from spaniel.index.segments import Segments
from spaniel.index.settings import IndexSettings
from spaniel.index.store import MANIFEST_NAME, Transaction, begin
from spaniel.models.card import ModelCard
from spaniel.models.encoders.base import Encoder
from spaniel.models.text import passage_text
from spaniel.retrieval.errors import InvalidInput

from .embeddings import EmbeddingCache, embed
from .encoding import Model, Store, going_on, new_dense, opened, partial_vectors
from .given_vectors import GivenVectors
from .part import DensePart, Vectors
from .segment_parts import open_written, part_name, write_part
from .settings import Codes, DenseSettings

__all__ = ["add_dense", "drop_dense"]


def add_dense(
    path: str | os.PathLike[str],
    model: Model | None = None,
    *,
    name: str | None = None,
    store: Store = "binary",
    encoder: Encoder | None = None,
    vectors: NDArray[np.floating] | None = None,
    ids: Sequence[str] | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
    embedding_cache: str | os.PathLike[str] | None = None,
) -> Index:
    """Give an index one more dense part, and open the result.

    Args:
        model: what encodes the passages; see `open_encoder`.
        name: of the dense part; the model's own by default, "vectors" for those made elsewhere.
        store: how vectors are kept; see `StoreSettings`.
        encoder: an open one, instead of `model`.
        vectors, ids: instead of a model, vectors made elsewhere, floats (n, d), and the id of the passage of each.
            Every passage has to have one. Later only queries that bring their vector can be searched.
        overwrite: replace the dense part of this name. What asks it stays where the model is the same one.
        on_progress: told how many passages are encoded.
        embedding_cache: folder that keeps what was encoded for other indexes too; by default the index itself, until
            this is done.

    Raises:
        InvalidInput: an option that cannot be; a dense part of this name is there; vectors with NaN, or not one for
            each passage.
        ModelError, MissingExtra: the model cannot be opened, or fails.
        IndexNotFound, IndexLocked, IndexCorrupt, OSError: the index is then as it was.

    Cost: the encoder's; memory some 10 bytes a passage, and what the kind of store says.
    """
    cache = Path(embedding_cache) if embedding_cache is not None else None
    report = Reporter(on_progress)
    with ExitStack() as stack:
        source: _Source
        if vectors is not None or ids is not None:
            if model is not None or encoder is not None or vectors is None or ids is None:
                raise InvalidInput("add_dense", "give a model, or vectors with their ids")
            source = GivenVectors(vectors, ids, name or "vectors")
        elif model is None and encoder is None:
            raise InvalidInput("add_dense", "no model given", hint="name one, or give vectors with their ids")
        else:
            source = _Encoded(stack.enter_context(opened(encoder or model)), cache, report)  # type: ignore[arg-type]
        dense_name, settings = new_dense(source.card, name, store, source.codes)
        n_passages = _added(Path(path), source, dense_name, settings, overwrite=overwrite)
    report(Progress("done", n_passages))
    return open_index(path)


def drop_dense(path: str | os.PathLike[str], name: str) -> Manifest:
    """Remove a dense part from an index; gives the new manifest. Texts, postings and other dense parts stay.

    Raises:
        InvalidInput: there is no dense part of this name.
        IndexNotFound, IndexLocked, IndexCorrupt, OSError: the index is then as it was.
    """
    with begin(Path(path)) as txn:
        assert txn.base is not None
        settings = IndexSettings.from_json(txn.base.settings, txn.path / MANIFEST_NAME)
        if name not in settings.dense:
            raise InvalidInput(
                "drop_dense", f"the index has no dense part {name!r}; it has {', '.join(settings.dense)}"
            )
        rest = {other: dense for other, dense in settings.dense.items() if other != name}
        segments = tuple(
            replace(segment, files={part: e for part, e in segment.files.items() if part != part_name(name)})
            for segment in txn.base.segments
        )
        return txn.commit(replace(txn.base, settings=replace(settings, dense=rest).to_json(), segments=segments))


class _Source(Protocol):
    """Where vectors come from."""

    @property
    def card(self) -> ModelCard: ...
    @property
    def codes(self) -> Codes | None:
        """That the vectors were trained for."""

    def check(self, segments: Segments) -> None:
        """Raise InvalidInput if it cannot give the vectors of every living passage."""

    def vectors(self, txn: Transaction, segment: OpenSegment) -> Vectors:
        """One vector for each row of the segment; for the dead, any."""


def _added(path: Path, source: _Source, name: str, dense: DenseSettings, *, overwrite: bool) -> int:
    """Commit the dense part; how many passages it has."""
    with begin(path) as txn:
        assert txn.base is not None
        settings = IndexSettings.from_json(txn.base.settings, txn.path / MANIFEST_NAME)
        if name in settings.dense and not overwrite:
            hint = "give it another name, or replace it with overwrite=True (--overwrite)"
            raise InvalidInput("add_dense", f"the index has a dense part {name!r} already", hint=hint)
        with closing(Segments(txn.path, txn.base)) as segments:
            source.check(segments)
            files = _written(txn, segments, source, name, dense)
        changed = tuple(
            replace(segment, files={**segment.files, part_name(name): entry})
            for segment, entry in zip(txn.base.segments, files, strict=True)
        )
        before = settings.dense.get(name)
        if before is not None and not before.model.differences(dense.model):
            dense = replace(dense, query=before.query)  # the same model in another store is asked as it was
        everything = replace(settings, dense={**settings.dense, name: dense})
        txn.commit(replace(txn.base, settings=everything.to_json(), segments=changed))
        txn.discard_partial()
        return sum(segment.n_passages - segment.n_deleted for segment in changed)


def _written(txn: Transaction, segments: Segments, source: _Source, name: str, dense: DenseSettings) -> list[FileEntry]:
    """A file for each segment. What has to be fitted is fitted on the largest, and serves the others."""
    files: dict[int, FileEntry] = {}
    like: DensePart | None = None
    for number in sorted(range(len(segments.open)), key=lambda n: -segments.open[n].record.n_passages):
        segment = segments.open[number]
        given = segment.row_ordinals
        ordinals = None if given is None else given.astype(np.uint32)
        files[number] = write_part(txn, name, dense, source.vectors(txn, segment), ordinals=ordinals, like=like)
        if like is None and len(segments.open) > 1:
            like = open_written(txn, files[number], dense)
    return [files[number] for number in range(len(segments.open))]


class _Encoded:
    """Vectors of an encoder, by way of a cache."""

    def __init__(self, encoder: Encoder, cache: Path | None, report: Reporter) -> None:
        self._encoder, self._cache, self._report = encoder, cache, report
        self.card, self.codes = encoder.card, encoder.codes
        self._before = self._total = 0

    def check(self, segments: Segments) -> None:
        self._total = len(segments)

    def vectors(self, txn: Transaction, segment: OpenSegment) -> Vectors:
        folder, fs = partial_vectors(txn, self._cache)
        with EmbeddingCache(folder, self.card, fs) as cache:
            if fs is not None and not self._before and len(cache):
                self._report(going_on(len(cache), self._total))
            found = embed(living_texts(segment), segment.record.n_passages, self._encoder, cache, self._tell)
        self._before += segment.record.n_passages - segment.record.n_deleted
        return found

    def _tell(self, n_done: int) -> None:
        self._report(Progress("encoding", self._before + n_done, total_documents=self._total))


def living_texts(segment: OpenSegment) -> Iterator[tuple[int, str]]:
    """(row, text to encode) of every living passage of a segment."""
    for ordinal, passage in segment.passages.scan():
        wanted = np.array([ordinal])
        if segment.living(wanted)[0]:
            yield int(segment.rows.rows_of(wanted)[1][0]), passage_text(passage.title, passage.text)
