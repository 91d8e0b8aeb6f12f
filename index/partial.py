"""The working files of a build, from which the same command goes on after Ctrl-C or a kill.

They lie in the folder `partial/` of the index, which readers never look at: the passages so far (SQLite, committed at
each checkpoint), the spilled runs of the sparse part, and `journal.json`, which is replaced atomically and says how
much of the two counts. A checkpoint writes the run, commits the passages, then replaces the journal, so that a kill
between any two steps leaves the checkpoint before it.

What is found is trusted only if it was left by the same command over the same files (size and time of each), on the
same generation of the index, and if every checksum holds; otherwise it is thrown away and the reason is told.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from spaniel.retrieval.errors import IndexCorrupt, IndexTooNew, IndexTooOld
from spaniel.retrieval.types import Passage

from .dense.embeddings import PREFIX as VECTORS
from .format import ArrayFile, write_arrays
from .fs import open_regular, read_exactly
from .input.sources import Source, source_files
from .manifest import JSON, FileEntry, parse_json
from .sparse.build import Run
from .store import Transaction

__all__ = ["Checkpoint", "Partial", "command_fingerprint", "sources_fingerprint"]

_JOURNAL = "journal.json"
_JOURNAL_VERSION = 1
_JOURNAL_LIMIT_BYTES = 1 << 30
_RUN_KIND = "sparse-run"
_DROPPED_KIND = "dropped-passages"
_IN_WORDS = {
    "command": "met ids that come twice otherwise (--on-duplicate), or was of another command",
    "index": "was for another index, or for an older generation of it",
    "analyzer": "had other words (--language)",
    "fields": "had other fields",
    "scorer": "had another scorer",
    "columns": "had other columns",
    "chunks": "cut documents otherwise (--chunk-tokens)",
    "sources": "had other sources, or they have changed since",
    "options": "had other options of reading",
}
"""What is said of an unfinished build where a part of its fingerprint differs."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What stands safely in the working files.

    Attributes:
        n_documents: passages in the passages file and in the runs.
        position: `Position.to_json()` of the reader after them; None before the first.
        skipped: malformed records so far.
        bytes_read: of the sources.
        suspects: ids that may stand there twice.
        runs: files of the sparse runs, in order.
        dropped: file of the passages that another one of the same id displaces. It is there once the sources have been
            read to their end; from then on their rows may be missing from the passages file.
    """

    n_documents: int = 0
    position: Mapping[str, JSON] | None = None
    skipped: int = 0
    bytes_read: int = 0
    suspects: tuple[str, ...] = ()
    runs: tuple[FileEntry, ...] = ()
    dropped: FileEntry | None = None


class Partial:
    """The working folder of one build, under its transaction's lock.

    Attributes:
        checkpoint: the last one written or found.
        note: why what was found could not be used; empty when there was nothing, or it could.
    """

    def __init__(self, txn: Transaction, fingerprint: Mapping[str, str]) -> None:
        self._txn, self._folder = txn, txn.partial_path
        self._fingerprint = dict(fingerprint)
        self.checkpoint, self.note = Checkpoint(), ""
        found = self._found()
        if found is None:
            self.start_afresh(self.note)
        else:
            self.checkpoint = found
            self._remove_unknown()

    @property
    def passages_path(self) -> Path:
        """Where the passages file is, or will be."""
        return self._folder / "passages.sqlite"

    def write_run(self, run: Run) -> FileEntry:
        """Write the next run's file, fsynced. It counts once a checkpoint names it."""
        path = self._folder / f"run-{len(self.checkpoint.runs):08d}-0.bin"
        meta: dict[str, JSON] = {"n_passages": run.n_passages, "base": run.base}
        return write_arrays(self._txn.fs, path, kind=_RUN_KIND, meta=meta, arrays=run.arrays)

    def open_runs(self) -> list[Run]:
        """The runs so far, memory-mapped."""
        return [self._open_run(entry) for entry in self.checkpoint.runs]

    def _open_run(self, entry: FileEntry, *, verify: bool = False) -> Run:
        file = ArrayFile.open(self._folder / entry.name, kind=_RUN_KIND, entry=entry, verify=verify)
        n_passages, base = file.meta.get("n_passages"), file.meta.get("base")
        if not isinstance(n_passages, int) or not isinstance(base, int):
            raise IndexCorrupt(file.path, "does not say which passages it holds")
        return Run(file.arrays, n_passages, base=base)

    def write_dropped(self, dropped: Sequence[tuple[int, Passage]]) -> FileEntry:
        """Write (local number, passage) of rows that are about to go, fsynced. Counts once a checkpoint names it."""
        body = json.dumps([[local, asdict(passage)] for local, passage in dropped]).encode()
        path = self._folder / "dropped-00000000-0.bin"
        arrays = {"json": np.frombuffer(body, np.uint8)}
        return write_arrays(self._txn.fs, path, kind=_DROPPED_KIND, meta={}, arrays=arrays)

    def read_dropped(self) -> list[tuple[int, Passage]]:
        """What `write_dropped` wrote; nothing when no checkpoint names it.

        Raises:
            IndexCorrupt: the file is damaged.
        """
        entry = self.checkpoint.dropped
        if entry is None:
            return []
        file = ArrayFile.open(self._folder / entry.name, kind=_DROPPED_KIND, entry=entry, verify=True)
        try:
            return [(int(local), Passage(**passage)) for local, passage in json.loads(file.arrays["json"].tobytes())]
        except (ValueError, TypeError, KeyError) as error:
            raise IndexCorrupt(file.path, f"holds no passages: {error}") from error

    def save(self, checkpoint: Checkpoint) -> None:
        """Make `checkpoint` the one to go on from. The files it speaks of have been written and closed before."""
        record = {"version": _JOURNAL_VERSION, "fingerprint": self._fingerprint, **asdict(checkpoint)}
        pending = self._folder / "journal.pending"
        if os.path.lexists(pending):
            self._txn.fs.unlink(pending)
        file = self._txn.fs.create(pending)
        try:
            body = json.dumps(record).encode()
            file.append(b"%08x\n" % zlib.crc32(body) + body)
            file.fsync()
        finally:
            file.close()
        self._txn.fs.rename(pending, self._folder / _JOURNAL)
        self._txn.fs.fsync_dir(self._folder)
        self.checkpoint = checkpoint

    def start_afresh(self, note: str) -> None:
        """Throw away what is there; `note` says why. Vectors stay: they are known by their texts alone."""
        files = sorted(self._folder.iterdir()) if self._folder.is_dir() else []
        if any(path.name.startswith(VECTORS) for path in files):
            for path in files:
                if not path.name.startswith(VECTORS):
                    self._txn.fs.unlink(path)
        else:
            self._txn.discard_partial()
            self._txn.fs.mkdir(self._folder)
        self.checkpoint, self.note = Checkpoint(), note

    def _found(self) -> Checkpoint | None:
        """The checkpoint an earlier attempt left, if this command may go on from it."""
        if not os.path.lexists(self._folder / _JOURNAL):
            return None
        try:
            record = self._read_journal()
            differing = _first_difference(record.pop("fingerprint"), self._fingerprint)
            if differing:
                self.note = f"the unfinished build that was found {_IN_WORDS[differing]}; starting afresh"
                return None
            checkpoint = _checkpoint_from(record)
            for run in checkpoint.runs:
                self._open_run(run, verify=True)
            return checkpoint
        except (IndexCorrupt, IndexTooNew, IndexTooOld, ValueError, TypeError, KeyError) as error:
            self.note = f"the unfinished build cannot be used ({error}); starting afresh"
            return None

    def _read_journal(self) -> dict[str, JSON]:
        path = self._folder / _JOURNAL
        with open_regular(path) as (descriptor, size_bytes):
            if size_bytes > _JOURNAL_LIMIT_BYTES:
                raise ValueError(f"journal.json has {size_bytes} bytes")
            crc, _, body = read_exactly(descriptor, size_bytes, 0, path).partition(b"\n")
        if crc != b"%08x" % zlib.crc32(body):
            raise ValueError("journal.json does not match its checksum")
        record = parse_json(body)
        if not isinstance(record, dict) or record.pop("version", None) != _JOURNAL_VERSION:
            raise ValueError("journal.json is of another version")
        return record

    def _remove_unknown(self) -> None:
        """Runs and journals of after the checkpoint; their names would be in the way."""
        known = {_JOURNAL, self.passages_path.name, *(run.name for run in self.checkpoint.runs)}
        if self.checkpoint.dropped is not None:
            known.add(self.checkpoint.dropped.name)
        for path in list(self._folder.iterdir()):
            # SQLite's own journal must stay: it takes back what was not committed. Vectors are known by their texts.
            if path.name not in known and not path.name.startswith((self.passages_path.name, VECTORS)):
                self._txn.fs.unlink(path)


