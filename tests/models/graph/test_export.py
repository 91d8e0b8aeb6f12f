"""Exported graphs against transformers, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spaniel.models.graph.export import export
from spaniel.retrieval.errors import InvalidInput, ModelError

from .conftest import Make, batch, run, run_torch, write_modules


def pooled(hidden: Any, mask: Any, pooling: str, normalise: bool) -> Any:
    if pooling == "mean":
        vectors = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    elif pooling == "cls":
        vectors = hidden[:, 0]
    else:
        vectors = hidden[np.arange(len(hidden)), mask.sum(1) - 1]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if normalise else vectors


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
@pytest.mark.parametrize("normalise", [True, False])
def test_pooled_equals_transformers(make_model: Make, tmp_path: Path, pooling: Any, normalise: bool) -> None:
    folder, model = make_model("bert")
    made = export(folder, tmp_path / "out", pooling=pooling, normalise=normalise)
    inputs = batch(1)
    expected = pooled(run_torch(model, inputs), inputs["attention_mask"], pooling, normalise)
    np.testing.assert_allclose(run(made.graph, inputs), expected, atol=1e-4)


@pytest.mark.parametrize("hidden_act", ["gelu", "gelu_new", "relu", "silu"])
def test_activations_equal_transformers(make_model: Make, tmp_path: Path, hidden_act: str) -> None:
    folder, model = make_model("bert", hidden_act=hidden_act)
    made, inputs = export(folder, tmp_path / "out"), batch(2)
    expected = pooled(run_torch(model, inputs), inputs["attention_mask"], "mean", True)
    np.testing.assert_allclose(run(made.graph, inputs), expected, atol=1e-4)


@pytest.mark.parametrize(
    "config", [{"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, {"pooling_mode": "cls"}]
)
def test_pooling_is_read_from_modules(make_model: Make, tmp_path: Path, config: dict[str, Any]) -> None:
    folder, model = make_model("bert")
    write_modules(folder, config, normalise=False)
    made, inputs = export(folder, tmp_path / "out"), batch(3)
    np.testing.assert_allclose(run(made.graph, inputs), run_torch(model, inputs)[:, 0], atol=1e-4)
    assert made.manifest["pooling"] == "cls" and made.manifest["normalised"] is False


def test_same_export_is_kept_and_other_refused(make_model: Make, tmp_path: Path) -> None:
    folder, _ = make_model("bert")
    made = export(folder, tmp_path / "out")
    changed = made.graph.stat().st_mtime_ns
    assert (
        export(folder, tmp_path / "out").manifest
        == made.manifest
        == json.loads((made.path / "spaniel.json").read_text())
    )
    assert made.graph.stat().st_mtime_ns == changed
    with pytest.raises(InvalidInput, match="is there already"):
        export(folder, tmp_path / "out", pooling="cls")


def test_nothing_is_left_of_a_failed_export(make_model: Make, tmp_path: Path) -> None:
    folder, _ = make_model("bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 41}))
    (tmp_path / "results").mkdir()
    with pytest.raises(
        ModelError, match=r"intermediate.dense.weight has the shape \(40, 24\), config.json asks for \(41, 24\)"
    ):
        export(folder, tmp_path / "results" / "out")
    assert not list((tmp_path / "results").iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "llama"}, "architecture 'llama' cannot be exported; bert"),
        ({"hidden_act": "mish"}, "activation 'mish' cannot be exported; gelu"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type is 'relative_key'"),
        ({"hidden_size": 10**12}, "hidden_size is 1000000000000; it must be 1 to"),
        ({"num_attention_heads": 5}, "width 24 cannot be split into 5 heads"),
        ({"vocab_size": "many"}, "vocab_size is 'many'"),
    ],
)
def test_configurations_refused(make_model: Make, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    folder, _ = make_model("bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ModelError, match=message):
        export(folder, tmp_path / "out")
