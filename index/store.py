"""The only writer of an index, and the one way to open a generation of it.

A commit makes a new generation, whole or not at all. In this order, none of whose steps can be left out (each one
left out is a mutant that tests/index/test_power_loss.py must catch):

 1. take the lock (`flock`: it dies with its process);
 2. choose a generation above every number seen in any file name, so that left-overs of a crash never collide;
 3. write each new file under a fresh name (O_EXCL), checksummed, and fsync it;
 4. fsync the directory: the names are durable before anything mentions them;
 5. write the manifest under a pending name, fsync it, rename it over `MANIFEST`, fsync the directory; only this is an
    acknowledgement;
 6. only then remove what neither this generation nor the one before it uses.

The first commit of a directory puts an empty `unfinished-*` file before everything else, and step 6 removes it. So
segment files with neither `MANIFEST` nor that file are an index whose manifest was lost, and nothing deletes them
unasked; with it they are what a build left that never committed.

Readers take no lock. They read `MANIFEST`, check every file's size, and map the files; what they have mapped stays
theirs after it is unlinked. A file that vanished while they opened is no damage if the generation has moved on
meanwhile.
"""

import fcntl
import logging
import os
import stat
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from spaniel.retrieval.errors import IndexCorrupt, IndexLocked, IndexNotFound, InvalidInput

from .fs import FS, RealFS
from .manifest import FileEntry, Manifest, encode_manifest, generation_of, load_manifest

__all__ = ["LOCK_NAME", "MANIFEST_NAME", "PARTIAL_NAME", "Transaction", "begin", "open_snapshot", "read_manifest"]

MANIFEST_NAME = "MANIFEST"
LOCK_NAME = "write.lock"
PARTIAL_NAME = "partial"
_SQLITE_LEFTOVERS = ("-journal", "-wal", "-shm")
_PIECE_BYTES = 1 << 20
_MAX_RETRIES = 100
_NOT_A_SEGMENT = ("unfinished-", "pending-")

_log = logging.getLogger(__name__)
T = TypeVar("T")


def read_manifest(path: str | Path) -> Manifest:
    """The manifest of the index at `path`.

    Raises:
        IndexNotFound: no such directory, or nothing was ever committed there.
        IndexCorrupt: as `load_manifest`, or there are segment files of an index but no manifest.
        IndexTooNew, IndexTooOld: as `load_manifest`.
    """
    path = Path(path)
    try:
        return load_manifest(path / MANIFEST_NAME)
    except IndexCorrupt as error:
        # Not by looking again: meanwhile a writer may have made its first commit.
        if not isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            raise
        _refuse_lost_manifest(path)
        if path.exists() and not path.is_dir():
            raise IndexNotFound(path, "it is a file, and an index is a directory: check the path") from error
        if path.is_dir() and any(_is_ours(name) and name != LOCK_NAME for name in _names(path)):
            raise IndexNotFound(path, _unfinished(path)) from error
        raise IndexNotFound(path) from error


def open_snapshot(path: str | Path, load: Callable[[Manifest], T]) -> T:
    """Open one generation: read the manifest, check the sizes of its files, and hand it to `load`, which maps them.

    A writer may remove files between the reading and the mapping. So an error is believed only if the generation is
    still the same afterwards; otherwise the newer one is opened.

    Raises:
        IndexNotFound: nothing was ever committed there.
        IndexCorrupt, IndexTooNew, IndexTooOld: the error of the newest generation.
    """
    path = Path(path)
    manifest = read_manifest(path)
    for _ in range(_MAX_RETRIES):
        try:
            check_sizes(path, manifest)
            return load(manifest)
        except (IndexCorrupt, FileNotFoundError):
            newer = read_manifest(path)
            if newer.generation == manifest.generation:
                raise
            manifest = newer
    return load(manifest)


def check_sizes(path: Path, manifest: Manifest) -> None:
    """Compare every file's size with the manifest's.

    Raises:
        IndexCorrupt: the first file that is missing, of another size, or no regular file.
    """
    for entry in manifest.entries():
        try:
            status = (path / entry.name).lstat()
        except OSError as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
            raise IndexCorrupt(path / entry.name, reason) from error
        if not stat.S_ISREG(status.st_mode):
            raise IndexCorrupt(path / entry.name, "is not a regular file")
        if status.st_size != entry.size_bytes:
            raise IndexCorrupt(
                path / entry.name, f"has {status.st_size} bytes where the manifest says {entry.size_bytes}"
            )


