"""Graphs whose weights are too large for one file, here by a limit that small models pass."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from contracts.cross_encoder import small_cross_encoder, some_texts

from spaniel.models.graph import file
from spaniel.models.graph.export import Exported, export
from spaniel.models.graph.file import data_file, write_graph
from spaniel.models.onnx_safety import check_graph, external_files
from spaniel.models.session import open_session
from spaniel.rerank.cross_encoders.open import open_pair_model
from spaniel.retrieval.errors import ModelError

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_cross_encoder(tmp_path_factory.mktemp("models") / "small", hidden=48)


@pytest.fixture
def low_limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(file, "MAX_GRAPH_BYTES", 9000)
    yield


@pytest.fixture
def split(folder: Path, low_limit: None, tmp_path: Path) -> Exported:
    return export(folder, tmp_path / "split", head="classify", precision="both")


def test_a_graph_in_two_files_scores_as_in_one(folder: Path, split: Exported, tmp_path: Path) -> None:
    texts = some_texts(20)
    for precision, graph in (("fp32", split.graph), ("int8", split.int8_graph)):
        assert external_files(graph) == {data_file(graph).name}
        assert graph.stat().st_size < 60_000 < data_file(graph).stat().st_size
        assert split.manifest["files"][data_file(graph).name]["bytes"] == data_file(graph).stat().st_size  # type: ignore[index,call-overload]
        two = open_pair_model(split.path, precision=precision, cache=tmp_path)  # type: ignore[arg-type]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(file, "MAX_GRAPH_BYTES", 1 << 30)
            one = open_pair_model(folder, precision=precision, cache=tmp_path)  # type: ignore[arg-type]
        assert two.logits(two.tokenised("w1 w2", texts)).tolist() == one.logits(one.tokenised("w1 w2", texts)).tolist()
    assert sorted(path.name for path in split.path.iterdir()) == sorted([*split.manifest["files"], "spaniel.json"])  # type: ignore[misc]


def test_data_that_is_not_what_was_written(split: Exported, tmp_path: Path) -> None:
    data = data_file(split.graph)
    whole = data.read_bytes()
    data.write_bytes(whole[:-100] + bytes(100))
    with pytest.raises(ModelError, match=r"model\.onnx\.data: not the file that was exported"):
        open_pair_model(split.path, cache=tmp_path)
    data.write_bytes(whole[:-1])
    with pytest.raises(ModelError, match=rf"has {len(whole) - 1} bytes; its tensors end at byte {len(whole)}"):
        check_graph(split.graph)
    data.unlink()
    with pytest.raises(ModelError, match=r"model\.onnx\.data"):
        open_pair_model(split.path, cache=tmp_path)


def test_data_that_the_manifest_does_not_know(split: Exported, tmp_path: Path) -> None:
    manifest = json.loads((split.path / "spaniel.json").read_text("utf-8"))
    del manifest["files"]["model.onnx.data"]
    (split.path / "spaniel.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(ModelError, match=r"model\.onnx\.data: not the file that was exported"):
        open_pair_model(split.path, cache=tmp_path)


def test_a_kept_export_without_its_data_is_made_anew(folder: Path, low_limit: None, tmp_path: Path) -> None:
    first = open_pair_model(folder, cache=tmp_path)
    (data,) = tmp_path.rglob("model.onnx.data")
    data.unlink()
    again = open_pair_model(folder, cache=tmp_path)
    assert data.is_file()
    assert (first.logits(first.tokenised("w1", ["w2"])) == again.logits(again.tokenised("w1", ["w2"]))).all()


def test_places_in_a_file_that_are_none(tmp_path: Path, low_limit: None) -> None:
    helper = onnx.helper
    x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [5000]) for name in "xy")
    held = onnx.numpy_helper.from_array(np.arange(5000, dtype=np.float32), "w")
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "graph", [x], [y], initializer=[held])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = tmp_path / "model.onnx"
    write_graph(made, path)
    assert open_session(path).run(None, {"x": np.zeros(5000, np.float32)})[0].tolist() == list(range(5000))
    for key, value in (("offset", "-4096"), ("length", "0x10"), ("offset", "9" * 30), ("length", "")):
        damaged = onnx.load(path, load_external_data=False)
        (entry,) = (each for each in damaged.graph.initializer[0].external_data if each.key == key)
        entry.value = value
        path.write_bytes(damaged.SerializeToString())
        with pytest.raises(ModelError, match="is no place in a file"):
            check_graph(path)
        entry.value = str(1 << 40)
        path.write_bytes(damaged.SerializeToString())
        with pytest.raises(ModelError, match="its tensors end at byte"):
            check_graph(path)
        entry.value = {"offset": "0", "length": "20000"}[key]
        path.write_bytes(damaged.SerializeToString())
