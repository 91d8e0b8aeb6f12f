"""Building an index, and adding to it: one commit each, or nothing.

A build happens in its final directory and can be interrupted at any moment: until the manifest is there, there is no
index, and an older one stays as it is. The same command then goes on from the last checkpoint (`partial.py`).
"""

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from spaniel.retrieval.errors import InvalidInput

from .analysis import AnalyzerSpec
from .chunking.settings import Chunks, chunk_settings
from .dense.encoding import NOTHING, Encoding, Given, Model, Store, encoders_for, new_dense, opened
from .dense.given_vectors import VectorsById, given_for
from .index import Index, open_index
from .ingest_values import Limits, OnDuplicate
from .input import InputOptions, Problem
from .manifest import Manifest
from .progress import OnProgress, Progress, Reporter
from .segments import Segments
from .settings import IndexSettings
from .sparse.scorers import Scorer
from .store import MANIFEST_NAME, begin
from .stream import DocumentStream, Sources, open_stream
from .where_sql import ColumnType
from .write_segment import write_segment

__all__ = ["add", "build", "create", "extend", "update"]


def build(
    sources: Sources,
    path: str | os.PathLike[str],
    *,
    language: str = "english",
    analyzer: AnalyzerSpec | None = None,
    fields: Mapping[str, float] | None = None,
    scorer: Scorer | None = None,
    columns: Mapping[str, ColumnType] | None = None,
    chunks: Chunks = None,
    dense: Model | None = None,
    dense_name: str | None = None,
    store: Store = "binary",
    embedding_cache: str | os.PathLike[str] | None = None,
    id_field: str | None = None,
    text_field: str | None = None,
    title_field: str | None = None,
    input_options: InputOptions | None = None,
    on_duplicate: OnDuplicate = "fail",
    on_error: Literal["fail", "skip"] = "fail",
    on_problem: Callable[[Problem], None] | None = None,
    on_progress: OnProgress | None = None,
    memory_bytes: int = 512 << 20,
    checkpoint_s: float = 5.0,
    threads: int | None = None,
    overwrite: bool = False,
) -> Index:
    """Build an index from files, folders or documents, and open it.

    Args:
        sources: a path, a list of paths (see `read_documents` for what they may be), or `Document`s.
        path: directory of the index; made if need be.
        language: name of an analyser, such as "english", "german", "cjk"; see `AnalyzerSpec` for all.
        analyzer: instead of `language`, with all its options.
        fields: `{"title": 2.0, "text": 1.0}` scores title and text apart; by default they are one text.
        scorer: BM25 with Anserini's k1 and b by default.
        columns: `{"year": "integer"}` makes filters on `meta` fields fast.
        chunks: how documents are cut into passages: by default files of prose and code are, to about 128 tokens, and
            records are not. A number of tokens or True cuts both, False neither; `ChunkSettings` says more.
        dense: also encode every passage, with this model (see `open_encoder`), for semantic search.
        dense_name: of the dense part; the model's own by default.
        store: how its vectors are kept; see `StoreSettings`.
        embedding_cache: folder that keeps what was encoded for other builds too; by default it is kept in the index
            until the build is done.
        id_field, text_field, title_field: names in the records, where they are not the usual ones.
        input_options: everything else about reading.
        on_duplicate: an id that comes twice is an error, "replace" keeps the last document of it, "skip" the first.
        on_error: a malformed record is an error, or skipped and told to `on_problem`.
        on_progress: told how far it is, a few times a second.
        memory_bytes: budget; more input spills to disk.
        checkpoint_s: seconds of work that an interruption may cost.
        threads: at most so many. With two or more, text is analysed while the next is read and stored, and as many
            batches are encoded at once by a model that is opened here; the index is the same. None: one for text, one
            for each core for the model.
        overwrite: replace an index that is there; its readers keep what they have opened.

    Raises:
        InvalidInput: sources, records, ids or options that cannot be used; an index is there and not `overwrite`.
        ModelError, MissingExtra: the model cannot be opened, or fails.
        IndexLocked: another process is writing to this index.
        OSError: the disk is full, or fails. The index is then as it was.

    Example:
        >>> import tempfile
        >>> from spaniel.retrieval.types import Document
        >>> documents = [Document("a", "Dogs bark."), Document("b", "Cats do not.")]
        >>> with build(documents, tempfile.mkdtemp()) as index:
        ...     [hit.id for hit in index.search("barking dog")]
        ['a']
    """
    options = _input_options(input_options, id_field, text_field, title_field, on_error, on_problem)
    limits = Limits(on_duplicate, memory_bytes, checkpoint_s, 1 if threads is None else threads)
    stream = open_stream(sources, options)
    settings = IndexSettings(
        analyzer or AnalyzerSpec(language),
        dict(fields or {"contents": 1.0}),
        scorer or Scorer(),
        dict(columns or {}),
        chunks=chunk_settings(chunks, whole_files=stream.whole_files),
    )
    report = Reporter(on_progress)
    if dense is None:
        return create(stream, path, settings, options, limits, report, overwrite=overwrite)
    with opened(dense, threads) as encoder:
        name, made_with = new_dense(encoder.card, dense_name, store, encoder.codes)
        settings = replace(settings, dense={name: made_with})
        encoding = Encoding({name: encoder}, Path(embedding_cache) if embedding_cache is not None else None)
        return create(stream, path, settings, options, limits, report, encoding, overwrite=overwrite)


_TAKEN_HINT = "add to it, or replace it with overwrite=True (--overwrite)"


