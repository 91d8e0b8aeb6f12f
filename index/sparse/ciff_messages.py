"""The messages of a CIFF file, from bytes and to bytes (see ciff.py for the file).

    header bytes:   1 version   2 lists   3 documents   4 lists in all   5 documents in all   6 tokens   7 mean length
                    8 description
    list:           1 term   2 df   3 cf   4 postings (1 gap, 2 tf), each a message
    document:       1 number   2 name   3 length

Fields that are zero or empty are left out, as protocol buffers version 3 has it. A list's postings are parsed and
written as one block with NumPy where they stand as every known writer has them, otherwise field by field.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput

from . import varint

__all__ = [
    "MOST",
    "DocRecord",
    "Header",
    "PostingsList",
    "document_bytes",
    "header_bytes",
    "list_bytes",
    "parse_document",
    "parse_header",
    "parse_list",
]

MOST = (1 << 31) - 1  # the format's numbers are int32
FEW = 12  # lists shorter than this are faster in plain Python than in NumPy


@dataclass(frozen=True, slots=True)
class Header:
    """n_lists and n_docs follow in the file; the totals are the collection's and may be greater."""

    n_lists: int
    n_docs: int
    total_lists: int
    total_docs: int
    total_tokens: int
    average_length: float
    description: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True)
class PostingsList:
    """docs: uint32 (df,), ascending; tfs: uint32 (df,), at least 1."""

    term: str
    docs: NDArray[np.uint32]
    tfs: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class DocRecord:
    doc: int
    name: str
    length: int


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field, value) one after another: numbers as int, everything else as its bytes; unknown fields come too."""
    at = 0
    while at < len(message):
        tag, at = varint.read(message, at)
        field, kind = tag >> 3, tag & 7
        if kind == 0:
            number, at = varint.read(message, at)
            yield field, number
            continue
        if kind == 2:
            size, at = varint.read(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"field {field} has the unknown wire type {kind}")
        if size > len(message) - at:
            raise ValueError(f"field {field} is longer than its message")
        yield field, message[at : at + size]
        at += size


def _number(value: int | bytes, name: str, most: int = MOST) -> int:
    if isinstance(value, bytes) or value > most:
        raise ValueError(f"{name} is {value!r}, not a number from 0 to {most}")
    return value


def _text(value: int | bytes, name: str) -> str:
    if isinstance(value, int):
        raise ValueError(f"{name} is a number")
    return value.decode("utf-8")


def parse_header(message: bytes) -> Header:
    numbers, average, description = {}, 0.0, ""
    for field, value in _fields(message):
        if field in range(1, 7):
            numbers[field] = _number(value, f"field {field}", (1 << 63) - 1 if field == 6 else MOST)
        elif field == 7:
            if isinstance(value, int) or len(value) != 8:
                raise ValueError("the mean length is no double")
            (average,) = struct.unpack("<d", value)
        elif field == 8:
            description = _text(value, "description")
    version = numbers.get(1, 0)
    if version != 1:
        raise ValueError(f"version {version}; only version 1 is known")
    if not (np.isfinite(average) and average >= 0):
        raise ValueError(f"the mean length is {average}")
    lists, docs, total_lists, total_docs, tokens = (numbers.get(field, 0) for field in range(2, 7))
    return Header(lists, docs, total_lists, total_docs, tokens, average, description)


def parse_document(message: bytes) -> DocRecord:
    doc, name, length = 0, "", 0
    for field, value in _fields(message):
        if field == 1:
            doc = _number(value, "document")
        elif field == 2:
            name = _text(value, "name")
        elif field == 3:
            length = _number(value, "length")
    return DocRecord(doc, name, length)


def parse_list(message: bytes) -> PostingsList:
    """Term, df and cf come first in every writer seen; then the postings are one block of equal small messages."""
    term, df, cf, at = _parse_list_head(message)
    try:
        gaps, tfs = _block(np.frombuffer(message, np.uint8, offset=at), df)
    except _Unusual:
        term, df, cf, gaps, tfs = _parse_list_slowly(message)
    if df != len(gaps) or df == 0:
        raise ValueError(f"{term!r} has df {df} and {len(gaps)} postings")
    if np.any(gaps[1:] == 0) or np.any(tfs == 0):
        raise ValueError(f"{term!r}: a document twice, or with tf 0")
    if int(gaps.max()) > MOST or int(tfs.max()) > MOST or int(np.cumsum(gaps)[-1]) > MOST:
        raise ValueError(f"{term!r}: a document or tf above {MOST}")
    if cf and int(tfs.sum()) != cf:
        raise ValueError(f"{term!r} has cf {cf}, its tfs add up to {int(tfs.sum())}")
    return PostingsList(term, np.cumsum(gaps).astype(np.uint32), tfs.astype(np.uint32))


class _Unusual(Exception):
    """Right or wrong, not as every writer does it: to be read field by field."""


def _parse_list_head(message: bytes) -> tuple[str, int, int, int]:
    """(term, df, cf, place of the first posting) when these fields come first."""
    term, df, cf, at = "", 0, 0, 0
    while at < len(message) and message[at] != 0x22:
        tag, after = varint.read(message, at)
        if tag not in (0x0A, 0x10, 0x18):
            break
        value, after = varint.read(message, after)
        if tag == 0x0A:
            if value > len(message) - after:
                raise ValueError("the term is longer than its list")
            term, after = message[after : after + value].decode("utf-8"), after + value
        elif tag == 0x10:
            df = value
        else:
            cf = value
        at = after
    return term, df, cf, at


def _block(data: NDArray[np.uint8], df: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """(gaps, tfs) of a block of postings that each read 0x22 size 0x08 gap 0x10 tf, all of them varints.

    The first posting may leave out a gap of 0.
    """
    if df < FEW:
        raise _Unusual
    try:
        values, n = varint.decode_all(data)
    except ValueError as error:
        raise _Unusual from error
    if len(values) == 6 * df - 2:  # document 0 comes without its gap
        values = np.insert(values, 2, np.array([0x08, 0], np.uint64))
        n = np.insert(n, 2, [0, 0])
    if len(values) != 6 * df:
        raise _Unusual
    rows, sizes = values.reshape(df, 6), n.reshape(df, 6)
    plain = (rows[:, 0] == 0x22) & (rows[:, 2] == 0x08) & (rows[:, 4] == 0x10)
    if not np.all(plain & (rows[:, 1] == sizes[:, 2:].sum(axis=1).astype(np.uint64))):
        raise _Unusual
    return rows[:, 3], rows[:, 5]


def _parse_list_slowly(message: bytes) -> tuple[str, int, int, NDArray[np.uint64], NDArray[np.uint64]]:
    """Fields in any order, unknown ones passed over."""
    term, df, cf = "", 0, 0
    gaps: list[int] = []
    tfs: list[int] = []
    for field, value in _fields(message):
        if field == 1:
            term = _text(value, "term")
        elif field == 2:
            df = _number(value, "df")
        elif field == 3:
            cf = _number(value, "cf", (1 << 63) - 1)
        elif field == 4:
            if isinstance(value, int):
                raise ValueError("a posting that is a number")
            posting = dict(_fields(value))
            gaps.append(_number(posting.get(1, 0), "gap"))
            tfs.append(_number(posting.get(2, 0), "tf"))
    return term, df, cf, np.array(gaps, np.uint64), np.array(tfs, np.uint64)


def _int(field: int, value: int, most: int = MOST) -> bytes:
    """A number's field; 0 is left out, as the format has it."""
    if not 0 <= value <= most:
        raise InvalidInput("write_ciff", f"{value} is not a number from 0 to {most}")
    return bytes([field << 3]) + varint.encode(value) if value else b""


