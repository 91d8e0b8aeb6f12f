"""From what a user names to a folder: a path as it is, a zip unpacked once, a name from the cache or the network.

The cache holds one folder a collection, `collections/NAME`; what a user's own zip unpacks to is named after the
file's path, size and time of change, so that a changed zip is unpacked again.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spaniel.retrieval.download import OnBytes, fetch
from spaniel.retrieval.errors import InvalidInput

from .archive import unpack
from .registry import Entry, entries, resolve

__all__ = ["folder_of"]


def folder_of(
    name_or_path: str | os.PathLike[str], *, cache: Path, offline: bool = False, on_bytes: OnBytes | None = None
) -> tuple[str, Path, str | None]:
    """(name, folder, split that the name means) of a collection; whatever stands on disk goes before the registry.

    Raises:
        InvalidInput: no such folder, zip or name; or it is not here and cannot be fetched.
    """
    path = Path(name_or_path)
    if path.is_dir():
        return _name_of(path), path, None
    if path.is_file():
        if path.suffix.lower() != ".zip":
            raise InvalidInput(str(path), "a collection is a folder, a .zip or a name, this is another file")
        return path.stem, _unpacked(path, cache), None
    if path.suffix.lower() == ".zip" or len(path.parts) != 1:
        raise InvalidInput(str(path), "no such folder or file")
    entry, split = resolve(str(name_or_path))
    whole = entries()[entry.part_of] if entry.part_of else entry
    folder = _fetched(whole, cache, offline=offline, on_bytes=on_bytes)
    return entry.name, folder / entry.name.removeprefix(f"{whole.name}-") if entry.part_of else folder, split


def _name_of(folder: Path) -> str:
    """The folder's name; that of a part has the whole's before it, where the registry knows them."""
    resolved = folder.resolve()
    whole = entries().get(resolved.parent.name)
    if whole is not None and resolved.name in whole.parts:
        return f"{whole.name}-{resolved.name}"
    return resolved.name


def _unpacked(archive: Path, cache: Path) -> Path:
    """The folder of a user's own zip, unpacked the first time."""
    status = archive.stat()
    mark = hashlib.sha256(f"{archive.resolve()}\0{status.st_size}\0{status.st_mtime_ns}".encode()).hexdigest()[:16]
    target = cache / "collections" / f"{archive.stem}-{mark}"
    with _alone(target):
        if not target.is_dir():
            unpack(archive, target)
    return target


def _fetched(entry: Entry, cache: Path, *, offline: bool, on_bytes: OnBytes | None) -> Path:
    """The folder of a named collection, downloaded and unpacked the first time. A zip put there by hand will do."""
    target = cache / "collections" / entry.name
    archive = target.with_name(f"{entry.name}.zip")
    if target.is_dir():
        return target
    if entry.url is None or (offline and not archive.is_file()):
        raise InvalidInput(entry.name, f"not at {target}, and {_reason(entry)}", hint=_by_hand(entry, archive))
    with _alone(target):
        if target.is_dir():
            return target
        if archive.is_file():
            unpack(archive, target)
            return target
        try:
            fetch(entry.url, archive, md5=entry.md5, size_bytes=entry.size_bytes, on_bytes=on_bytes)
        except InvalidInput as error:
            raise InvalidInput(error.where, error.what, hint=_by_hand(entry, archive)) from error
        unpack(archive, target)
        archive.unlink()
    return target


def _reason(entry: Entry) -> str:
    if entry.url is None:
        return f"it has no public location ({entry.licence or 'see its home page'})"
    return "nothing is downloaded while offline"


def _by_hand(entry: Entry, archive: Path) -> str:
    if entry.url is None:
        return f"bring it into BEIR's form and pass its folder, or put that at {archive.with_suffix('')}"
    return f"fetch {entry.url} (md5 {entry.md5}) and put it at {archive}, or pass its path"


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Hold the lock of one collection, so that two processes do not fetch it at once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f".{target.name}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
