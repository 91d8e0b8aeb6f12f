"""CIFF: what is written is read back, known bytes are read, damage is named."""

import gzip
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.sparse import varint
from spaniel.index.sparse.ciff import CiffReader, DocRecord, Header, PostingsList, write_ciff
from spaniel.retrieval.errors import InvalidInput

tfs = st.one_of(st.integers(1, 5), st.integers(1, 2**31 - 1))
postings = st.dictionaries(st.one_of(st.integers(0, 60), st.integers(0, 400)), tfs, min_size=1, max_size=60)
indexes = st.dictionaries(st.text(max_size=8), postings, max_size=8)


def index_of(lists: dict[str, dict[int, int]], n_docs: int) -> tuple[Header, list[PostingsList], list[DocRecord]]:
    parts = [
        PostingsList(term, np.array(sorted(found), np.uint32), np.array([found[d] for d in sorted(found)], np.uint32))
        for term, found in lists.items()
    ]
    records = [DocRecord(i, f"doc {i} ü", i * 3) for i in range(n_docs)]
    return Header(len(parts), n_docs, len(parts) + 2, n_docs, 12345678901, 7.25, "for tests"), parts, records


def same(a: PostingsList, b: PostingsList) -> bool:
    return a.term == b.term and a.docs.tolist() == b.docs.tolist() and a.tfs.tolist() == b.tfs.tolist()


@given(indexes, st.booleans())
def test_reads_what_it_wrote(
    tmp_path_factory: pytest.TempPathFactory, lists: dict[str, dict[int, int]], packed: bool
) -> None:
    path = tmp_path_factory.mktemp("ciff") / ("index.ciff.gz" if packed else "index.ciff")
    header, parts, records = index_of(lists, 401)
    write_ciff(path, header, parts, records)
    with CiffReader(path) as reader:
        assert reader.header == header
        found = list(reader.lists())
        assert list(reader.documents()) == records
    assert len(found) == len(parts)
    assert all(map(same, found, parts))


def known() -> bytes:
    """Lists "a": documents 0 and 300, "b": 2; two records. From the schema: a tag is field << 3 | kind."""
    header = bytes([0x08, 1, 0x10, 2, 0x18, 2, 0x20, 2, 0x28, 2, 0x30, 4, 0x39]) + bytes(6) + b"\x00\x40"
    a = b"\x0a\x01a\x10\x02\x18\x03" + b"\x22\x02\x10\x01" + b"\x22\x05\x08\xac\x02\x10\x02"
    b = b"\x0a\x01b\x10\x01\x18\x01" + b"\x22\x04\x08\x02\x10\x01"
    records = [b"\x12\x02xy\x18\x02", b"\x08\x01\x12\x01z\x18\x02"]
    return b"".join(bytes([len(m)]) + m for m in (header, a, b, *records))


def test_reads_bytes_made_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "known.ciff"
    path.write_bytes(known().replace(b"\xac\x02", b"\x81\x00"))  # 300 would be past the two documents; 1 in two bytes
    with CiffReader(path) as reader:
        assert reader.header == Header(2, 2, 2, 2, 4, 2.0)
        a = next(reader.lists())
        assert (a.term, a.docs.tolist(), a.tfs.tolist()) == ("a", [0, 1], [1, 2])
        with pytest.raises(InvalidInput, match="'b': document 2 is not in the header"):
            next(reader.lists())


def test_lists_may_be_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "index.ciff"
    header, parts, records = index_of({"a": {1: 1}, "b": {2: 5}}, 4)
    write_ciff(path, header, parts, records)
    with CiffReader(path) as reader:
        assert same(next(reader.lists()), parts[0])
        assert list(reader.documents()) == records


def test_unknown_fields_and_any_order_are_read(tmp_path: Path) -> None:
    """Fields in another order, and a field 15 that no one knows, in a list long enough for the fast way."""
    docs, n = np.arange(0, 40, 2), 20
    body = b"\x7a\x03abc" + b"".join(b"\x22\x04\x10\x07\x08" + bytes([2 if i else 0]) for i in range(n))
    message = body + b"\x18" + varint.encode(7 * n) + b"\x10" + bytes([n]) + b"\x0a\x04last"
    header = bytes([0x08, 1, 0x10, 1, 0x28, 40])
    path = tmp_path / "odd.ciff"
    path.write_bytes(bytes([len(header)]) + header + varint.encode(len(message)) + message)
    with CiffReader(path) as reader:
        (found,) = reader.lists()
        assert list(reader.documents()) == []
    assert same(found, PostingsList("last", docs.astype(np.uint32), np.full(n, 7, np.uint32)))


@pytest.mark.parametrize("packed", [False, True])
def test_every_truncation_is_named(tmp_path: Path, packed: bool) -> None:
    header, parts, records = index_of({"a": dict.fromkeys(range(20), 3), "b": {2: 5}}, 20)
    path = tmp_path / ("index.ciff.gz" if packed else "index.ciff")
    write_ciff(path, header, parts, records)
    data = path.read_bytes()
    for size in range(len(data)):
        path.write_bytes(data[:size])
        with pytest.raises(InvalidInput, match=r"byte \d+"), CiffReader(path) as reader:
            list(itertools.chain(reader.lists(), reader.documents()))


