"""Check every byte of an index, and say which file is damaged and where.

`verify` reads each file that the manifest names, once, from start to end, and compares: files of arrays block by block
against their footer, whose own checksum stands in the manifest; any other file (SQLite) against the checksum in the
manifest. Files that pass are then looked at from inside by the part that owns them (`DeepCheck`): rows against their
own checksums, offsets and identifiers against their ranges.

Damage is never an exception here but a line in the report, so that one run names everything that must be restored.
"""

import stat
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

from spaniel.retrieval.errors import IndexCorrupt, IndexTooNew, IndexTooOld

from .format import bad_blocks
from .fs import open_regular, read_exactly
from .manifest import FileEntry, Manifest, Segment, generation_of
from .store import LOCK_NAME, MANIFEST_NAME, PARTIAL_NAME, read_manifest

__all__ = ["DeepCheck", "Finding", "Report", "damage_of", "verify"]

_PIECE_BYTES = 1 << 20

DeepCheck: TypeAlias = Callable[[Path, FileEntry, Segment, int], Iterator[str]]
"""Looks inside a file whose bytes are as they were written; gives one sentence for each thing that cannot be.
The number is the ordinal at which the segment ends: the first of the next one, or the manifest's `next_ordinal`."""


class Finding(NamedTuple):
    """A file, by its name inside the index directory, and what is the matter with it."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found.

    Attributes:
        problems: damage, in the order of the manifest's files.
        notes: files that no part of the index uses; harmless.
        generation: that was checked; None when the manifest itself is damaged.
        n_files: files checked, the manifest included.
        size_bytes: what these files hold.
    """

    problems: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    generation: int | None
    n_files: int
    size_bytes: int

    @property
    def ok(self) -> bool:
        return not self.problems


def verify(path: str | Path, *, on_progress: Callable[[int, int], None] | None = None) -> Report:
    """Check every byte of the index at `path`. Writers may go on meanwhile; the newest generation is judged.

    Args:
        on_progress: called with (bytes checked, bytes in all), about once for each MiB.

    Raises:
        IndexNotFound: nothing was ever committed there.
        IndexTooNew, IndexTooOld: the index is of a format version that this release does not read.

    Cost: one sequential read of the index (CRC-32, about 1 GB/s and core) and the deep checks; memory a few MiB.
    """
    path = Path(path)
    while True:
        try:
            manifest = read_manifest(path)
        except IndexCorrupt as error:
            strays = tuple(_strays(path, _segment_names(path)))
            return Report((Finding(error.path.name, error.reason),), strays, None, 1, 0)
        report = _check_generation(path, manifest, on_progress)
        # Files that a writer removed while we were reading are no damage: then there is a newer generation to judge.
        if report.ok or not _moved_on(path, manifest):
            return report


def _check_generation(path: Path, manifest: Manifest, on_progress: Callable[[int, int], None] | None) -> Report:
    total = sum(entry.size_bytes for entry in manifest.entries())
    done = 0

    def on_bytes(size_bytes: int) -> None:
        nonlocal done
        done += size_bytes
        if on_progress is not None:
            on_progress(done, total)

    ends = [*(segment.first_ordinal for segment in manifest.segments[1:]), manifest.next_ordinal]
    problems = [
        Finding(entry.name, reason)
        for segment, end_ordinal in zip(manifest.segments, ends, strict=False)
        for entry in segment.files.values()
        for reason in _check_file(path / entry.name, entry, segment, end_ordinal, on_bytes)
    ]
    used = {entry.name for entry in manifest.entries()}
    total += (path / MANIFEST_NAME).stat().st_size
    return Report(tuple(problems), tuple(_strays(path, used)), manifest.generation, len(used) + 1, total)


def _check_file(
    path: Path, entry: FileEntry, segment: Segment, end_ordinal: int, on_bytes: Callable[[int], None]
) -> Iterator[str]:
    """One sentence for each thing wrong with the file; the deep check only when its bytes are right."""
    whole = True
    try:
        for reason in damage_of(path, entry, on_bytes):
            whole = False
            yield reason
        if whole and entry.kind in (deep := _deep_checks()):
            yield from deep[entry.kind](path, entry, segment, end_ordinal)
    except IndexCorrupt as error:
        yield error.reason
    except (IndexTooNew, IndexTooOld) as error:
        yield str(error)


def damage_of(path: Path, entry: FileEntry, on_bytes: Callable[[int], None] = lambda size_bytes: None) -> Iterator[str]:
    """Compare every byte of one file with its checksums; one sentence for each thing wrong.

    Raises:
        IndexCorrupt, IndexTooNew, IndexTooOld: the file is missing, of another size, or cannot be read at all.
    """
    return (bad_blocks if path.suffix == ".bin" else _bad_whole)(path, entry, on_bytes)


def _deep_checks() -> dict[str, DeepCheck]:
    """kind -> what looks inside. Imported late: verifying is rare, and opening must stay quick."""
    from .deep_checks import check_dense, check_passages, check_sparse

    return {"passages": check_passages, "sparse": check_sparse, "dense": check_dense}


def _bad_whole(path: Path, entry: FileEntry, on_bytes: Callable[[int], None]) -> Iterator[str]:
    """As `bad_blocks`, for a file that has one checksum, in the manifest."""
    with open_regular(path, entry.size_bytes) as (descriptor, size_bytes):
        crc = 0
        for start in range(0, size_bytes, _PIECE_BYTES):
            piece = read_exactly(descriptor, min(_PIECE_BYTES, size_bytes - start), start, path)
            crc = zlib.crc32(piece, crc)
            on_bytes(len(piece))
    if crc != entry.crc32:
        yield "does not match its checksum in the manifest"


def _moved_on(path: Path, manifest: Manifest) -> bool:
    try:
        return read_manifest(path).generation != manifest.generation
    except IndexCorrupt:
        return True  # the next round reports it


def _segment_names(path: Path) -> set[str]:
    """Files that the manifest may have named, now that it cannot be asked."""
    return {entry.name for entry in path.iterdir() if generation_of(entry.name) is not None}


def _strays(path: Path, used: set[str]) -> Iterator[Finding]:
    """What else lies in the directory."""
    for entry in sorted(path.iterdir()):
        if entry.name in used or entry.name == MANIFEST_NAME:
            continue
        if entry.name == LOCK_NAME and stat.S_ISREG(entry.lstat().st_mode):
            continue
        if entry.name == PARTIAL_NAME:
            yield Finding(entry.name, "working files of an unfinished build")
        elif generation_of(entry.name) is not None:
            yield Finding(entry.name, "of an earlier generation or an interrupted write; the next write removes it")
        else:
            yield Finding(entry.name, "is no part of the index")
