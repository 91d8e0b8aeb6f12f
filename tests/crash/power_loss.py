"""A model of what a power loss may leave, and a recorder that feeds it with the calls of the real writer.

POSIX promises little: a file's bytes are durable after fsync of the file, its name after fsync of the directory.
Until then any subset of the directory's changes may have reached the disk, in any order, and of the bytes nothing,
some, zeros or all. `durable_states` builds every such state after every prefix of the recorded calls; a test opens
each with the real reader. The model is harsher than any journalling file system, which keeps the order of directory
changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from spaniel.index.fs import Bytes, RealFile, RealFS

MAX_PENDING = 12  # 2^12 subsets; a protocol that leaves more directory changes open than this is a finding in itself


@dataclass(frozen=True)
class Call:
    """One recorded call. name: create, write, fsync, rename, unlink, mkdir, fsync_dir, begin, ack."""

    name: str
    path: Path = Path()
    file: int = -1
    offset: int = 0
    data: bytes = b""
    target: Path = Path()
    label: str = ""


class RecordingFS(RealFS):
    """Does everything for real, except fsync, and keeps the list of calls."""

    def __init__(self, calls: list[Call]) -> None:
        super().__init__()
        self.calls = calls
        self._foreign: dict[Path, tuple[int, bytes]] = {}  # what SQLite writes in a build's working folder

    def mkdir(self, path: Path) -> None:
        super().mkdir(path)
        self.calls.append(Call("mkdir", path))

    def create(self, path: Path) -> "RecordingFile":
        file = RecordingFile(self, super().create(path), self._new_file())
        self.calls.append(Call("create", path, file.number))
        return file

    def adopt(self, path: Path) -> "RecordingFile":
        """What something else wrote appears here as one write without a sync."""
        file = RecordingFile(self, super().adopt(path), self._new_file())
        self.calls.append(Call("create", path, file.number))
        self.calls.append(Call("write", path, file.number, 0, path.read_bytes()))
        return file

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        file = next((c.file for c in reversed(self.calls) if c.name == "create" and c.path == source), -1)
        self.calls.append(Call("rename", source, file, target=target))

    def unlink(self, path: Path) -> None:
        super().unlink(path)
        self.calls.append(Call("unlink", path))

    def remove_tree(self, path: Path) -> None:
        self._notice_foreign(path)
        self.calls += [Call("unlink", file) for file in sorted(path.iterdir())]
        self.calls.append(Call("unlink", path))
        super().remove_tree(path)

    def fsync_dir(self, path: Path) -> None:
        self._notice_foreign(path)
        super().fsync_dir(path)
        self.calls.append(Call("fsync_dir", path))

    def sync(self, descriptor: int) -> None:
        """The model does not need the disk to work."""

    def _notice_foreign(self, directory: Path) -> None:
        """Files that nobody made through this object: their bytes so far are writes without a sync."""
        ours = {call.target if call.name == "rename" else call.path for call in self.calls}
        for path in sorted(directory.glob("*.sqlite")):
            number, known = self._foreign.get(path, (-1, b""))
            if number < 0 and path in ours:
                continue
            if number < 0:
                number = self._new_file()
                self.calls.append(Call("create", path, number))
            if (data := path.read_bytes()) != known:
                self.calls.append(Call("write", path, number, 0, data))
            self._foreign[path] = (number, data)

    def _new_file(self) -> int:
        return sum(call.name == "create" for call in self.calls)


class RecordingFile:
    """A file of `RecordingFS`."""

    def __init__(self, fs: RecordingFS, file: RealFile, number: int) -> None:
        self.fs, self.file, self.number, self.end = fs, file, number, 0

    def append(self, data: Bytes) -> None:
        self.pwrite(data, self.end)

    def pwrite(self, data: Bytes, offset: int) -> None:
        self.file.pwrite(data, offset)
        self.end = max(self.end, offset + len(data))
        self.fs.calls.append(Call("write", self.file.path, self.number, offset, bytes(data)))

    def pread(self, size_bytes: int, offset: int) -> bytes:
        return self.file.pread(size_bytes, offset)

    def fsync(self) -> None:
        self.file.fsync()
        self.fs.calls.append(Call("fsync", self.file.path, self.number))

    def close(self) -> None:
        self.file.close()


@dataclass
class _File:
    synced: bytes = b""
    writes: list[tuple[int, bytes]] = field(default_factory=list)

    def contents(self) -> set[bytes]:
        """What may be on disk: the synced bytes, and nothing, half, the other half, zeros, or all of the rest."""
        half = len(self.writes) // 2
        bytes_half = [(at, data[: (len(data) + 1) // 2]) for at, data in self.writes]
        zeros = [(at, bytes(len(data))) for at, data in self.writes]
        variants = ([], self.writes[:half], self.writes[half:], bytes_half, zeros, self.writes)
        return {_applied(self.synced, writes) for writes in variants}


@dataclass(frozen=True)
class State:
    """Files on disk after a power loss: path -> bytes; and what was promised until then.

    Attributes:
        acknowledged: label of the last commit that had returned; "" for none.
        in_flight: label of the transaction going on; "" for none.
    """

    files: dict[Path, bytes]
    acknowledged: str
    in_flight: str


def durable_states(calls: list[Call], root: Path, first: int = 0) -> Iterator[State]:
    """Every distinct state that a power loss after at least `first` calls may leave. `root` itself is durable."""
    seen: set[Any] = set()
    model = _Disk(root)
    for place, call in enumerate([None, *calls]):
        if call is not None:
            model.apply(call)
        if place < first:
            continue
        for files in model.outcomes():
            key = (frozenset(files.items()), model.acknowledged, model.in_flight)
            if key not in seen:
                seen.add(key)
                yield State(files, model.acknowledged, model.in_flight)


class _Disk:
    """Durable names of each directory, the changes since its last fsync, and the files behind them."""

    def __init__(self, root: Path) -> None:
        self.names: dict[Path, dict[Path, int]] = {root: {}}  # directory -> name -> file, -1 for a directory
        self.pending: list[Call] = []
        self.files: dict[int, _File] = {}
        self.acknowledged = self.in_flight = ""

    def apply(self, call: Call) -> None:
        match call.name:
            case "begin":
                self.in_flight = call.label
            case "ack":
                self.acknowledged, self.in_flight = call.label, ""
            case "write":
                self.files[call.file].writes.append((call.offset, call.data))
            case "fsync":
                file = self.files[call.file]
                file.synced, file.writes = _applied(file.synced, file.writes), []
            case "fsync_dir":
                self._sync_directory(call.path)
            case _:
                if call.name == "create":
                    self.files[call.file] = _File()
                if call.name == "mkdir":
                    self.names[call.path] = {}
                self.pending.append(call)

    def outcomes(self) -> Iterator[dict[Path, bytes]]:
        """Each subset of the pending changes of names, times each content of each file then reachable."""
        if len(self.pending) > MAX_PENDING:
            raise AssertionError(f"{len(self.pending)} changes of directories are open: too many to try every subset")
        for kept in product((False, True), repeat=len(self.pending)):
            names = {directory: dict(entries) for directory, entries in self.names.items()}
            for call, keep in zip(self.pending, kept, strict=True):
                if keep:
                    _change(names, call)
            reachable = self._reachable(names)
            contents = [sorted(self.files[file].contents()) for file in reachable.values()]
            for choice in product(*contents):
                yield dict(zip(reachable, choice, strict=True))

    def _sync_directory(self, directory: Path) -> None:
        for call in [call for call in self.pending if call.path.parent == directory]:
            _change(self.names, call)
            self.pending.remove(call)
        # What was still open in a folder that is gone for good does not matter any more.
        gone = [folder for folder in self.names if folder.parent == directory and folder not in self.names[directory]]
        self.pending = [call for call in self.pending if call.path.parent not in gone]

    def _reachable(self, names: dict[Path, dict[Path, int]]) -> dict[Path, int]:
        """Files whose directories are all durable."""
        whole = {directory for directory in names if self._is_durable(directory, names)}
        return {p: file for directory in whole for p, file in names[directory].items() if file >= 0}

    @staticmethod
    def _is_durable(directory: Path, names: dict[Path, dict[Path, int]]) -> bool:
        while directory.parent in names:
            if directory not in names[directory.parent]:
                return False
            directory = directory.parent
        return True


def _change(names: dict[Path, dict[Path, int]], call: Call) -> None:
    entries = names[call.path.parent]
    if call.name in ("create", "mkdir"):
        entries[call.path] = call.file
    elif call.name == "unlink":
        entries.pop(call.path, None)
    else:  # rename; it may reach the disk although the creation of its source did not
        entries.pop(call.path, None)
        entries[call.target] = call.file


def _applied(content: bytes, writes: list[tuple[int, bytes]]) -> bytes:
    result = bytearray(content)
    for offset, data in writes:
        result.extend(bytes(max(0, offset + len(data) - len(result))))
        result[offset : offset + len(data)] = data
    return bytes(result)