def begin(path: str | Path, create: bool = False, fs: FS | None = None, *, overwrite: bool = False) -> "Transaction":
    """Start a transaction; use it as a context manager. Leaving the block without a commit removes the files it made.

    Args:
        create: make the directory if need be; without it an index must be there.
        fs: stands in for the operating system in tests.
        overwrite: with `create`, go on where segment files have lost their manifest; the commit removes them.

    Raises:
        IndexLocked: another transaction is going on.
        IndexNotFound: no index there, and not `create`.
        InvalidInput: `create` in a directory that holds other things, or at a file.
        IndexCorrupt, IndexTooNew, IndexTooOld: the manifest there cannot be used, or is missing beside segment files.
    """
    path, fs = Path(path), fs or RealFS()
    if not create:
        read_manifest(path)
    elif path.exists() and not path.is_dir():
        raise InvalidInput(str(path), "is a file, and an index is a directory", hint="choose a new directory")
    elif not path.is_dir():
        _make_directory(path, fs)
    elif not _exists(path / MANIFEST_NAME):
        _refuse_foreign(path)
    lock = _take_lock(path)
    try:
        return Transaction(path, lock, fs, overwrite=overwrite)
    except BaseException:
        os.close(lock)
        raise


class Transaction:
    """One commit in the making, under the lock; made by `begin`.

    Attributes:
        path: the index directory.
        fs: write through this, and nothing else.
        base: the manifest this commit builds on; None when there is no index yet.
        generation: the one that `commit` will make.
        partial_path: folder of a resumable build's working files; not part of the index, left alone by everything here.
    """

    def __init__(self, path: Path, lock: int, fs: FS, *, overwrite: bool = False) -> None:
        self.path, self.fs, self._lock = path, fs, lock
        self.base: Manifest | None = read_manifest(path) if _exists(path / MANIFEST_NAME) else None
        if self.base is None and not overwrite:
            _refuse_lost_manifest(path)
        if self.base is None:
            fs.fsync_dir(path.absolute().parent)  # the directory may be the work of an attempt that died before this
        seen = [generation_of(_without_sqlite_suffix(name)) or 0 for name in _names(path)]
        self.generation = 1 + max([self.base.generation if self.base else 0, *seen])
        self.partial_path = path / PARTIAL_NAME
        self._fresh: list[Path] = []
        self._may_be_visible = False
        self._closed = False
        self._mark: Path | None = None
        if self.base is None and not any(map(_is_mark, _names(path))):
            self._mark_unfinished()

    def fresh_path(self, part: str, suffix: str = ".bin") -> Path:
        """A path in the index directory that was never used before and that readers do not know.

        Raises:
            InvalidInput: no possible name: a part is lower-case letters, digits, _ and -, starting with a letter.
        """
        name = f"{part}-{self.generation:08d}-{len(self._fresh)}{suffix}"
        if generation_of(name) != self.generation:
            raise InvalidInput("fresh_path", f"{part!r} with suffix {suffix!r} gives no name of an index file")
        self._fresh.append(self.path / name)
        return self._fresh[-1]

    def adopt(self, path: Path, kind: str) -> FileEntry:
        """Checksum and fsync a file at a `fresh_path` that something else wrote and closed (SQLite).

        Raises:
            InvalidInput: the path is not one of this transaction's, or SQLite has not closed it, or it ends in `.bin`,
                which is for files of arrays.
            OSError: it cannot be read or fsynced.
        """
        if path not in self._fresh or path.suffix == ".bin":
            raise InvalidInput("adopt", f"{path} is not a fresh path of this transaction, or is for arrays")
        for suffix in _SQLITE_LEFTOVERS:
            if _exists(Path(f"{path}{suffix}")):
                raise InvalidInput("adopt", f"{path.name}{suffix} is there: close the database first")
        file = self.fs.adopt(path)
        try:
            size_bytes = crc = 0
            while piece := file.pread(_PIECE_BYTES, size_bytes):
                crc = zlib.crc32(piece, crc)
                size_bytes += len(piece)
            file.fsync()
        finally:
            file.close()
        return FileEntry(path.name, size_bytes, crc, kind)

    def commit(self, manifest: Manifest) -> Manifest:
        """Make `manifest` the index, durably; its generation is replaced by this transaction's.

        When this returns, the new generation survives a power loss. When it raises, the old one is still there, and
        so may be the new one (if it was the very last fsync that failed): never anything between.

        Raises:
            InvalidInput: a file of the manifest is neither in the base nor made by this transaction.
            IndexCorrupt: such a file is missing or of another size.
            OSError: the disk is full or fails.
        """
        if self._closed:
            raise InvalidInput("commit", "this transaction has ended")
        manifest = replace(manifest, generation=self.generation)
        self._check_files(manifest)
        self.fs.fsync_dir(self.path)
        pending = self.fresh_path("pending", ".json")
        file = self.fs.create(pending)
        try:
            file.append(encode_manifest(manifest))
            file.fsync()
        finally:
            file.close()
        self._closed = self._may_be_visible = True
        self.fs.rename(pending, self.path / MANIFEST_NAME)
        self.fs.fsync_dir(self.path)
        self._collect_garbage(manifest)
        return manifest

    def discard_partial(self) -> None:
        """Delete the working files of a resumable build. After `commit`, or before a build that starts afresh."""
        if _exists(self.partial_path):
            self.fs.remove_tree(self.partial_path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not self._may_be_visible:
                self._remove([path.name for path in (*self._fresh, *([self._mark] if self._mark else []))])
        finally:
            self._closed = True
            os.close(self._lock)

    def _mark_unfinished(self) -> None:
        """Say, durably and before there is any file of a segment, that nothing was committed here yet."""
        self._mark = self.path / f"unfinished-{self.generation:08d}-0.mark"
        self.fs.create(self._mark).close()
        self.fs.fsync_dir(self.path)

    def _check_files(self, manifest: Manifest) -> None:
        known = {entry.name: entry for entry in self.base.entries()} if self.base else {}
        fresh = {path.name for path in self._fresh}
        for entry in manifest.entries():
            if entry.name not in fresh and known.get(entry.name) != entry:
                raise InvalidInput("commit", f"{entry.name} is neither in the index nor made by this transaction")
        check_sizes(self.path, manifest)

    def _collect_garbage(self, manifest: Manifest) -> None:
        """Readers that are just opening the generation before this one still find its files."""
        kept = {entry.name for generation in (self.base, manifest) if generation for entry in generation.entries()}
        ours = [n for n in _names(self.path) if generation_of(_without_sqlite_suffix(n)) is not None]
        self._remove([name for name in ours if name not in kept])

    def _remove(self, names: list[str]) -> None:
        """What cannot be removed now is garbage for the next commit, and no reason to call this one failed."""
        for name in names:
            try:
                self.fs.unlink(self.path / name)
            except FileNotFoundError:
                continue
            except OSError as error:
                _log.warning("could not remove %s: %s; the next commit will", self.path / name, error)


def _unfinished(path: Path) -> str:
    """What to do about a build that has committed nothing yet: its process is at work, or has ended.

    The lock is not tried: whoever holds it for a moment to look makes a writer fail that comes in this moment.
    """
    with suppress(OSError, ValueError, OverflowError):
        pid = int((path / LOCK_NAME).read_bytes()[:20])
        if pid > 0 and pid != os.getpid() and _runs(pid):
            return f"process {pid} is building it: wait for it to end"
    return "an unfinished build is there: run the same `spaniel index build` again to finish it"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _make_directory(path: Path, fs: FS) -> None:
    missing = [path, *path.parents]
    missing = missing[: next(place for place, parent in enumerate(missing) if parent.exists())]
    for directory in reversed(missing):
        fs.mkdir(directory)
        fs.fsync_dir(directory.absolute().parent)


def _refuse_foreign(path: Path) -> None:
    """An index may be built in an empty directory or over an unfinished build, not among someone's documents."""
    foreign = sorted(name for name in _names(path) if not _is_ours(name))
    if foreign:
        raise InvalidInput(str(path), f"holds {foreign[0]!r}, which is no part of an index; choose a new directory")


def _refuse_lost_manifest(path: Path) -> None:
    """Segment files with neither a manifest nor the mark of a first build were an index, which is not ours to lose.

    Raises:
        IndexCorrupt: such files are there.
    """
    names = sorted(_names(path)) if path.is_dir() else []
    segments = [name for name in names if generation_of(name) is not None and not name.startswith(_NOT_A_SEGMENT)]
    # Looked for last: the mark goes only after the manifest has come, and a first commit may be going on.
    if not segments or any(map(_is_mark, names)) or _exists(path / MANIFEST_NAME):
        return
    error = IndexCorrupt(path / MANIFEST_NAME, f"segment files but no MANIFEST: {', '.join(segments[:3])}")
    error.hint = "restore MANIFEST; or build again with overwrite=True (--overwrite), which removes these files"
    raise error


def _is_mark(name: str) -> bool:
    return name.startswith("unfinished-") and generation_of(name) is not None


def _exists(path: Path) -> bool:
    """Whether something has this name. Unlike os.path.lexists, it does not take a failing disk for an absent file."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _names(path: Path) -> list[str]:
    return [entry.name for entry in path.iterdir()]


def _is_ours(name: str) -> bool:
    return name in (MANIFEST_NAME, LOCK_NAME, PARTIAL_NAME) or generation_of(_without_sqlite_suffix(name)) is not None


def _without_sqlite_suffix(name: str) -> str:
    for suffix in _SQLITE_LEFTOVERS:
        name = name.removesuffix(suffix)
    return name


def _take_lock(path: Path) -> int:
    """The descriptor that holds the lock until it is closed, or the process dies."""
    descriptor = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 20, 0).strip()
        os.close(descriptor)
        raise IndexLocked(path, int(holder) if holder.isdigit() else None) from error
    except BaseException:
        os.close(descriptor)
        raise
    with suppress(OSError):  # the number only makes a message better
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    return descriptor
