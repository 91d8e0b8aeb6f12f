"""From a stream of documents to the files of one new segment: the part that building and adding share.

    batches -> cut into passages -> ids checked -> passages (SQLite) and sparse accumulator, side by side
            -> a checkpoint whenever the memory budget or some seconds of work are reached
            -> at the end: runs merged into the sparse file, repeated ids resolved, passages indexed

Memory is the budget, plus eight bytes an id to notice repeated ones. All passages of a document come in one batch, with
consecutive ordinals, so that a checkpoint never parts them. repeats.py has what is done about ids that come again.
"""

import time
from collections.abc import Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from spaniel.retrieval.errors import IndexCorrupt, InvalidInput, LimitExceeded
from spaniel.retrieval.types import Document, Passage

from .chunking.cut import Cutter
from .ingest_values import Ingested, Limits, VectorDocument
from .input import Batch, InputOptions, Position, Problem
from .manifest import FileEntry
from .partial import Checkpoint, Partial
from .passage_ids import begins_document, by_document, document_of, names_of
from .passages import PassageWriter
from .progress import Progress, Reporter
from .repeats import Known, Repeats
from .settings import IndexSettings
from .sparse.build import SparseBuilder, write_sparse
from .store import Transaction
from .stream import DocumentStream

__all__ = ["Ingest"]

MAX_PASSAGES = 2**31 - 1  # a Ranking's ids are int32
_OVERHEAD_BYTES = 96 << 20  # the interpreter, SQLite's cache, one batch
_MIN_BUILDER_BYTES = 4 << 20
_ROWS_PER_LOOK_UP = 1000


