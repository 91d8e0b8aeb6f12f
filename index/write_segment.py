"""A stream of documents as the newest segment of an index, ready to be committed."""

import secrets
from contextlib import closing

from spaniel.retrieval.types import JSON

from .bury import buried, buried_in_new
from .dense.encoding import Encoding
from .dense.part import DensePart
from .dense.segment_parts import part_name
from .ingest import Ingest
from .ingest_values import Ingested, Limits
from .input import InputOptions
from .manifest import FileEntry, Segment
from .open_segment import OpenSegment
from .partial import Partial, command_fingerprint
from .progress import Progress, Reporter
from .segments import Segments
from .settings import IndexSettings
from .store import Transaction
from .stream import DocumentStream

__all__ = ["write_segment"]

_BUILDER_VERSION = 1  # raised whenever a build could not go on from working files of the version before


def write_segment(
    txn: Transaction,
    stream: DocumentStream,
    settings: IndexSettings,
    options: InputOptions,
    limits: Limits,
    report: Reporter,
    *,
    older: Segments | None,
    encoding: Encoding,
) -> tuple[tuple[Segment, ...], int]:
    """(all segments of the index to commit, its next ordinal).

    Args:
        older: the segments to add to, their dense parts opened; None for a new index.
        encoding: gives the vectors of the settings' dense parts.

    Raises:
        InvalidInput, LimitExceeded, OSError: as `Ingest.run`.
        ModelError: as `embed`.
    """
    base = txn.base if older is not None else None
    first = base.next_ordinal if base else 0
    partial = Partial(txn, _fingerprint(txn, stream, settings, limits, adding=base is not None))
    known = older.whole_documents if older is not None else lambda ids: {}
    ingest = Ingest(txn, partial, settings, options, limits, first_ordinal=first, known=known, report=report)
    done = ingest.run(stream)
    segments = buried(txn, older, settings, done.replaced) if older is not None else ()
    if not done.n_documents:
        return segments, first
    files = {"passages": done.passages, "sparse": done.sparse}
    if settings.dense:
        dense = encoding.parts(
            txn,
            txn.path / done.passages.name,
            settings.dense,
            first=first,
            n_passages=done.n_documents,
            like=_best_fitted(older, settings),
            report=report,
        )
        files |= {part_name(name): entry for name, entry in dense.items()}
        report(Progress("committing", done.n_documents))
    return (*segments, _new_segment(txn, settings, first, done, files)), first + done.n_documents


def _best_fitted(older: Segments | None, settings: IndexSettings) -> dict[str, DensePart]:
    """Of each dense part, that of the segment where it was fitted on most vectors; of these, of the largest."""
    if older is None or not older.open:
        return {}

    def best(name: str) -> OpenSegment:
        return max(older, key=lambda segment: (segment.dense_fitted_on(name), segment.record.n_passages))

    return {name: best(name).dense(name) for name in settings.dense}


def _new_segment(
    txn: Transaction, settings: IndexSettings, first: int, done: Ingested, files: dict[str, FileEntry]
) -> Segment:
    segment = Segment(txn.generation, first, done.n_documents, 0, files)
    if not done.dead:
        return segment
    opened = OpenSegment(txn.path, segment)
    with closing(opened.passages):
        return buried_in_new(txn, opened, settings, done.dead)


def _fingerprint(
    txn: Transaction, stream: DocumentStream, settings: IndexSettings, limits: Limits, *, adding: bool
) -> dict[str, str]:
    """What must be the same for an interrupted command to go on; objects of the caller never are.

    Models and stores are not among it: the working files hold texts and words, and vectors under their model's name.
    """
    index: JSON = [txn.base.index_id, txn.base.generation] if txn.base else None
    command: JSON = ["add" if adding else "build", limits.on_duplicate, _BUILDER_VERSION]
    same = stream.fingerprint()
    if not stream.resumable:
        same["sources"] = secrets.token_hex(16)
    text = {name: value for name, value in settings.to_json().items() if name != "dense"}
    text.setdefault("chunks", None)
    return command_fingerprint(command=command, index=index, **text, **same)