def command_fingerprint(**parts: JSON) -> dict[str, str]:
    """One digest for each named part of what a build was asked."""
    return {name: _digest(json.dumps(value, sort_keys=True)) for name, value in parts.items()}


def sources_fingerprint(sources: Source | Sequence[Source]) -> str:
    """Digest of the path, size and modification time of every file, in the order of reading. Cost: one `stat` each."""
    digest = hashlib.blake2b(digest_size=16)
    for file in source_files(sources):
        record = [file.source, file.name, str(file.path.absolute()), file.format, file.size_bytes, file.mtime_ns]
        digest.update(json.dumps(record).encode() + b"\n")
    return digest.hexdigest()


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _first_difference(found: object, wanted: Mapping[str, str]) -> str:
    """Name of the first part that differs; empty when all are the same."""
    if not isinstance(found, dict):
        raise ValueError("journal.json has no fingerprint")
    return next((name for name in wanted if found.get(name) != wanted[name]), "")


def _checkpoint_from(record: dict[str, JSON]) -> Checkpoint:
    runs, suspects, dropped = record.pop("runs"), record.pop("suspects"), record.pop("dropped")
    if not isinstance(runs, list) or not isinstance(suspects, list):
        raise ValueError("journal.json has no runs")
    entries = tuple(FileEntry(**run) for run in runs)  # type: ignore[arg-type]
    file = FileEntry(**dropped) if isinstance(dropped, dict) else None  # type: ignore[arg-type]
    checkpoint = Checkpoint(runs=entries, suspects=tuple(map(str, suspects)), dropped=file, **record)  # type: ignore[arg-type]
    counts = (checkpoint.n_documents, checkpoint.skipped, checkpoint.bytes_read)
    if any(type(count) is not int or count < 0 for count in counts):
        raise ValueError(f"journal.json counts {counts}")
    return checkpoint