class Ingest:
    """One run over a stream, under a transaction.

    Args:
        known: gives, for those ids that the index holds already, the ordinals of all passages of their documents.
    """

    def __init__(
        self,
        txn: Transaction,
        partial: Partial,
        settings: IndexSettings,
        options: InputOptions,
        limits: Limits,
        *,
        first_ordinal: int,
        known: Known,
        report: Reporter,
    ) -> None:
        self._txn, self._partial, self._settings, self._options = txn, partial, settings, options
        self._first, self._known, self._report = first_ordinal, known, report
        self._on_duplicate, self._checkpoint_s = limits.on_duplicate, limits.checkpoint_s
        # Taking a run holds the postings twice for a moment.
        self._builder_bytes = max((limits.memory_bytes - _OVERHEAD_BYTES) // 2, _MIN_BUILDER_BYTES)
        self._analyzer = settings.open_analyzer()
        self._cutter = Cutter(settings.chunks) if settings.chunks is not None else None
        self._beside = ThreadPoolExecutor(1, "spaniel-analysis") if limits.threads > 1 else None
        self._begin()

    def _begin(self) -> None:
        self._builder = SparseBuilder(self._analyzer, self._settings.sparse)
        self._repeats = Repeats(self._on_duplicate, self._known)
        self._n = self._n_safe = self._skipped = self._n_documents = 0
        self._analysing: Future[None] | None = None
        self._held_bytes = 0
        self._position: Position | None = None
        self._writer: PassageWriter | None = None

    def run(self, stream: DocumentStream) -> Ingested:
        """Read the stream to its end, from the last checkpoint if there is one.

        Raises:
            InvalidInput: a malformed document or a repeated id, where these are errors.
            LimitExceeded: more passages than ordinals.
            OSError: the disk is full, or fails.
        """
        try:
            self._resume()
            self._started_s = self._safe_s = time.monotonic()
            for batch in stream.batches(self._position):
                self._take(batch, stream)
                progress = Progress(
                    "reading",
                    self._n_documents,
                    batch.bytes_read,
                    stream.total_bytes,
                    self._skipped,
                    self._repeats.n_replaced,
                )
                self._report(progress)
                if self._checkpoint_due(stream.resumable):
                    self._checkpoint(batch.bytes_read)
            return self._finish(stream)
        finally:
            if self._beside is not None:
                self._beside.shutdown()
            if self._writer is not None:
                self._writer.close()

    # --- Going on from a checkpoint ---

    def _resume(self) -> None:
        checkpoint = self._partial.checkpoint
        if checkpoint.n_documents:
            try:
                self._restore(checkpoint)
            except IndexCorrupt as error:
                if self._writer is not None:
                    self._writer.close()
                self._partial.start_afresh(f"the unfinished build is damaged ({error}); starting afresh")
                self._begin()
        if self._writer is None:
            self._writer = PassageWriter(self._partial.passages_path, columns=self._settings.columns)
        note = (
            f"going on after {self._n_documents:,} documents of an unfinished build" if self._n else self._partial.note
        )
        if note:
            self._report(Progress("reading", self._n_documents, checkpoint.bytes_read, 0, self._skipped, note=note))

    def _restore(self, checkpoint: Checkpoint) -> None:
        """Take up the passages of a checkpoint: every row is checked, and its id remembered."""
        expected = self._first
        end = self._first + checkpoint.n_documents
        self._writer = PassageWriter(self._partial.passages_path, columns=self._settings.columns, resume_at=end)
        rows = self._writer.rows()
        dropped = self._partial.read_dropped()
        gone = {self._first + local for local, _ in dropped}
        self._n_documents = sum(begins_document(passage) for _, passage in dropped)
        while some := list(islice(rows, _ROWS_PER_LOOK_UP)):
            for ordinal, _ in some:
                expected = _next_kept(expected, ordinal, gone)
                if ordinal != expected:
                    raise IndexCorrupt(self._partial.passages_path, f"passage {expected} is missing")
                expected += 1
            self._n_documents += sum(begins_document(passage) for _, passage in some)
            self._repeats.restore(names_of([passage for _, passage in some]))
        if _next_kept(expected, end, gone) != end:
            raise IndexCorrupt(self._partial.passages_path, f"passage {expected} is missing")
        self._n = self._n_safe = checkpoint.n_documents
        self._skipped = checkpoint.skipped
        self._repeats.restore_suspects(checkpoint.suspects)
        self._position = Position.from_json(checkpoint.position or {})

    # --- Taking documents ---

    def _take(self, batch: Batch, stream: DocumentStream) -> None:
        assert self._writer is not None
        documents = batch.documents
        if self._cutter is not None:
            documents = list(self._cutter(documents, batch.kinds))
        documents = self._repeats.not_in_index(documents, lambda names: stream.places(names, self._position))
        if self._first + self._n + len(documents) > MAX_PASSAGES:
            raise LimitExceeded(
                "passages ever added to the index", self._first + self._n + len(documents), MAX_PASSAGES
            )
        documents = self._stored(documents, stream)
        self._repeats.note(documents, self._writer, stream.places)
        self._analyse(documents)
        self._n += len(documents)
        self._n_documents += sum(map(begins_document, documents))
        self._skipped += batch.skipped - (self._position.skipped if self._position else 0)
        self._position = batch.position

    def _analyse(self, documents: list[Document]) -> None:
        """Hand the documents to the sparse builder; beside us if we have a second thread, since it needs no GIL."""
        if self._analyzer is None:
            self._builder.add_weights([_weights(document) for document in documents])
            return
        texts = [self._settings.field_texts(document) for document in documents]
        if self._beside is None:
            self._builder.add(texts)
        else:
            self._settle()
            self._analysing = self._beside.submit(self._builder.add, texts)

    def _settle(self) -> None:
        """Wait until the sparse builder has everything."""
        if self._analysing is not None:
            analysing, self._analysing = self._analysing, None
            analysing.result()
        self._held_bytes = self._builder.memory_bytes

    def _stored(self, documents: list[Document], stream: DocumentStream) -> list[Document]:
        """Store the documents; those that cannot be stored are malformed, and dealt with as asked."""
        assert self._writer is not None
        try:
            self._writer.add_many(self._first + self._n, documents)
            return documents
        except InvalidInput:
            groups = [(group, self._objection(group)) for group in by_document(documents)]
        places = dict(stream.places({document_of(group[0]) for group, error in groups if error}, self._position))
        for group, error in groups:
            if error:
                name = document_of(group[0])
                self._malformed(places.get(name, f"document {name!r}"), error)
        good = [document for group, error in groups if not error for document in group]
        self._writer.add_many(self._first + self._n, good)
        return good

    def _objection(self, passages: Sequence[Document]) -> InvalidInput | None:
        """Why a document cannot be stored."""
        assert self._writer is not None
        try:
            for passage in passages:
                self._writer.check(passage)
        except InvalidInput as error:
            return error
        return None

    def _malformed(self, place: str, error: InvalidInput) -> None:
        if self._options.on_error == "fail":
            raise InvalidInput(place, error.what, hint=error.hint) from error
        self._skipped += 1
        file, _, line = place.rpartition(":")
        if self._options.on_problem is not None:
            self._options.on_problem(Problem(file or place, int(line) if line.isdigit() else 0, 0, error.what))

    # --- Checkpoints ---

    def _checkpoint_due(self, resumable: bool) -> bool:
        if self._analysing is None:
            self._settle()
        if self._held_bytes >= self._builder_bytes:  # with a second thread, as of the batch before
            return True
        now_s = time.monotonic()
        wait_s = max(self._checkpoint_s, (now_s - self._started_s) / 20) if self._checkpoint_s else 0.0
        return resumable and now_s - self._safe_s >= wait_s and self._n > self._n_safe

    def _checkpoint(self, bytes_read: int, *, dropped: Sequence[tuple[int, Passage]] = ()) -> None:
        """Spill the run, commit the passages, and only then say so in the journal."""
        assert self._writer is not None and self._position is not None
        self._settle()
        runs = self._partial.checkpoint.runs
        if self._n > self._n_safe:
            runs = (*runs, self._partial.write_run(self._builder.take_run(self._n_safe)))
        self._writer.commit()
        self._partial.save(
            Checkpoint(
                n_documents=self._n,
                position=self._position.to_json(),
                skipped=self._skipped,
                bytes_read=bytes_read,
                suspects=self._repeats.suspects,
                runs=runs,
                dropped=self._partial.write_dropped(dropped) if dropped else None,
            )
        )
        self._n_safe, self._safe_s = self._n, time.monotonic()

    # --- The end ---

    def _finish(self, stream: DocumentStream) -> Ingested:
        assert self._writer is not None
        total_bytes = stream.total_bytes
        self._report(
            Progress("writing", self._n_documents, total_bytes, total_bytes, self._skipped, self._repeats.n_replaced)
        )
        self._settle()
        dead = self._partial.read_dropped() or self._displaced()
        if dead and stream.resumable and self._partial.checkpoint.dropped is None:
            # Their rows go before the commit, their texts are needed for it: an interruption between must find them.
            self._checkpoint(total_bytes, dropped=dead)
        elif self._settings.dense and stream.resumable and self._n > self._n_safe:
            self._checkpoint(total_bytes)  # encoding may take hours, and be interrupted
        runs = self._partial.open_runs()
        if self._n > self._n_safe:
            runs.append(self._builder.take_run(self._n_safe))
        path = self._txn.fresh_path("sparse")
        sparse = write_sparse(self._txn.fs, path, runs, self._settings.sparse, n_passages=self._n)
        self._writer.drop(self._first + local for local, _ in dead)
        self._writer.finish()
        if not self._settings.dense:  # else encoding comes first
            n_replaced = self._repeats.n_replaced + len(dead)
            self._report(Progress("committing", self._n_documents, total_bytes, total_bytes, self._skipped, n_replaced))
        return Ingested(self._n, dead, self._repeats.replaced, self._moved_passages(), sparse)

    def _displaced(self) -> list[tuple[int, Passage]]:
        """(local number, passage) of what a repeated id in the stream displaces."""
        assert self._writer is not None
        found = self._repeats.displaced(self._writer, cut=self._cutter is not None)
        return [(ordinal - self._first, passage) for ordinal, passage in found]

    def _moved_passages(self) -> FileEntry:
        """Give the finished passages file its name in the index.

        A second name for the same file, so that the working folder stays whole until the commit; a file system that
        has no hard links gets a rename, and an interrupted build starts afresh there.
        """
        target = self._txn.fresh_path("passages", ".sqlite")
        try:
            target.hardlink_to(self._partial.passages_path)
        except OSError:
            self._txn.fs.rename(self._partial.passages_path, target)
        return self._txn.adopt(target, "passages")


def _next_kept(ordinal: int, end: int, gone: Set[int]) -> int:
    """The first ordinal from `ordinal` to `end` whose row may not be missing."""
    return next((n for n in range(ordinal, end) if n not in gone), end)


def _weights(document: Document) -> dict[str, int]:
    if not isinstance(document, VectorDocument):
        raise InvalidInput(
            f"document {document.id!r}", "has no token weights, and the index holds learned sparse vectors"
        )
    return dict(document.weights)
