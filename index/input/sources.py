"""What a user points at, as an ordered list of files to read.

A source is a file, a folder of files, or a BEIR folder (one that holds `corpus.jsonl` or `corpus.jsonl.gz`, of which
only that file is read). Folders are walked lazily in sorted order, so the list of files is never held. Hidden files
and folders are left out. Links inside a folder are followed only to files inside the same folder; linked folders are
not entered.
"""

import logging
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from spaniel.retrieval.errors import InvalidInput

__all__ = ["EXTRAS", "FORMATS", "RECORDS", "Format", "Source", "SourceFile", "source_files", "total_bytes"]

_log = logging.getLogger(__name__)
Format = Literal["jsonl", "csv", "tsv", "text", "markdown", "html", "pdf", "docx", "code"]
Source: TypeAlias = str | os.PathLike[str]


def _endings(names: str) -> list[str]:
    return [f".{name}" for name in names.split()]


_CODE = _endings("py pyi js jsx mjs ts tsx java kt scala c h cc cpp cxx hh hpp cs go rs swift rb php lua jl r")
FORMATS: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "text",
    ".rst": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    **dict.fromkeys(_CODE, "code"),
}
"""File suffix -> format; each may have `.gz` behind it."""
RECORDS: frozenset[Format] = frozenset({"jsonl", "csv", "tsv"})
"""Formats of files that hold many documents; of any other a file is one."""
EXTRAS: dict[Format, str] = {"pdf": "pypdf", "docx": "docx"}
"""Formats that need a package of the extra `files` -> what it is imported as."""
_BEIR = ("corpus.jsonl", "corpus.jsonl.gz")


class SourceFile(NamedTuple):
    """One file to read.

    Attributes:
        source: number of the source it belongs to.
        name: path inside the source with "/" separators; empty when the source is itself the file.
        path: where it lies.
        size_bytes, mtime_ns: as on disk.
    """

    source: int
    name: str
    path: Path
    format: Format
    size_bytes: int
    mtime_ns: int

    @property
    def document_id(self) -> str:
        """Id of the document where a file is one document: the path inside its source, or the file's name."""
        return self.name or self.path.name


def source_files(sources: Source | Sequence[Source]) -> Iterator[SourceFile]:
    """Every file of the sources, in the order in which they are read: sources as given, folders sorted by name.

    Raises:
        InvalidInput: a source does not exist, is of no known format, or is a folder without a readable file.
    """
    for number, source in enumerate(_as_list(sources)):
        root = Path(source)
        if not root.exists():
            raise InvalidInput(str(source), "no such file or folder")
        if not root.is_dir():
            yield _single(number, root)
            continue
        beir = next((root / name for name in _BEIR if (root / name).is_file()), None)
        if beir is not None:
            yield _entry(number, beir.name, beir, "jsonl")
            continue
        empty = True
        for file in _walk(number, root):
            empty = False
            yield file
        if empty:
            raise InvalidInput(str(source), f"no file in this folder ends in {', '.join(FORMATS)} (or these with .gz)")


def total_bytes(sources: Source | Sequence[Source]) -> int:
    """Size on disk of everything `read_documents` will read, compressed where it is compressed.

    Raises:
        InvalidInput: as `source_files`.

    Cost: one `stat` a file.
    """
    return sum(file.size_bytes for file in source_files(sources))


def _as_list(sources: Source | Sequence[Source]) -> Sequence[Source]:
    several = [sources] if isinstance(sources, str | os.PathLike) else sources
    if not several:
        raise InvalidInput("sources", "none given")
    return several


def _format(name: str) -> Format | None:
    lower = name.lower()
    return FORMATS.get(Path(lower.removesuffix(".gz")).suffix)


def _single(number: int, path: Path) -> SourceFile:
    kind = _format(path.name)
    if kind is None:
        raise InvalidInput(
            str(path),
            f"files that end in {path.suffix or 'nothing'!r} cannot be read",
            hint=f"known are {', '.join(FORMATS)}, each also with .gz",
        )
    if not path.is_file():
        raise InvalidInput(str(path), "not a regular file")
    return _entry(number, "", path, kind)


def _entry(number: int, name: str, path: Path, kind: Format) -> SourceFile:
    status = path.stat()
    return SourceFile(number, name, path, kind, status.st_size, status.st_mtime_ns)


def _walk(number: int, root: Path) -> Iterator[SourceFile]:
    """Files below a folder, each folder's entries by name, without recursion: depth is the file system's to limit."""
    jail = root.resolve()
    pending = [iter(_sorted_entries(root))]
    prefix: list[str] = []
    while pending:
        entry = next(pending[-1], None)
        if entry is None:
            pending.pop()
            if prefix:
                prefix.pop()
            continue
        if entry.is_dir(follow_symlinks=False):
            pending.append(iter(_sorted_entries(Path(entry.path))))
            prefix.append(entry.name)
            continue
        kind = _format(entry.name)
        path = Path(entry.path)
        if kind is None or not _is_ours(path, jail):
            _log.debug("left out %s", path)
            continue
        name = "/".join([*prefix, entry.name])
        if not _is_unicode(name):
            raise InvalidInput(ascii(str(path)), "the name of this file is not UTF-8 and cannot be an id; rename it")
        yield _entry(number, name, path, kind)


def _sorted_entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except PermissionError as error:
        raise InvalidInput(str(folder), "no permission to list this folder") from error


def _is_ours(path: Path, jail: Path) -> bool:
    """Whether this is a regular file that lies, all links followed, inside the folder."""
    try:
        if path.is_symlink() and not path.resolve(strict=True).is_relative_to(jail):
            return False
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, RuntimeError):  # a dangling link, or a circle of links
        return False


def _is_unicode(name: str) -> bool:
    """Whether a name has no bytes that the file system's encoding could not read."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