def test_bytes_after_the_end_are_named(tmp_path: Path) -> None:
    header, parts, records = index_of({"a": {0: 3}}, 1)
    path = tmp_path / "index.ciff"
    write_ciff(path, header, parts, records)
    path.write_bytes(path.read_bytes() + b"\x00")
    with pytest.raises(InvalidInput, match="bytes after the last"), CiffReader(path) as reader:
        list(reader.documents())


def message(*parts: bytes) -> bytes:
    joined = b"".join(parts)
    return varint.encode(len(joined)) + joined


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "the file ends where a header should start"),
        (b"\xff" * 20, "length of a header"),
        (varint.encode(1 << 40), "a header of 1099511627776 bytes"),
        (message(b"\x08\x02"), "version 2; only version 1"),
        (message(b"\x08\x01\x10\xff\xff\xff\xff\x07"), "2147483647 lists and 0 documents in"),
        (message(b"\x08\x01\x39" + b"\xff" * 8), "mean length is nan"),
        (message(b"\x08\x01\x10\x01\x28\x09") + message(b"\x0a\x01a\x10\x02\x22\x02\x10\x01"), "df 2 and 1 postings"),
        (message(b"\x08\x01\x10\x01\x28\x09") + message(b"\x0a\x01a\x10\x01\x22\x00"), "tf 0"),
        (message(b"\x08\x01\x10\x01\x28\x09") + message(b"\x0a\x01\xff\x10\x01"), "utf-8"),
        (message(b"\x08\x01\x10\x01\x28\x09") + message(b"\x0a\x09a"), "longer than its list"),
        (message(b"\x08\x01\x10\x01\x28\x09") + message(b"\x0b\x09a"), "unknown wire type 3"),
        (
            message(b"\x08\x01\x10\x01\x28\x09") + message(b"\x18\x05\x10\x01\x22\x02\x10\x01"),
            "cf 5, its tfs add up",
        ),
        (message(b"\x08\x01\x18\x02\x28\x02") + message(b"\x08\x01") * 2, "document 1 for the second time"),
    ],
)
def test_damage_is_named(tmp_path: Path, data: bytes, what: str) -> None:
    path = tmp_path / "bad.ciff"
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=what), CiffReader(path) as reader:
        list(itertools.chain(reader.lists(), reader.documents()))


def test_what_is_no_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "index.ciff.gz"
    path.write_bytes(known())
    with pytest.raises(InvalidInput, match="cannot be unpacked"):
        CiffReader(path)


def test_a_packed_giant_is_stopped_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "bomb.ciff.gz"
    path.write_bytes(gzip.compress(varint.encode(50_000_000) + bytes(50_000_000)))
    with pytest.raises(InvalidInput, match="a header of 50000000 bytes; the file or the limit of 1000000"):
        CiffReader(path, max_message_bytes=1_000_000)


def test_a_refused_write_leaves_no_file(tmp_path: Path) -> None:
    header, parts, records = index_of({"a": {0: 3}}, 1)
    with pytest.raises(InvalidInput, match="1 postings lists, but the header says 0"):
        write_ciff(tmp_path / "x.ciff", Header(0, 1, 0, 1, 3, 3.0), parts, records)
    twice = PostingsList("a", np.array([1, 1], np.uint32), np.array([1, 1], np.uint32))
    with pytest.raises(InvalidInput, match="must ascend strictly"):
        write_ciff(tmp_path / "x.ciff", header, [twice], records)
    with pytest.raises(InvalidInput, match="tf must be from 1"):
        none = PostingsList("a", np.array([1], np.uint32), np.array([0], np.uint32))
        write_ciff(tmp_path / "x.ciff", header, [none], records)
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.integers(0, 2**63 - 1), max_size=30))
def test_varints_one_by_one_and_together(values: list[int]) -> None:
    data = b"".join(map(varint.encode, values))
    assert varint.encode_all(np.array(values, np.uint64)).tobytes() == data
    found, sizes = varint.decode_all(np.frombuffer(data, np.uint8))
    assert found.tolist() == values
    assert (
        sizes.tolist() == [len(varint.encode(v)) for v in values] == varint.sizes(np.array(values, np.uint64)).tolist()
    )
    at = 0
    for value in values:
        got, at = varint.read(data, at)
        assert got == value
    assert at == len(data)


def test_varints_that_do_not_end() -> None:
    for data in (b"", b"\x80", b"\xff" * 10, b"\xff" * 9 + b"\x02"):
        with pytest.raises(ValueError, match="does not end"):
            varint.read(data, 0)
    with pytest.raises(ValueError, match="does not end"):
        varint.decode_all(np.array([1, 0x80], np.uint8))
    with pytest.raises(ValueError, match="63 bits"):
        varint.decode_all(np.array([0x80] * 9 + [1], np.uint8))
