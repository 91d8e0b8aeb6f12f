"""The few file system calls through which an index is written.

Everything that makes or changes a file of an index goes through an `FS`: exclusive creation, positioned writes,
fsync, rename, unlink, and fsync of a directory. `RealFS` does them; the tests put a recorder in its place and replay
every state that a power loss could leave (docs/reliability.md). Two helpers for reading stand here as well, because
what a stranger put in the place of our file (a link, a pipe, a folder) must neither be followed nor block.

A failed fsync is final: the kernel may have dropped the pages and marked them clean, so that a second fsync would lie
(Rebello et al., USENIX ATC 2020). `RealFS` remembers the failure and refuses every later call.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from spaniel.retrieval.errors import IndexCorrupt

__all__ = ["FS", "Bytes", "RealFS", "WritableFile", "open_regular", "read_exactly"]

Bytes = bytes | bytearray | memoryview

_READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # NONBLOCK: opening a pipe must not wait


class WritableFile(Protocol):
    """A file being written. `pwrite` past the end leaves zeros between, as POSIX does."""

    def append(self, data: Bytes) -> None: ...
    def pwrite(self, data: Bytes, offset: int) -> None: ...
    def pread(self, size_bytes: int, offset: int) -> bytes: ...
    def fsync(self) -> None: ...
    def close(self) -> None: ...


class FS(Protocol):
    """What a writer of an index may do to the file system."""

    def mkdir(self, path: Path) -> None: ...
    def create(self, path: Path) -> WritableFile:
        """Make a file that must not exist yet (O_EXCL)."""

    def adopt(self, path: Path) -> WritableFile:
        """Open a file that something else wrote (SQLite), to checksum and fsync it."""

    def rename(self, source: Path, target: Path) -> None: ...
    def unlink(self, path: Path) -> None: ...
    def remove_tree(self, path: Path) -> None: ...
    def fsync_dir(self, path: Path) -> None: ...


class RealFS:
    """The operating system's calls. One object serves one transaction: after a failed fsync it refuses to go on."""

    def __init__(self) -> None:
        self.sync_error: OSError | None = None

    def mkdir(self, path: Path) -> None:
        self.check()
        path.mkdir()

    def create(self, path: Path) -> "RealFile":
        self.check()
        return RealFile(self, path, os.O_RDWR | os.O_CREAT | os.O_EXCL)

    def adopt(self, path: Path) -> "RealFile":
        self.check()
        return RealFile(self, path, os.O_RDWR)

    def rename(self, source: Path, target: Path) -> None:
        self.check()
        source.rename(target)

    def unlink(self, path: Path) -> None:
        self.check()
        path.unlink()

    def remove_tree(self, path: Path) -> None:
        """Delete a folder and what is in it; links inside are removed, not followed."""
        self.check()
        shutil.rmtree(path)

    def fsync_dir(self, path: Path) -> None:
        self.check()
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def sync(self, descriptor: int) -> None:
        """Fsync, and remember a failure."""
        try:
            os.fsync(descriptor)
        except OSError as error:
            self.sync_error = error
            raise

    def check(self) -> None:
        """Raise the failed fsync again, if there was one."""
        if self.sync_error is not None:
            raise self.sync_error


class RealFile:
    """A file of `RealFS`."""

    def __init__(self, fs: RealFS, path: Path, flags: int) -> None:
        self._fs, self.path = fs, path
        self._descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        self._end = os.fstat(self._descriptor).st_size

    def append(self, data: Bytes) -> None:
        self.pwrite(data, self._end)

    def pwrite(self, data: Bytes, offset: int) -> None:
        self._fs.check()
        rest = memoryview(data).cast("B")
        while len(rest):
            written = os.pwrite(self._descriptor, rest, offset)
            offset, rest = offset + written, rest[written:]
        self._end = max(self._end, offset)

    def pread(self, size_bytes: int, offset: int) -> bytes:
        return os.pread(self._descriptor, size_bytes, offset)

    def fsync(self) -> None:
        self._fs.check()
        self._fs.sync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


@contextmanager
def open_regular(path: Path, size_bytes: int | None = None) -> Iterator[tuple[int, int]]:
    """Open a regular file to read; gives (descriptor, size in bytes), closed at the end of the block.

    Args:
        path: never followed when it is a symbolic link.
        size_bytes: the size the manifest promises; any other is an error.

    Raises:
        IndexCorrupt: the file is missing, of another size, or no regular file.
    """
    try:
        descriptor = os.open(path, _READ_FLAGS)
    except OSError as error:
        raise IndexCorrupt(path, _why_not_opened(error)) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise IndexCorrupt(path, "is not a regular file")
        if size_bytes is not None and status.st_size != size_bytes:
            raise IndexCorrupt(path, f"has {status.st_size} bytes where the manifest says {size_bytes}")
        yield descriptor, status.st_size
    finally:
        os.close(descriptor)


def read_exactly(descriptor: int, size_bytes: int, offset: int, path: Path) -> bytes:
    """Read that many bytes from an offset. The caller has checked them against the file's size.

    Raises:
        IndexCorrupt: the device reports an error, or the file became shorter meanwhile.
    """
    parts, left = [], size_bytes
    while left:
        try:
            part = os.pread(descriptor, left, offset)
        except OSError as error:
            raise IndexCorrupt(path, f"cannot be read at byte {offset}: {error.strerror}") from error
        if not part:
            raise IndexCorrupt(path, f"ends at byte {offset}, {left} bytes too early")
        parts.append(part)
        offset, left = offset + len(part), left - len(part)
    return b"".join(parts)


def _why_not_opened(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "is missing"
    if error.errno == errno.ELOOP:
        return "is a symbolic link; index files never are"
    return f"cannot be opened: {error.strerror}"