def create(
    stream: DocumentStream,
    path: str | os.PathLike[str],
    settings: IndexSettings,
    options: InputOptions,
    limits: Limits,
    report: Reporter,
    encoding: Encoding = NOTHING,
    *,
    overwrite: bool,
) -> Index:
    """Build an index from a stream, and open it: what `build` does once it knows what is asked."""
    with begin(Path(path), create=True, overwrite=overwrite) as txn:
        if txn.base is not None and not overwrite:
            raise InvalidInput(str(path), "an index is already there", hint=_TAKEN_HINT)
        segments, next_ordinal = write_segment(
            txn, stream, settings, options, limits, report, older=None, encoding=encoding
        )
        if stream.resumable and not next_ordinal:
            txn.discard_partial()
            raise InvalidInput("sources", "there is no document in them", hint="check the paths and the field names")
        txn.commit(Manifest(0, secrets.token_hex(16), next_ordinal, settings.to_json(), segments))
        txn.discard_partial()
    report(Progress("done", next_ordinal))
    return open_index(path)


def add(
    sources: Sources,
    path: str | os.PathLike[str],
    *,
    id_field: str | None = None,
    text_field: str | None = None,
    title_field: str | None = None,
    input_options: InputOptions | None = None,
    on_duplicate: OnDuplicate = "fail",
    on_error: Literal["fail", "skip"] = "fail",
    on_problem: Callable[[Problem], None] | None = None,
    on_progress: OnProgress | None = None,
    chunks: Chunks = None,
    encoder: Given = None,
    vectors: VectorsById | None = None,
    embedding_cache: str | os.PathLike[str] | None = None,
    memory_bytes: int = 512 << 20,
    checkpoint_s: float = 5.0,
    threads: int | None = None,
) -> Index:
    """Add documents to an index, as one new segment, and open the result. Options as for `build`.

    Every dense part of the index gets their vectors.

    Args:
        chunks: as for `build`. What the index cuts already it goes on cutting in the same way, which need not be said
            again; where it cuts nothing, this begins with these documents.
        encoder: for the dense parts that were made with its model, or a mapping from the name of a part to its
            encoder; the models of the other parts are opened from where the index says they are.
        vectors: name -> (ids, floats (n, d)), for dense parts whose vectors were made elsewhere. Every passage that is
            added has to have one; those of others are left out.

    Raises:
        IndexNotFound: there is no index to add to.
        InvalidInput, IndexLocked, OSError, ModelError, MissingExtra: as `build`; also another model than the index's.
    """
    options = _input_options(input_options, id_field, text_field, title_field, on_error, on_problem)
    limits = Limits(on_duplicate, memory_bytes, checkpoint_s, 1 if threads is None else threads)
    cache = Path(embedding_cache) if embedding_cache is not None else None
    report, stream = Reporter(on_progress), open_stream(sources, options)
    return extend(stream, path, options, limits, report, encoder, cache, vectors or {}, threads, chunks)


def extend(
    stream: DocumentStream,
    path: str | os.PathLike[str],
    options: InputOptions,
    limits: Limits,
    report: Reporter,
    encoder: Given = None,
    cache: Path | None = None,
    vectors: VectorsById = MappingProxyType({}),
    model_threads: int | None = None,
    chunks: Chunks = None,
) -> Index:
    """Add a stream to an index, and open the result: what `add` does once it knows what is asked."""
    with begin(Path(path)) as txn:
        assert txn.base is not None
        base = txn.base
        settings = _cutting(IndexSettings.from_json(base.settings, txn.path / MANIFEST_NAME), chunks)
        given = given_for(settings.dense, vectors)
        with (
            encoders_for(settings.dense, encoder, str(path), given, threads=model_threads) as encoders,
            closing(Segments(txn.path, base, settings.dense)) as older,
        ):
            segments, next_ordinal = write_segment(
                txn, stream, settings, options, limits, report, older=older, encoding=Encoding(encoders, cache, given)
            )
        if next_ordinal > base.next_ordinal:
            txn.commit(replace(base, next_ordinal=next_ordinal, settings=settings.to_json(), segments=segments))
        txn.discard_partial()
    kept_whole = stream.whole_files and settings.chunks is None
    report(Progress("done", next_ordinal - base.next_ordinal, note=_KEPT_WHOLE if kept_whole else ""))
    return open_index(path)


_KEPT_WHOLE = (
    "files were kept whole, one passage each, for the index cuts nothing; chunks=True or --chunk-tokens 128 would cut "
    "what is added"
)


def _cutting(settings: IndexSettings, chunks: Chunks) -> IndexSettings:
    """The settings of an index to add to, where chunks were asked for."""
    if chunks is None:
        return settings
    wanted = chunk_settings(chunks, whole_files=False)
    if settings.chunks is not None and wanted != settings.chunks:
        asked = f"{chunks!r} asks for no cutting" if wanted is None else str(wanted)
        hint = "leave chunks out: what is added is cut as the rest"
        raise InvalidInput("chunks", f"{asked}, but the index cuts documents otherwise: {settings.chunks}", hint=hint)
    if wanted is not None and settings.analyzer is None:
        raise InvalidInput("chunks", "an index of token weights holds no texts to cut")
    return replace(settings, chunks=wanted)


def update(sources: Sources, path: str | os.PathLike[str], **options: object) -> Index:
    """Add documents, each taking the place of the one that had its id. Options as for `add`."""
    return add(sources, path, **{"on_duplicate": "replace", **options})  # type: ignore[arg-type]


def _input_options(
    options: InputOptions | None,
    id_field: str | None,
    text_field: str | None,
    title_field: str | None,
    on_error: Literal["fail", "skip"],
    on_problem: Callable[[Problem], None] | None,
) -> InputOptions:
    """The options in full; what was given by itself wins."""
    options = options or InputOptions()
    return replace(
        options,
        on_error=on_error,
        on_problem=on_problem,
        id_field=id_field or options.id_field,
        text_field=text_field or options.text_field,
        title_field=title_field or options.title_field,
    )
