"""Linear layers behind the pooling: graphs against sentence-transformers, and what cannot be put into one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.small_model import small_bert, write_json

from spaniel.models.encoders.open import open_encoder
from spaniel.models.folder import read_folder
from spaniel.models.graph.config import CannotExport
from spaniel.models.graph.export import export
from spaniel.models.graph.modules import read_modules
from spaniel.models.identity import folder_identity
from spaniel.retrieval.errors import ModelError

pytest.importorskip("onnx", reason="the extra cpu is not installed")
TEXTS = ["w1 w2 w3", "w4 " * 90, "w5", "w9 w8 w7 w6 w5"]
IDENTITY, TANH = "torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Tanh"
LAYOUTS: dict[str, tuple[str, Sequence[dict[str, Any] | None], bool]] = {
    "labse": ("cls", [{"out_features": 24, "activation_function": TANH}, None], True),
    "distiluse": ("mean", [{"out_features": 12}], False),
    "sentence-t5": ("mean", [{"out_features": 30, "activation_function": IDENTITY, "bias": False}, None], True),
    "hash": ("mean", [None, {"out_features": 16, "activation_function": IDENTITY}], False),
    "two": ("mean", [{"out_features": 8}, None, {"out_features": 6, "activation_function": IDENTITY}], False),
}
"""name -> (pooling, the modules behind it: a Dense's config.json, None a Normalize; vectors have length 1)."""


def with_layers(folder: Path, pooling: str, layers: Sequence[dict[str, Any] | None], *, seed: int = 1) -> Path:
    """A model with these modules behind its pooling."""
    from safetensors.numpy import save_file

    rng, width = np.random.default_rng(seed), 24
    small_bert(folder, pooling=pooling, normalise=False)
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling")]
    for place, layer in enumerate(layers, 2):
        kinds.append(
            (f"{place}_{'Normalize' if layer is None else 'Dense'}", "Normalize" if layer is None else "Dense")
        )
        if layer is None:
            write_json(folder / kinds[-1][0] / "config.json", {})
            continue
        config = {"in_features": width, "bias": True} | layer
        tensors = {"linear.weight": rng.standard_normal((layer["out_features"], width)).astype(np.float32) * 0.3}
        if config["bias"]:
            tensors["linear.bias"] = rng.standard_normal(layer["out_features"]).astype(np.float32)
        write_json(folder / kinds[-1][0] / "config.json", config)
        save_file(tensors, folder / kinds[-1][0] / "model.safetensors")
        width = layer["out_features"]
    listed = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds)
    ]
    write_json(folder / "modules.json", listed)
    return folder


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", list(LAYOUTS))
def test_as_sentence_transformers(name: str, tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason="the torch extra is not installed")
    pooling, layers, unit = LAYOUTS[name]
    folder = with_layers(tmp_path / "m", pooling, layers)
    with open_encoder(folder, cache=tmp_path) as encoder:
        assert (encoder.card.runtime, encoder.card.normalised, encoder.card.pooling) == ("onnx", unit, pooling)
        ours = encoder.encode(TEXTS, kind="query")
    with open_encoder(folder, cache=tmp_path, runtime="sentence-transformers") as encoder:
        np.testing.assert_allclose(ours, encoder.encode(TEXTS, kind="query"), atol=1e-5)
        assert encoder.card.pooling == "", "as indexes made before have it"
        with open_encoder(encoder.card, cache=tmp_path) as again:
            assert again.card == encoder.card


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_identity(name: str, tmp_path: Path) -> None:
    """An export is the model that it was made from; other weights and other layers are not."""
    pooling, layers, _ = LAYOUTS[name]
    folder = with_layers(tmp_path / "m", pooling, layers)
    export(folder, tmp_path / "out")
    found = {folder_identity(read_folder(each), tmp_path, "onnx") for each in (folder, tmp_path / "out")}
    assert len(found) == 1
    found.add(folder_identity(read_folder(with_layers(tmp_path / "n", pooling, layers, seed=2)), tmp_path, "onnx"))
    turned = [each if each is None else each | {"activation_function": IDENTITY} for each in layers]
    turned = [*turned[::-1]] if turned == list(layers) else turned
    found.add(folder_identity(read_folder(with_layers(tmp_path / "o", pooling, turned)), tmp_path, "onnx"))
    assert len(found) == 3


@pytest.mark.parametrize("name", ["labse", "hash"])
def test_int8_keeps_the_layers_in_float(name: str, tmp_path: Path) -> None:
    pooling, layers, _ = LAYOUTS[name]
    folder = with_layers(tmp_path / "m", pooling, layers)
    export(folder, tmp_path / "out", precision="both", least_cosine=0.9, least_ndcg=0.1)
    given = []
    for precision in ("fp32", "int8"):
        with open_encoder(tmp_path / "out", cache=tmp_path, precision=precision) as encoder:  # type: ignore[arg-type]
            given.append(encoder.encode(TEXTS, kind="passage"))
    cosines = (given[0] * given[1]).sum(1) / np.linalg.norm(given[0], axis=1) / np.linalg.norm(given[1], axis=1)
    assert cosines.min() > 0.95


CANNOT: list[tuple[dict[str, Any], str]] = [
    ({"use_residual": True}, "residual"),
    ({"module_input_name": "token_embeddings"}, "other than the pooled"),
    ({"activation_function": "torch.nn.modules.activation.ReLU"}, r"activation 'torch\.nn.modules\.activation\.ReLU'"),
    ({"activation_function": "os.system"}, r"activation 'os\.system'"),
]


@pytest.mark.parametrize(("change", "message"), CANNOT)
def test_what_no_graph_has(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    folder = with_layers(tmp_path / "m", "mean", [{"out_features": 8} | change])
    with pytest.raises(CannotExport, match=message):
        read_modules(folder)


@pytest.mark.parametrize("width", [0, -1, 1 << 40, "8", None, True])
def test_widths_that_cannot_be(tmp_path: Path, width: Any) -> None:
    folder = with_layers(tmp_path / "m", "mean", [{"out_features": 8}])
    config = {"in_features": 24, "out_features": width}
    write_json(folder / "2_Dense" / "config.json", config)
    with pytest.raises(ModelError, match="it must be 1 to 65536"):
        open_encoder(folder, cache=tmp_path)


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    folder = with_layers(tmp_path / "m", "mean", [{"out_features": 8}])
    for config, message in (
        ({"in_features": 20, "out_features": 8}, "reads 20 values, pooling gives 24"),
        ({"in_features": 24, "out_features": 9}, r"linear\.weight has the shape"),
    ):
        write_json(folder / "2_Dense" / "config.json", config)
        with pytest.raises(ModelError, match=message):
            open_encoder(folder, cache=tmp_path)
