"""Files of arrays: what was written is what is read, and everything else is named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crash.forge import forge_arrays
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from spaniel.index.format import ArrayFile, ArrayFileWriter, bad_blocks, write_arrays
from spaniel.index.fs import RealFS
from spaniel.index.layout import BLOCK_BYTES, DTYPES
from spaniel.index.manifest import FileEntry
from spaniel.retrieval.errors import IndexCorrupt, IndexTooNew, IndexTooOld, InvalidInput, LimitExceeded

NAME = "arrays-00000001-0.bin"
any_arrays = st.dictionaries(
    st.text(max_size=8),
    st.sampled_from(sorted(DTYPES)).flatmap(
        lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
    ),
    max_size=5,
)


def written(folder: Path, arrays: dict[str, Any], kind: str = "arrays", **meta: Any) -> tuple[Path, FileEntry]:
    path = folder / NAME
    path.unlink(missing_ok=True)
    return path, write_arrays(RealFS(), path, kind=kind, meta=meta, arrays=arrays)


@given(arrays=any_arrays)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_round_trip(tmp_path: Path, arrays: dict[str, Any]) -> None:
    path, entry = written(tmp_path, arrays, note="ü", nested={"a": [1, 2.5, None]})
    file = ArrayFile.open(path, kind="arrays", entry=entry, verify=True)
    assert dict(file.meta) == {"note": "ü", "nested": {"a": [1, 2.5, None]}}
    assert list(file.arrays) == list(arrays)
    for name, array in arrays.items():
        read = file.arrays[name]
        assert read.dtype == array.dtype and read.shape == array.shape and read.tobytes() == array.tobytes()
        assert not read.flags.writeable and read.ctypes.data % 64 == 0
    assert entry.size_bytes == path.stat().st_size


def test_streaming_in_pieces_gives_the_same_bytes_as_whole_arrays(tmp_path: Path) -> None:
    big, small = np.arange(700_000, dtype=np.uint32).reshape(-1, 2), np.arange(5, dtype=np.float64)
    path, entry = written(tmp_path, {"big": big, "small": small})
    whole = path.read_bytes()
    path.unlink()
    shapes = {"big": (np.uint32, big.shape), "small": (np.float64, (5,))}
    with ArrayFileWriter(RealFS(), path, kind="arrays", meta={}, arrays=shapes) as writer:
        writer.write("big", big[:1000])
        writer.write("small", small[:2])
        writer.write("big", big[1000:])
        writer.write("small", small[2:])
        assert writer.close() == entry
    assert path.read_bytes() == whole
    assert len(whole) > 2 * BLOCK_BYTES


def test_arrays_outlive_the_file(tmp_path: Path) -> None:
    path, entry = written(tmp_path, {"x": np.arange(10, dtype=np.int64)})
    array = ArrayFile.open(path, kind="arrays", entry=entry).arrays["x"]
    path.unlink()
    assert array.tolist() == list(range(10))


@pytest.mark.parametrize(
    ("name", "piece", "complaint"),
    [
        ("y", np.zeros(1, np.int32), "no array 'y'"),
        ("x", np.zeros(1, np.int64), "is int32, got int64"),
        ("x", np.zeros(1, ">i4"), "is int32, got >i4"),
        ("x", np.zeros(4, np.int32), "has room for 3, got 4"),
    ],
)
def test_pieces_that_do_not_fit(tmp_path: Path, name: str, piece: Any, complaint: str) -> None:
    with (
        pytest.raises(InvalidInput, match=complaint),
        ArrayFileWriter(RealFS(), tmp_path / NAME, kind="a", meta={}, arrays={"x": (np.int32, (3,))}) as writer,
    ):
        writer.write(name, piece)


def test_missing_values_are_named(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidInput, match=r"values still missing: \{'x': 1\}"),
        ArrayFileWriter(RealFS(), tmp_path / NAME, kind="a", meta={}, arrays={"x": (np.int32, (3,))}) as writer,
    ):
        writer.write("x", np.zeros(2, np.int32))


@pytest.mark.parametrize("dtype", ["O", "U4", "complex64", "bool", "datetime64[s]", [("a", "i4")]])
def test_dtypes_the_format_does_not_have(tmp_path: Path, dtype: Any) -> None:
    with pytest.raises(InvalidInput, match="dtype"):
        write_arrays(RealFS(), tmp_path / NAME, kind="a", meta={}, arrays={"x": np.zeros(2, dtype)})


def test_limits_of_the_header(tmp_path: Path) -> None:
    with pytest.raises(LimitExceeded, match="the limit is 1048576"):
        write_arrays(RealFS(), tmp_path / NAME, kind="a", meta={"x": "y" * (1 << 20)}, arrays={})
    with pytest.raises(InvalidInput, match="up to 4 axes"):
        write_arrays(RealFS(), tmp_path / NAME, kind="a", meta={}, arrays={"x": np.zeros((1, 1, 1, 1, 1))})


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    path, _ = written(tmp_path, {})
    with pytest.raises(FileExistsError):
        write_arrays(RealFS(), path, kind="a", meta={}, arrays={})


def test_other_kind_and_other_entry(tmp_path: Path) -> None:
    path, entry = written(tmp_path, {"x": np.arange(3, dtype=np.int64)})
    with pytest.raises(IndexCorrupt, match="holds 'arrays' where 'sparse' is expected"):
        ArrayFile.open(path, kind="sparse", entry=entry)
    _, other = written(tmp_path, {"x": np.arange(1, 4, dtype=np.int64)})
    assert other.size_bytes == entry.size_bytes
    with pytest.raises(IndexCorrupt, match="not the file that the manifest means"):
        ArrayFile.open(path, kind="arrays", entry=entry)


def test_every_flipped_byte_is_found(tmp_path: Path) -> None:
    """Header, padding, arrays, footer: each byte of a small file, each of three changes."""
    path, entry = written(tmp_path, {"x": np.arange(3, dtype=np.uint8), "y": np.ones(5, np.float32)}, note="hello")
    whole = path.read_bytes()
    for place in range(len(whole)):
        for value in (whole[place] ^ 1, whole[place] ^ 0x80, whole[place] ^ 0xFF):
            path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            with pytest.raises(IndexCorrupt, match=NAME):
                ArrayFile.open(path, kind="arrays", entry=None, verify=True)
    path.write_bytes(whole)
    assert list(bad_blocks(path, entry)) == []


def test_every_truncation_and_extension_is_found(tmp_path: Path) -> None:
    path, _ = written(tmp_path, {"x": np.arange(30, dtype=np.uint16)})
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(IndexCorrupt, match=NAME):
            ArrayFile.open(path, kind="arrays", entry=None)
    path.write_bytes(whole + b"\0")
    with pytest.raises(IndexCorrupt, match=NAME):
        ArrayFile.open(path, kind="arrays", entry=None)


def test_damaged_blocks_are_named_with_their_arrays(tmp_path: Path) -> None:
    path, entry = written(tmp_path, {"a": np.zeros(BLOCK_BYTES, np.uint8), "b": np.zeros(2 * BLOCK_BYTES, np.uint8)})
    data = bytearray(path.read_bytes())
    data[100_000] ^= 1
    data[BLOCK_BYTES * 2 + 5] ^= 1
    path.write_bytes(data)
    ArrayFile.open(path, kind="arrays", entry=entry)  # opening does not read the arrays
    first, second = bad_blocks(path, entry)
    assert first == "bytes 0 to 1048575 do not match their checksum (arrays there: a)"
    assert second == "bytes 2097152 to 3145727 do not match their checksum (arrays there: b)"
    with pytest.raises(IndexCorrupt, match="arrays there: a"):
        ArrayFile.open(path, kind="arrays", entry=entry, verify=True)


def test_progress_counts_every_byte(tmp_path: Path) -> None:
    path, entry = written(tmp_path, {"a": np.zeros(BLOCK_BYTES + 7, np.uint8)})
    seen: list[int] = []
    assert list(bad_blocks(path, entry, seen.append)) == []
    assert sum(seen) == entry.size_bytes


def array(**changes: Any) -> dict[str, Any]:
    return {"name": "x", "dtype": "uint8", "shape": [0], "offset": 0, **changes}


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 100_000,
        {"kind": "arrays", "meta": {}},
        {"kind": 3, "meta": {}, "arrays": []},
        {"kind": "arrays", "meta": [], "arrays": []},
        {"kind": "arrays", "meta": {}, "arrays": 7},
        {"kind": "arrays", "meta": {}, "arrays": [7]},
        {"kind": "arrays", "meta": {}, "arrays": [{}]},
        {"kind": "arrays", "meta": {}, "arrays": [array(extra=1)]},
        {"kind": "arrays", "meta": {}, "arrays": [array(), array()]},
        {"kind": "arrays", "meta": {}, "arrays": [array(dtype="object")]},
        {"kind": "arrays", "meta": {}, "arrays": [array(dtype="O")]},
        {"kind": "arrays", "meta": {}, "arrays": [array(dtype=["uint8"])]},
        {"kind": "arrays", "meta": {}, "arrays": [array(offset=64)]},
        {"kind": "arrays", "meta": {}, "arrays": [array(offset=-64)]},
        {"kind": "arrays", "meta": {}, "arrays": [array(shape=[1])]},
        {"kind": "arrays", "meta": {}, "arrays": [array(shape=[-1])]},
        {"kind": "arrays", "meta": {}, "arrays": [array(shape=[True])]},
        {"kind": "arrays", "meta": {}, "arrays": [array(shape=[0.0])]},
        {"kind": "arrays", "meta": {}, "arrays": [array(shape="0")]},
        {"kind": "arrays", "meta": {}, "arrays": [array(shape=[1 << 61, 1 << 61, 1 << 61, 1 << 61])]},
        {"kind": "arrays", "meta": {}, "arrays": [array(shape=[0, 1 << 61, 1 << 61])]},
        {"kind": "arrays", "meta": {}, "arrays": [array(shape=[0, 0, 0, 0, 0])]},
        {"kind": "arrays", "meta": {}, "arrays": [array(shape=[1 << 70])]},
        b'{"kind": "arrays", "kind": "arrays", "meta": {}, "arrays": []}',
        b'{"kind": "arrays", "meta": {"x": NaN}, "arrays": []}',
        b'{"kind": "arrays", "meta": {"x": 1e999}, "arrays": []}',
        b'{"kind": "arrays", "meta": {"x": ' + b"9" * 5000 + b'}, "arrays": []}',
    ],
)
def test_forged_headers_with_right_checksums(tmp_path: Path, header: Any) -> None:
    forge_arrays(tmp_path / NAME, header)
    with pytest.raises(IndexCorrupt, match=NAME):
        ArrayFile.open(tmp_path / NAME, kind="arrays", entry=None)


def test_the_forger_can_make_a_valid_file(tmp_path: Path) -> None:
    """So that the cases above fail for their header, and not for a mistake of the forger."""
    forge_arrays(tmp_path / NAME, {"kind": "arrays", "meta": {}, "arrays": [array()]})
    assert ArrayFile.open(tmp_path / NAME, kind="arrays", entry=None, verify=True).arrays["x"].shape == (0,)


def test_versions(tmp_path: Path) -> None:
    header = {"kind": "arrays", "meta": {}, "arrays": []}
    forge_arrays(tmp_path / NAME, header, version=2)
    with pytest.raises(IndexTooNew, match="format version 2, this release reads up to 1"):
        ArrayFile.open(tmp_path / NAME, kind="arrays", entry=None)
    forge_arrays(tmp_path / NAME, header, version=0)
    with pytest.raises(IndexTooOld, match="format version 0, this release reads from 1"):
        ArrayFile.open(tmp_path / NAME, kind="arrays", entry=None)


@pytest.mark.parametrize("change", [{"zeros": b"\1" * 32}, {"footer_offset": 1 << 60}, {"footer_offset": 0}])
def test_forged_preambles(tmp_path: Path, change: dict[str, Any]) -> None:
    forge_arrays(tmp_path / NAME, {"kind": "arrays", "meta": {}, "arrays": []}, **change)
    with pytest.raises(IndexCorrupt, match=NAME):
        ArrayFile.open(tmp_path / NAME, kind="arrays", entry=None)
