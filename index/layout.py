"""The preamble, the header and the footer of a file of arrays: where everything lies in it (docs/format.md).

There is exactly one valid layout for a list of arrays. So a reader computes the offsets again and compares, instead of
believing them, and the exact size of the file follows from the header alone, before anything is mapped or allocated.
"""

import json
import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from spaniel.retrieval.errors import IndexCorrupt, IndexTooNew, IndexTooOld, InvalidInput, LimitExceeded

from .fs import read_exactly
from .manifest import JSON, parse_json

__all__ = ["BLOCK_BYTES", "FORMAT_VERSION", "ArrayShapes", "Layout", "encode_footer", "encode_header", "read_header"]

FORMAT_VERSION = 1
OLDEST_VERSION = 1
BLOCK_BYTES = 1 << 20
HEADER_LIMIT_BYTES = 1 << 20
ALIGNMENT = 64
MAX_DIMENSIONS = 4
DTYPES = {
    name: np.dtype(name).newbyteorder("<")
    for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")
}
END_MARK = b"LEINAPS\x93"

_MAGIC = b"\x93SPANIEL"
_PREAMBLE = struct.Struct("<8sIIQI32sI")  # magic, version, header bytes, footer offset, header CRC, zeros, CRC of these

ArrayShapes: TypeAlias = Mapping[str, tuple[DTypeLike, tuple[int, ...]]]  # name -> (dtype, shape)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything lies. `places`: array name -> (dtype, shape, offset from the start of the file)."""

    places: Mapping[str, tuple[np.dtype[Any], tuple[int, ...], int]]
    footer_offset: int

    @property
    def n_blocks(self) -> int:
        return -(-self.footer_offset // BLOCK_BYTES)

    @property
    def size_bytes(self) -> int:
        return self.footer_offset + 4 * self.n_blocks + len(END_MARK) + 4

    def block(self, number: int) -> tuple[int, int]:
        """Start and size in bytes of a block; only the last one is shorter than `BLOCK_BYTES`."""
        start = number * BLOCK_BYTES
        return start, min(BLOCK_BYTES, self.footer_offset - start)

    def arrays_between(self, start: int, end: int) -> list[str]:
        """Names of the arrays that have a byte in [start, end)."""
        return [
            name
            for name, (dtype, shape, offset) in self.places.items()
            if offset < end and offset + dtype.itemsize * math.prod(shape) > start
        ]


def encode_header(kind: str, meta: Mapping[str, JSON], arrays: ArrayShapes, where: str) -> tuple[bytes, Layout]:
    """Preamble and header of a new file, and its layout; `where` is for the errors.

    Raises:
        InvalidInput: a dtype or shape that the format does not have.
        LimitExceeded: the header is longer than a reader accepts.
    """
    items, arrays_bytes = _place(arrays, where)
    header = json.dumps({"kind": kind, "meta": dict(meta), "arrays": items}, allow_nan=False).encode()
    if len(header) > HEADER_LIMIT_BYTES:
        raise LimitExceeded(f"header of {where} in bytes", len(header), HEADER_LIMIT_BYTES)
    layout = _layout(len(header), items, arrays_bytes)
    fields = (_MAGIC, FORMAT_VERSION, len(header), layout.footer_offset, zlib.crc32(header), bytes(32))
    preamble = _PREAMBLE.pack(*fields, 0)[:-4]
    return preamble + struct.pack("<I", zlib.crc32(preamble)) + header, layout


def encode_footer(block_crcs: bytes) -> tuple[bytes, int]:
    """The footer, and the checksum in it that stands for the file. block_crcs: little-endian uint32 (n_blocks,)."""
    crc = zlib.crc32(block_crcs + END_MARK)
    return block_crcs + END_MARK + struct.pack("<I", crc), crc


def read_header(descriptor: int, size_bytes: int, path: Path) -> tuple[dict[str, Any], Layout]:
    """Read and check preamble and header. Gives the header (keys kind, meta, arrays) and the layout.

    Args:
        size_bytes: the file's true size, which must be what the header asks for.

    Raises:
        IndexCorrupt: damaged, cut, or no file of arrays.
        IndexTooNew, IndexTooOld: whole, but of a format version that this release does not read.
    """
    if size_bytes < _PREAMBLE.size:
        raise IndexCorrupt(path, f"has {size_bytes} bytes, less than the smallest file of arrays")
    preamble = read_exactly(descriptor, _PREAMBLE.size, 0, path)
    magic, version, length, footer_offset, header_crc, zeros, crc = _PREAMBLE.unpack(preamble)
    if magic != _MAGIC:
        raise IndexCorrupt(path, "does not start as a file of arrays does")
    if crc != zlib.crc32(preamble[:-4]):
        raise IndexCorrupt(path, "the preamble does not match its checksum")
    if version > FORMAT_VERSION:
        raise IndexTooNew(path, version, FORMAT_VERSION)
    if version < OLDEST_VERSION:
        raise IndexTooOld(path, version, OLDEST_VERSION)
    if any(zeros) or length > HEADER_LIMIT_BYTES or _PREAMBLE.size + length > size_bytes:
        raise IndexCorrupt(path, f"the preamble asks for a header of {length} bytes, which cannot be")
    data = read_exactly(descriptor, length, _PREAMBLE.size, path)
    if zlib.crc32(data) != header_crc:
        raise IndexCorrupt(path, "the header does not match its checksum")
    header, layout = _parse_header(data, path)
    if layout.footer_offset != footer_offset or layout.size_bytes != size_bytes:
        raise IndexCorrupt(path, f"has {size_bytes} bytes where its header asks for {layout.size_bytes}")
    return header, layout


def _parse_header(data: bytes, path: Path) -> tuple[dict[str, Any], Layout]:
    """A header made by a stranger may carry a right checksum, so every value is checked."""
    try:
        header: Any = parse_json(data)
        if not isinstance(header, dict) or set(header) != {"kind", "meta", "arrays"}:
            raise ValueError("its keys are not kind, meta and arrays")
        if not isinstance(header["kind"], str) or not isinstance(header["meta"], dict):
            raise ValueError("kind is no string, or meta no object")
        shapes: dict[str, tuple[DTypeLike, tuple[int, ...]]] = {}
        for item in header["arrays"]:
            name, dtype, shape = item["name"], item["dtype"], tuple(item["shape"])
            if not isinstance(name, str) or name in shapes or dtype not in DTYPES:
                raise ValueError(f"array {name!r} stands twice, or its dtype {dtype!r} is none of the format's")
            shapes[name] = (dtype, shape)
        items, arrays_bytes = _place(shapes, str(path))
        if items != header["arrays"]:
            raise ValueError("the arrays do not lie where the format puts them")
    except (ValueError, TypeError, KeyError) as error:
        raise IndexCorrupt(path, f"the header cannot be used: {error}") from error
    return header, _layout(len(data), items, arrays_bytes)


def _place(arrays: ArrayShapes, where: str) -> tuple[list[dict[str, Any]], int]:
    """The header's list of arrays, and the bytes they take; offsets count from the place of the first."""
    at, items = 0, []
    for name, (dtype, shape) in arrays.items():
        text = np.dtype(dtype).name
        if text not in DTYPES:
            raise InvalidInput(where, f"array {name!r} has dtype {text}; the format has {', '.join(DTYPES)}")
        if len(shape) > MAX_DIMENSIONS or not all(type(n) is int and 0 <= n < 1 << 62 for n in shape):
            raise InvalidInput(where, f"array {name!r} has shape {shape}; the format has up to {MAX_DIMENSIONS} axes")
        items.append({"name": name, "dtype": text, "shape": list(shape), "offset": at})
        at = _aligned(at + DTYPES[text].itemsize * math.prod(shape))
    return items, at


def _layout(header_bytes: int, items: list[dict[str, Any]], arrays_bytes: int) -> Layout:
    start = _aligned(_PREAMBLE.size + header_bytes)
    places = {item["name"]: (DTYPES[item["dtype"]], tuple(item["shape"]), start + item["offset"]) for item in items}
    return Layout(MappingProxyType(places), start + arrays_bytes)


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
