"""The manifest: the one small file that says what an index consists of.

`MANIFEST` is one line of ASCII and a JSON body:

    spaniel manifest 2 00001234 89abcdef
    {"generation": 7, ...}

that is the format version, the body's length in bytes and the CRC-32 of `<version> <length>` and the body, so that
every byte of the file is covered. The first line keeps this form in every later version; a release can thus tell a
damaged manifest from one of a later version. A reader takes nothing on trust: sizes are checked before reading,
unknown and missing keys are errors, and no name can lead out of the directory. The checksum finds damage; it does not
stop an attacker, which is why the rest does.
"""

import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from spaniel.retrieval.errors import IndexCorrupt, IndexTooNew, IndexTooOld, LimitExceeded

from .fs import open_regular, read_exactly

__all__ = [
    "FORMAT_VERSION",
    "JSON",
    "FileEntry",
    "Manifest",
    "Segment",
    "decode_manifest",
    "encode_manifest",
    "generation_of",
    "load_manifest",
    "parse_json",
]

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

FORMAT_VERSION = 4
OLDEST_VERSION = 1
DENSE_VERSION = 2  # the first that has dense parts; an index without them is written as version 1
CHUNKS_VERSION = 3  # the first whose documents may have several passages
QUERY_VERSION = 4  # the first whose questions another model may encode than the passages
MANIFEST_LIMIT_BYTES = 64 << 20
_FIRST_LINE = re.compile(rb"spaniel manifest (\d{1,6}) (\d{8}) ([0-9a-f]{8})\n")
_FIRST_LINE_LIMIT = 64
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}(?:-[a-z][a-z0-9_]{0,63}){0,3}-([0-9]{8,15})-[0-9]{1,6}\.[a-z][a-z0-9]{0,15}")
_COUNT_LIMIT = 1 << 62
_ORDINALS_LIMIT = 1 << 31  # ordinals are int32 wherever results are; whoever sizes memory by them stays below 2 GiB