def _bytes(field: int, value: bytes) -> bytes:
    return bytes([field << 3 | 2]) + varint.encode(len(value)) + value if value else b""


def header_bytes(header: Header) -> bytes:
    counts = (header.version, header.n_lists, header.n_docs, header.total_lists, header.total_docs)
    start = b"".join(_int(i + 1, value) for i, value in enumerate(counts))
    average = b"\x39" + struct.pack("<d", header.average_length) if header.average_length else b""
    return start + _int(6, header.total_tokens, (1 << 63) - 1) + average + _bytes(8, header.description.encode())


def document_bytes(record: DocRecord) -> bytes:
    return _int(1, record.doc) + _bytes(2, record.name.encode()) + _int(3, record.length)


def list_bytes(part: PostingsList) -> bytes:
    docs, tfs = part.docs.astype(np.int64), part.tfs.astype(np.uint64)
    gaps = np.diff(docs, prepend=0)
    if len(docs) == 0 or len(docs) != len(tfs) or docs[0] < 0 or np.any(gaps[1:] < 1) or docs[-1] > MOST:
        raise InvalidInput("write_ciff", f"postings of {part.term!r}: documents must ascend strictly, one tf for each")
    if tfs.min() < 1 or tfs.max() > MOST:
        raise InvalidInput("write_ciff", f"postings of {part.term!r}: tf must be from 1 to {MOST}")
    head = _bytes(1, part.term.encode()) + _int(2, len(docs)) + _int(3, int(tfs.sum()), (1 << 63) - 1)
    if len(docs) < FEW:
        pairs = zip(gaps.tolist(), tfs.tolist(), strict=True)
        return head + b"".join(_bytes(4, _int(1, gap) + _int(2, tf)) for gap, tf in pairs)
    return head + _block_bytes(gaps.astype(np.uint64), tfs)


def _block_bytes(gaps: NDArray[np.uint64], tfs: NDArray[np.uint64]) -> bytes:
    """All postings at once: rows of 0x22 size 0x08 gap 0x10 tf, each a varint; a first gap of 0 is left out."""
    rows = np.empty((len(gaps), 6), np.uint64)
    rows[:, 0], rows[:, 2], rows[:, 4] = 0x22, 0x08, 0x10
    rows[:, 3], rows[:, 5] = gaps, tfs
    rows[:, 1] = varint.sizes(gaps) + varint.sizes(tfs) + 2
    flat = rows.ravel()
    if gaps[0] == 0:
        flat[1] -= np.uint64(2)
        flat = np.delete(flat, [2, 3])
    return varint.encode_all(flat).tobytes()
