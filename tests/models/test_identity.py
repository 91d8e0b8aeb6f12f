"""The hash of a model covers what is opened of it, and nothing that could hide a pickle or a stale graph."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.small_model import small_bert, write_json

from spaniel.models.encoders.open import open_encoder
from spaniel.models.folder import read_folder
from spaniel.models.graph.export import export
from spaniel.models.graph.weights import Weights
from spaniel.models.identity import folder_identity
from spaniel.retrieval.errors import ModelError

onnx: Any = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return small_bert(tmp_path / "m")


def identity(folder: Path, runtime: str = "onnx") -> str:
    return folder_identity(read_folder(folder), folder.parent / "cache", runtime)


def configure(folder: Path, change: Mapping[str, Any]) -> None:
    write_json(folder / "config.json", json.loads((folder / "config.json").read_text()) | change)


def novel(model: Path, *, external: bool = False) -> Path:
    """The model as an architecture that is not built here, with a graph that somebody else made."""
    made = export(model, model.parent / "hidden", head="hidden").path
    (model / "onnx").mkdir()
    graph = onnx.load(made / "model.onnx")
    onnx.save(graph, model / "onnx" / "model.onnx", save_as_external_data=external, location="model.onnx_data")
    configure(model, {"model_type": "novel"})
    return model


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\x32\0")  # an empty doc_string of a graph


def test_the_graph_that_runs_is_what_is_hashed(model: Path) -> None:
    folder = novel(model)
    shutil.copy(folder / "onnx" / "model.onnx", folder / "model.onnx")
    first, torch = identity(folder), identity(folder, "sentence-transformers")
    append(folder / "model.onnx")  # not the one that is taken
    assert identity(folder) == first
    (folder / "model.safetensors").unlink()  # not opened
    assert identity(folder) == first != torch
    append(folder / "onnx" / "model.onnx")
    assert identity(folder) != first


def test_data_beside_a_graph_is_hashed(model: Path) -> None:
    folder = novel(model, external=True)
    first = identity(folder)
    append(folder / "onnx" / "model.onnx_data")
    assert identity(folder) != first


def test_a_graph_is_used_where_weights_are_missing(model: Path, tmp_path: Path) -> None:
    own = open_encoder(model, cache=tmp_path / "c").encode(["w1 w2"], kind="query")
    novel(model)
    configure(model, {"model_type": "bert"})
    (model / "model.safetensors").unlink()
    foreign = open_encoder(model, cache=tmp_path / "c").encode(["w1 w2"], kind="query")
    np.testing.assert_allclose(foreign, own, atol=1e-5)


def test_another_activation_is_another_model_and_another_graph(model: Path, tmp_path: Path) -> None:
    with open_encoder(model, cache=tmp_path / "c") as first:
        before = first.encode(["w1 w2"], kind="query")
    configure(model, {"hidden_act": "relu"})
    with open_encoder(model, cache=tmp_path / "c") as second:
        assert second.card.differences(first.card)
        assert not np.allclose(second.encode(["w1 w2"], kind="query"), before)


def test_where_a_configuration_comes_from_does_not_count(model: Path) -> None:
    for change in ({}, {"model_type": "novel"}):
        configure(model, change)
        first = identity(model, "sentence-transformers")
        configure(model, {"_name_or_path": "elsewhere", "transformers_version": "9.9"})
        assert identity(model, "sentence-transformers") == first


def test_all_ways_to_run_one_folder_have_one_identity(model: Path, tmp_path: Path) -> None:
    both = export(model, tmp_path / "both", precision="both", least_cosine=0.9).path
    int8 = export(model, tmp_path / "int8", precision="int8", least_cosine=0.9).path
    found = {identity(model), identity(model, "sentence-transformers"), identity(both), identity(int8)}
    assert len(found) == 1


def test_the_configuration_of_an_export_is_looked_at(model: Path, tmp_path: Path) -> None:
    out = export(model, tmp_path / "out").path
    configure(out, {"hidden_act": "relu"})
    with pytest.raises(ModelError, match=r"config\.json: not the file that was exported"):
        identity(out)


def with_dense(model: Path, **weights: Any) -> Path:
    """The model with a further layer; `weights`: name of the file without its suffix -> bytes or a dictionary."""
    modules = json.loads((model / "modules.json").read_text())
    layer = {"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"}
    write_json(model / "modules.json", [*modules[:2], layer])
    write_json(
        model / "3_Dense" / "config.json",
        {
            "in_features": 24,
            "out_features": 8,
            "bias": False,
            "activation_function": "torch.nn.modules.linear.Identity",
        },
    )
    return model


def dense_weights(seed: int) -> dict[str, Any]:
    return {"linear.weight": np.random.default_rng(seed).standard_normal((8, 24)).astype(np.float32)}


def test_a_further_layer_in_a_pickle_is_refused(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason="the torch extra is not installed")
    torch: Any = pytest.importorskip("torch")
    folder = with_dense(model)
    torch.save(
        {name: torch.from_numpy(value) for name, value in dense_weights(0).items()},
        folder / "3_Dense" / "pytorch_model.bin",
    )
    with pytest.raises(ModelError, match=r"pytorch_model\.bin: pickled weights") as refused:
        open_encoder(folder, cache=tmp_path / "c")
    assert "save_pretrained" in refused.value.hint


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_further_layer_counts(model: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    pytest.importorskip("sentence_transformers", reason="the torch extra is not installed")
    folder, seen = with_dense(model), set()
    for seed in range(2):
        save_file(dense_weights(seed), folder / "3_Dense" / "model.safetensors")
        (folder / "3_Dense" / "pytorch_model.bin").write_bytes(bytes([seed]))  # beside safetensors nobody opens it
        with open_encoder(folder, cache=tmp_path / "c") as encoder:
            assert encoder.card.dimension == 8
            seen.add(encoder.card.sha256)
    write_json(folder / "3_Dense" / "config.json", {"another": "layer"})
    assert len(seen | {identity(folder, "sentence-transformers")}) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "../elsewhere"}, "no folder inside"),
        ({"path": "/etc"}, "no folder inside"),
        ({"type": "own_code.Dense"}, "which is not run"),
    ],
)
def test_modules_from_elsewhere_are_refused(model: Path, change: dict[str, str], message: str) -> None:
    folder = with_dense(model)
    modules = json.loads((folder / "modules.json").read_text())
    write_json(folder / "modules.json", [*modules[:2], modules[2] | change])
    with pytest.raises(ModelError, match=message):
        identity(folder, "sentence-transformers")


def test_weights_in_a_folder_of_their_own_count(model: Path) -> None:
    modules = json.loads((model / "modules.json").read_text())
    write_json(model / "modules.json", [modules[0] | {"path": "0_Transformer"}, *modules[1:]])
    (model / "0_Transformer").mkdir()
    inner = model / "0_Transformer" / "model.safetensors"
    shutil.copy(model / "model.safetensors", inner)
    first = identity(model, "sentence-transformers")
    append(inner)
    assert identity(model, "sentence-transformers") != first
    with pytest.raises(ModelError, match="'0_Transformer' cannot be exported"):
        open_encoder(model, cache=model.parent / "c", runtime="onnx")


@pytest.mark.parametrize("key", ["model_type", "hidden_act", "pad_token_id", "hidden_size"])
@pytest.mark.parametrize("value", [["bert"], {"a": 1}, None, "?"])
def test_values_of_a_configuration_of_any_type(model: Path, key: str, value: Any) -> None:
    configure(model, {key: value})
    with pytest.raises(ModelError):
        open_encoder(model, cache=model.parent / "c", runtime="onnx")
    assert len(identity(model, "sentence-transformers")) == 64


def test_an_adapter_is_not_left_out_in_silence(model: Path) -> None:
    write_json(model / "adapter_config.json", {})
    with pytest.raises(ModelError, match="an adapter"):
        identity(model, "sentence-transformers")


DEEP = "[" * 200_000


def test_json_nested_without_end(model: Path, tmp_path: Path) -> None:
    (model / "model.safetensors").write_bytes(len(DEEP).to_bytes(8, "little") + DEEP.encode())
    with pytest.raises(ModelError, match="damaged safetensors header"):
        Weights(model)
    with pytest.raises(ModelError, match="damaged safetensors header"):
        open_encoder(model, cache=tmp_path / "c")
    (model / "model.safetensors").unlink()
    (model / "model.safetensors.index.json").write_text(DEEP)
    with pytest.raises(ModelError, match=r"index\.json: no JSON"):
        open_encoder(model, cache=tmp_path / "c", runtime="onnx")


def test_a_header_of_a_hundred_megabytes_is_not_read(model: Path) -> None:
    path = model / "model.safetensors"
    with path.open("wb") as stream:
        stream.write((90_000_000).to_bytes(8, "little"))
        stream.truncate(95_000_000)  # a hole; takes no space
    with pytest.raises(ModelError, match="a header of 90000000 bytes"):
        Weights(model)


@pytest.mark.parametrize("key", ["format", "head", "pooling", "normalised", "dimension", "source", "files"])
@pytest.mark.parametrize("value", [None, "?", -1, {"a": 1}, {"../a": {"sha256": "0"}}, [], "missing"])
def test_a_manifest_that_lies(model: Path, key: str, value: Any, manifest: dict[str, Any]) -> None:
    if (key, value) in (("head", "?"), ("head", "missing"), ("format", -1)):
        pytest.skip("of the right type; refused later")
    told = {name: each for name, each in manifest.items() if name != key}
    write_json(model / "spaniel.json", told if value == "missing" else told | {key: value})
    with pytest.raises(ModelError, match="not a manifest of ours"):
        open_encoder(model, cache=model.parent)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("made")
    made: dict[str, Any] = dict(export(small_bert(folder / "m"), folder / "out").manifest)
    return made


def test_an_export_with_another_head_is_no_encoder(model: Path, tmp_path: Path) -> None:
    out = export(model, tmp_path / "out", head="hidden").path
    with pytest.raises(ModelError, match="--head hidden"):
        open_encoder(out, cache=tmp_path / "c")


def test_a_cached_export_without_the_graph_is_made_anew(model: Path, tmp_path: Path) -> None:
    """As an earlier version, or an interrupted hand, may have left it."""
    cache = tmp_path / "c"
    vectors = open_encoder(model, cache=cache).encode(["w1"], kind="query")
    (kept,) = (path.parent for path in cache.glob("models/*/spaniel.json"))
    told = json.loads((kept / "spaniel.json").read_text())
    del told["files"]["model.onnx"]
    write_json(kept / "spaniel.json", told)
    (kept / "model.onnx").unlink()
    np.testing.assert_array_equal(open_encoder(model, cache=cache).encode(["w1"], kind="query"), vectors)
