"""Graphs that reach for other files, held against what the onnx package reads out of them; and graphs that are none."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.models.onnx_safety import check_graph, external_files
from spaniel.models.session import open_session
from spaniel.retrieval.errors import LimitExceeded, ModelError

onnx: Any = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def tensor(name: str, location: str | None = None) -> Any:
    made = onnx.numpy_helper.from_array(np.arange(4, dtype=np.float32), name)
    if location is not None:
        made.ClearField("raw_data")
        made.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "16")):
            made.external_data.add(key=key, value=value)
    return made


def model(location: str | None = None, where: str = "initializer") -> Any:
    """A graph y = x + w, with a tensor named `location` at one of the places where a tensor can be."""
    helper = onnx.helper
    x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [4]) for name in "xy")
    held = tensor("t", location)
    inner = helper.make_graph([], "inner", [], [], initializer=[held])
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    match where:
        case "attribute":
            nodes.append(helper.make_node("Constant", [], ["c"], value=held))
        case "branch":
            nodes.append(helper.make_node("If", ["b"], ["d"], then_branch=inner, else_branch=inner))
        case "sparse":
            sparse = onnx.SparseTensorProto(values=held, indices=tensor("i"), dims=[4])
            nodes.append(helper.make_node("Constant", [], ["c"], sparse_value=sparse))
    initializers = [tensor("w"), *([held] if where == "initializer" else [])]
    graph = helper.make_graph(nodes, "graph", [x], [y], initializer=initializers)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    if where == "function":
        body = [helper.make_node("Constant", [], ["o"], value=held)]
        made.functions.append(helper.make_function("own", "F", [], ["o"], body, [helper.make_opsetid("", 17)]))
    return made


def saved(folder: Path, made: Any) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    return path


@pytest.mark.parametrize("where", ["initializer", "attribute", "branch", "sparse", "function"])
def test_every_place_of_a_tensor_is_looked_at(tmp_path: Path, where: str) -> None:
    assert external_files(saved(tmp_path, model("weights.bin", where))) == {"weights.bin"}
    assert external_files(saved(tmp_path, model(None, where))) == set()


@pytest.mark.parametrize(
    "location", ["/etc/passwd", "../secret", "a/../../secret", "", "..", "C:\\x", "a\0b", "/proc/self/environ"]
)
def test_data_outside_the_folder_is_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(16))
    (tmp_path / "m").mkdir()
    path = saved(tmp_path / "m", model(location))
    with pytest.raises(ModelError, match="lies outside its folder"):
        open_session(path)


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(16))
    (tmp_path / "m" / "data").mkdir(parents=True)
    (tmp_path / "m" / "weights.bin").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError, match="is a link out of its folder"):
        check_graph(saved(tmp_path / "m", model("weights.bin")))
    with pytest.raises(ModelError, match="is missing"):
        check_graph(saved(tmp_path / "m", model("none.bin")))
    with pytest.raises(ModelError, match="is no plain file"):
        check_graph(saved(tmp_path / "m", model("data")))


def test_data_inside_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(np.float32([1, 2, 3, 4]).tobytes())
    made = model()
    made.graph.initializer[0].CopyFrom(tensor("w", "w.bin"))
    session = open_session(saved(tmp_path, made))
    assert session.run(None, {"x": np.zeros(4, np.float32)})[0].tolist() == [1, 2, 3, 4]


def test_a_snapshot_of_links_as_the_hub_keeps_it(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots"
    blobs.mkdir(), snapshot.mkdir()
    (blobs / "a").write_bytes(model("w.bin").SerializeToString())
    (blobs / "b").write_bytes(bytes(16))
    (snapshot / "model.onnx").symlink_to(blobs / "a")
    (snapshot / "w.bin").symlink_to(blobs / "b")
    check_graph(snapshot / "model.onnx")


def test_files_that_are_no_graphs(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with pytest.raises(ModelError, match="no such file"):
        check_graph(path)
    path.write_bytes(b"")
    with pytest.raises(ModelError, match="empty"):
        check_graph(path)
    for damage in (b"\xff" * 40, b"\x3a\x7f", b"\x3b", b"\x80" * 20, b"\xba\x80\x80\x80\x80\x01\x00"):
        path.write_bytes(damage)
        with pytest.raises(ModelError, match="no ONNX graph"):
            check_graph(path)
    path.write_bytes(b"garbage that is long enough")
    with pytest.raises(ModelError):
        open_session(path)


def test_nesting_without_end(tmp_path: Path) -> None:
    inner = b""
    for _ in range(200):  # graph { node { attribute { g {
        for field in (6, 5, 1):
            length = len(inner)
            inner = bytes([field << 3 | 2, *_varint(length)]) + inner
    path = tmp_path / "model.onnx"
    path.write_bytes(bytes([7 << 3 | 2, *_varint(len(inner))]) + inner)
    with pytest.raises(ModelError, match="nested deeper"):
        check_graph(path)


def test_a_graph_too_large(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with path.open("wb") as stream:
        os.truncate(stream.fileno(), (2 << 30) + 1)  # a hole; takes no space
    with pytest.raises(LimitExceeded):
        check_graph(path)


@given(data=st.data())
def test_damage_never_hides_a_name_from_us_that_onnx_sees(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    where = data.draw(st.sampled_from(["initializer", "attribute", "branch", "sparse", "function"]))
    raw = bytearray(model("../secret", where).SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("d") / "model.onnx"
    path.write_bytes(raw)
    try:
        theirs = onnx.ModelProto.FromString(bytes(raw))
    except Exception:  # noqa: BLE001 - protobuf's DecodeError, from wherever this version has it
        return
    names = {e.value for t in _tensors(theirs) for e in t.external_data if e.key == "location"}
    try:
        ours = external_files(path)
    except ModelError:
        return
    assert names <= ours


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _tensors(message: Any) -> list[Any]:
    """Every TensorProto anywhere in a message, by protobuf's own reflection."""
    if message.DESCRIPTOR.name == "TensorProto":
        return [message]
    found = []
    for field, value in message.ListFields():
        if field.message_type is not None:
            repeated = hasattr(value, "__len__") and not hasattr(value, "DESCRIPTOR")
            for each in value if repeated else [value]:
                found += _tensors(each)
    return found
