"""Weights from safetensors: types, shards, and files that lie about themselves."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.models.graph.weights import Weights
from spaniel.retrieval.errors import ModelError


def write(path: Path, header: Any, data: bytes = b"") -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def entry(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_every_float_becomes_float32(tmp_path: Path) -> None:
    values = np.array([[1.5, -2.0, 0.25]])
    bfloat16 = (values.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
    parts = {"F64": values.astype("<f8").tobytes(), "F32": values.astype("<f4").tobytes()}
    parts |= {"F16": values.astype("<f2").tobytes(), "BF16": bfloat16}
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for dtype, raw in parts.items():
        header[dtype] = entry(dtype, [1, 3], len(data), len(data) + len(raw))
        data += raw
    write(tmp_path / "model.safetensors", header, data)
    with Weights(tmp_path) as weights:
        for dtype in parts:
            taken = weights.take(dtype, (1, 3))
            assert taken.dtype == np.float32
            np.testing.assert_array_equal(taken, values)


def test_shards_are_found_by_their_index(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.safetensors", {name: entry("F32", [1], 0, 4)}, np.float32(len(name)).tobytes())
    index = {"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    weights = Weights(tmp_path)
    assert weights.files == ("a.safetensors", "b.safetensors") and "a" in weights and "b" in weights
    (tmp_path / "b.safetensors").unlink()
    with pytest.raises(ModelError, match=r"b\.safetensors is missing"):
        Weights(tmp_path)


@pytest.mark.parametrize("name", ["../x.safetensors", "/x.safetensors", "..", 3])
def test_shards_outside_the_folder_are_refused(tmp_path: Path, name: Any) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(ModelError, match="files outside its folder"):
        Weights(tmp_path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"a": entry("F32", [2], 0, 16)}, "a ends at byte 16 of 8"),
        ({"a": entry("F32", [1 << 40, 1 << 40], 0, 8)}, "cannot have 8 bytes"),
        ({"a": entry("F32", [2], 8, 0)}, "a ends at byte 0 of 8"),
        ({"a": entry("F32", [-2], 0, 8)}, "a has no sizes"),
        ({"a": {"dtype": "F32"}}, "damaged safetensors header"),
        (b"[1, 2]", "damaged safetensors header"),
        (b"{ ", "damaged safetensors header"),
        (b"\xff\xfe", "damaged safetensors header"),
    ],
)
def test_headers_that_lie_are_refused(tmp_path: Path, header: Any, message: str) -> None:
    write(tmp_path / "model.safetensors", header, bytes(8))
    with pytest.raises(ModelError, match=message):
        Weights(tmp_path)


def test_a_header_longer_than_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    with pytest.raises(ModelError, match="a header of 1152921504606846976 bytes in a file of 10"):
        Weights(tmp_path)


@given(st.binary(max_size=64))
def test_no_bytes_do_worse_than_an_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    folder = tmp_path_factory.mktemp("w")
    (folder / "model.safetensors").write_bytes(raw)
    with pytest.raises(ModelError):
        Weights(folder).take("a", (1,))


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    header = {"a": entry("F32", [2], 0, 8), "b": entry("I64", [1], 8, 16)}
    write(tmp_path / "model.safetensors", header, np.array([1, np.nan], "<f4").tobytes() + bytes(8))
    weights = Weights(tmp_path)
    with pytest.raises(ModelError, match=r"a has the shape \(2,\), config.json asks for \(3,\)"):
        weights.take("a", (3,))
    with pytest.raises(ModelError, match="a has values that are NaN or infinite"):
        weights.take("a", (2,))
    with pytest.raises(ModelError, match="b is of type I64"):
        weights.take("b", (1,))
    with pytest.raises(ModelError, match="c is missing; there is a, b"):
        weights.take("c", (1,))


def test_no_weights_at_all(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model\.safetensors"):
        Weights(tmp_path)