def generation_of(name: str) -> int | None:
    """The generation in a file's name (`sparse-00000007-0.bin` -> 7); None when an index gives no such names."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a segment.

    Attributes:
        name: file name inside the index directory; holds the generation that wrote it.
        size_bytes: exact size.
        crc32: of an array file (index/format.py) the CRC in its footer, which stands for the CRCs of all its blocks and
            can be checked without reading the whole file; of any other file the CRC-32 of all its bytes.
        kind: what it holds: "sparse", "passages", "tombstones", ...
    """

    name: str
    size_bytes: int
    crc32: int
    kind: str

    def __post_init__(self) -> None:
        if generation_of(self.name) is None:
            raise ValueError(f"{self.name!r} is no name of an index file")
        _check_range("size_bytes", self.size_bytes, _COUNT_LIMIT)
        _check_range("crc32", self.crc32, 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Segment:
    """An immutable part of the index: `n_passages` passages, of which `n_deleted` are under a tombstone.

    Attributes:
        id: never used again in this index.
        first_ordinal: lowest ordinal it may hold; all of them are below the manifest's `next_ordinal`.
        files: part -> file; parts are "passages", "sparse", "tombstones", and "dense-NAME" for each dense part.
    """

    id: int
    first_ordinal: int
    n_passages: int
    n_deleted: int
    files: Mapping[str, FileEntry]

    def __post_init__(self) -> None:
        _check_range("id", self.id, _COUNT_LIMIT)
        _check_range("first_ordinal", self.first_ordinal, _ORDINALS_LIMIT)
        _check_range("n_passages", self.n_passages, _ORDINALS_LIMIT - self.first_ordinal)
        _check_range("n_deleted", self.n_deleted, self.n_passages)
        object.__setattr__(self, "files", MappingProxyType(dict(self.files)))


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation of an index.

    Attributes:
        generation: grows with every commit.
        index_id: random name given when the index was built; two indexes never share one.
        next_ordinal: ordinal of the next passage to be added, at most 2^31; ordinals are never used again.
        settings: analyser, scoring parameters, fields and columns; plain JSON values.
        segments: in ascending order of `first_ordinal`.
    """

    generation: int
    index_id: str
    next_ordinal: int
    settings: Mapping[str, JSON] = field(default_factory=dict)
    segments: tuple[Segment, ...] = ()

    def __post_init__(self) -> None:
        _check_range("generation", self.generation, 10**15 - 1)
        _check_range("next_ordinal", self.next_ordinal, _ORDINALS_LIMIT)
        object.__setattr__(self, "segments", tuple(self.segments))
        if not re.fullmatch(r"[0-9a-z-]{1,64}", self.index_id):
            raise ValueError(f"index_id {self.index_id!r} is not 1 to 64 of the characters 0-9, a-z and -")
        if len({segment.id for segment in self.segments}) != len(self.segments):
            raise ValueError("two segments have the same id")
        names = [entry.name for entry in self.entries()]
        if len(set(names)) != len(names):
            raise ValueError("two entries name the same file")
        ends = [*(segment.first_ordinal for segment in self.segments[1:]), self.next_ordinal]
        for segment, end in zip(self.segments, ends, strict=False):
            if segment.first_ordinal + segment.n_passages > end:
                raise ValueError(f"segment {segment.id} does not end before ordinal {end}, where the next one begins")

    def entries(self) -> Iterator[FileEntry]:
        """Every file of every segment."""
        for segment in self.segments:
            yield from segment.files.values()


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes of `MANIFEST`.

    Raises:
        LimitExceeded: it would be longer than a reader accepts.
        ValueError: the settings hold something that JSON cannot (NaN, infinity).
    """
    record = {
        "generation": manifest.generation,
        "index_id": manifest.index_id,
        "next_ordinal": manifest.next_ordinal,
        "settings": dict(manifest.settings),
        "segments": [_segment_record(segment) for segment in manifest.segments],
    }
    body = json.dumps(record, ensure_ascii=True, allow_nan=False, indent=1).encode() + b"\n"
    if len(body) > MANIFEST_LIMIT_BYTES:
        raise LimitExceeded("manifest size in bytes", len(body), MANIFEST_LIMIT_BYTES)
    version = _version_of(manifest)
    return b"spaniel manifest %d %08d %08x\n" % (version, len(body), _crc(version, body)) + body


def decode_manifest(data: bytes, path: Path) -> Manifest:
    """Parse and check the bytes of a manifest; `path` is for the errors.

    Raises:
        IndexCorrupt: damaged, or not a manifest.
        IndexTooNew, IndexTooOld: whole, but of a format version that this release does not read.
    """
    match = _FIRST_LINE.match(data[:_FIRST_LINE_LIMIT])
    if not match:
        raise IndexCorrupt(path, "does not start as a manifest does")
    version, length, crc = int(match[1]), int(match[2]), int(match[3], 16)
    body = data[match.end() :]
    if len(body) != length:
        raise IndexCorrupt(path, f"holds {len(body)} bytes after its first line, which says {length}")
    if _crc(version, body) != crc or match[1] != b"%d" % version:
        raise IndexCorrupt(path, "does not match its checksum")
    if version > FORMAT_VERSION:
        raise IndexTooNew(path, version, FORMAT_VERSION)
    if version < OLDEST_VERSION:
        raise IndexTooOld(path, version, OLDEST_VERSION)
    try:
        manifest = _manifest_from(parse_json(body))
    except ValueError as error:
        raise IndexCorrupt(path, f"is not a valid manifest: {error}") from error
    if version != _version_of(manifest):
        raise IndexCorrupt(path, f"is of version {version}, and what it holds of version {_version_of(manifest)}")
    return manifest


def parse_json(data: bytes) -> JSON:
    """Parse strict JSON: UTF-8, no key twice in an object, finite numbers only.

    Raises:
        ValueError: it is none.
    """
    try:
        record: JSON = json.loads(
            data.decode(), object_pairs_hook=_unique_keys, parse_constant=_finite, parse_float=_finite
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return record


def load_manifest(path: Path) -> Manifest:
    """Read and check the manifest file `path`.

    Raises:
        IndexCorrupt, IndexTooNew, IndexTooOld: as `decode_manifest`; also when it is no regular file.
    """
    with open_regular(path) as (descriptor, size_bytes):
        if size_bytes > MANIFEST_LIMIT_BYTES + _FIRST_LINE_LIMIT:
            raise IndexCorrupt(path, f"has {size_bytes} bytes, more than any manifest")
        return decode_manifest(read_exactly(descriptor, size_bytes, 0, path), path)


def _version_of(manifest: Manifest) -> int:
    """The oldest format version that has what the manifest holds."""
    if _has_query_model(manifest.settings.get("dense")):
        return QUERY_VERSION
    if "chunks" in manifest.settings:
        return CHUNKS_VERSION
    return DENSE_VERSION if "dense" in manifest.settings else OLDEST_VERSION


def _has_query_model(dense: JSON) -> bool:
    """Whether a dense part names one, or was made with a model that has one; whatever else the settings hold."""
    for part in dense.values() if isinstance(dense, dict) else ():
        model = part.get("model") if isinstance(part, dict) else None
        if isinstance(part, dict) and ("query" in part or (isinstance(model, dict) and "query_sha256" in model)):
            return True
    return False


def _crc(version: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(b"%d %08d\n" % (version, len(body))))


def _check_range(name: str, value: int, limit: int) -> None:
    if not 0 <= value <= limit:
        raise ValueError(f"{name} is {value}; it must be from 0 to {limit}")


def _segment_record(segment: Segment) -> dict[str, JSON]:
    return {
        "id": segment.id,
        "first_ordinal": segment.first_ordinal,
        "n_passages": segment.n_passages,
        "n_deleted": segment.n_deleted,
        "files": {part: asdict(entry) for part, entry in segment.files.items()},
    }


def _manifest_from(record: JSON) -> Manifest:
    keys = {"generation": int, "index_id": str, "next_ordinal": int, "settings": dict, "segments": list}
    fields = _checked(record, keys, "manifest")
    segments = tuple(_segment_from(item, place) for place, item in enumerate(fields.pop("segments")))
    return Manifest(segments=segments, **fields)


def _segment_from(record: JSON, place: int) -> Segment:
    where = f"segment {place}"
    keys = {"id": int, "first_ordinal": int, "n_passages": int, "n_deleted": int, "files": dict}
    fields = _checked(record, keys, where)
    entry_keys = {"name": str, "size_bytes": int, "crc32": int, "kind": str}
    files = fields.pop("files")
    entries = {part: FileEntry(**_checked(item, entry_keys, f"{where}, {part}")) for part, item in files.items()}
    return Segment(files=entries, **fields)


def _checked(record: JSON, keys: Mapping[str, type], where: str) -> dict[str, Any]:
    """The JSON object, with exactly these keys, each of exactly this type (true and false are no numbers)."""
    if not isinstance(record, dict):
        raise ValueError(f"{where} is no object")
    if set(record) != set(keys):
        missing, unknown = sorted(set(keys) - set(record)), sorted(set(record) - set(keys))
        raise ValueError(f"{where} has missing keys {missing} and unknown keys {unknown}")
    for key, expected in keys.items():
        if type(record[key]) is not expected:
            raise ValueError(f"{where}: {key} is not of type {expected.__name__}")
    return record


def _unique_keys(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return record


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):  # NaN and Infinity arrive here too, and so does 1e999
        raise ValueError(f"{text} is no finite number")
    return value
