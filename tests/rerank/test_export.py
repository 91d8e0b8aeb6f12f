"""Exporting a cross-encoder: what is written, what the gate says, what is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from contracts.cross_encoder import small_cross_encoder
from contracts.small_model import small_bert
from safetensors.numpy import load_file, save_file

from spaniel.models.pair_ranking import JudgedQuery, PairGate, judged_digest
from spaniel.rerank.export import export_cross_encoder
from spaniel.retrieval.errors import InvalidInput, ModelError

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_cross_encoder(tmp_path_factory.mktemp("models") / "small")


JUDGED = [JudgedQuery("w1 w2", ["w1 w3", "w4 w5", "w6"], [1, 0, 2], [1, 2]), JudgedQuery("w9", ["w9"], [1], [1])]


def test_both_graphs_and_what_the_gate_measured(folder: Path, tmp_path: Path) -> None:
    made = export_cross_encoder(folder, tmp_path / "out", int8=True, judged=JUDGED, max_length=20)
    assert made.graph.is_file() and made.int8_graph.is_file()
    assert (made.path / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
    parity: Any = made.manifest["parity"]
    assert parity["measure"] == "correlation" and parity["least"] > 0.99
    assert parity["ranking"]["kendall"] > 0.9 and parity["ranking"]["queries"] == 8
    both = {"fp32": parity["judged"]["int8"], "int8": parity["judged"]["int8"]}
    assert parity["judged"] == both | {"loss": 0.0, "queries": 2, "of": judged_digest(JUDGED)}
    assert made.manifest["max_length"] == 20
    again = export_cross_encoder(folder, tmp_path / "out", int8=True, judged=JUDGED, max_length=20)
    assert again.manifest == made.manifest
    for options in ({"int8": True, "max_length": 21}, {"int8": True}, {"max_length": 20}):
        with pytest.raises(InvalidInput, match="no export of this model with these options"):
            export_cross_encoder(folder, tmp_path / "out", **options)  # type: ignore[arg-type]


def test_an_export_without_judgements_is_not_one_with_them(folder: Path, tmp_path: Path) -> None:
    export_cross_encoder(folder, tmp_path / "out", int8=True)
    with pytest.raises(InvalidInput, match="is there already"):
        export_cross_encoder(folder, tmp_path / "out", int8=True, judged=JUDGED)


def test_what_is_there_has_to_pass_the_gate_of_now(folder: Path, tmp_path: Path) -> None:
    made = export_cross_encoder(folder, tmp_path / "out", int8=True, gate=PairGate(0, 0, 0), judged=JUDGED)
    export_cross_encoder(folder, tmp_path / "out", int8=True, judged=JUDGED)
    for gate, said in (
        (PairGate(least_kendall=0.9999), "Kendall's tau is 0.9"),
        (PairGate(most_loss=-0.1), "a loss of -0.1 is allowed"),
    ):
        with pytest.raises(ModelError, match=said):
            export_cross_encoder(folder, tmp_path / "out", int8=True, gate=gate, judged=JUDGED)
    assert made.int8_graph.is_file()


def test_judgements_of_another_collection_are_not_these(folder: Path, tmp_path: Path) -> None:
    export_cross_encoder(folder, tmp_path / "out", int8=True, judged=JUDGED)
    for other in (JUDGED[:1], [*JUDGED[:1], JudgedQuery("w9", ["w9"], [0], [1])]):
        with pytest.raises(InvalidInput, match="is there already"):
            export_cross_encoder(folder, tmp_path / "out", int8=True, judged=other)


@pytest.mark.parametrize("parity", [None, {}, {"ranking": {}}, {"ranking": [1]}, {"ranking": {"kendall": "high"}}])
def test_figures_of_a_stranger_are_not_taken(folder: Path, tmp_path: Path, parity: Any) -> None:
    made = export_cross_encoder(folder, tmp_path / "out", int8=True)
    if parity and isinstance(ranking := parity["ranking"], dict) and ranking:
        parity = {"ranking": dict(made.manifest["parity"]["ranking"]) | ranking}  # type: ignore[index,call-overload,arg-type]
    (made.path / "spaniel.json").write_text(json.dumps(dict(made.manifest) | {"parity": parity}), "utf-8")
    with pytest.raises(InvalidInput, match="is there already"):
        export_cross_encoder(folder, tmp_path / "out", int8=True)


def test_a_model_that_int8_cannot_hold_is_refused(folder: Path, tmp_path: Path) -> None:
    """A unit that never fires has weights a thousand times as large as all others: fp32 never sees them, and the steps
    of int8 are as wide as they are."""
    spoilt = tmp_path / "spoilt"
    shutil.copytree(folder, spoilt)
    weights = load_file(spoilt / "model.safetensors")
    for layer in range(2):
        name = f"bert.encoder.layer.{layer}"
        weights[f"{name}.intermediate.dense.bias"][0] = -50
        weights[f"{name}.output.dense.weight"][:, 0] = 1000
    save_file(weights, spoilt / "model.safetensors")
    export_cross_encoder(spoilt, tmp_path / "fp32")
    with pytest.raises(ModelError, match="int8: against the scores of fp32 the correlation is") as caught:
        export_cross_encoder(spoilt, tmp_path / "out", int8=True)
    assert "fp32" in caught.value.hint and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        (PairGate(least_kendall=0.9999), "Kendall's tau is 0.9"),
        (PairGate(least_ndcg=0.99999), "asked for is 0.99999"),
        (PairGate(most_loss=-0.1), "a loss of -0.1 is allowed"),
    ],
)
def test_int8_too_far_away_leaves_nothing(folder: Path, tmp_path: Path, gate: PairGate, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        export_cross_encoder(folder, tmp_path / "out", int8=True, gate=gate, judged=JUDGED)
    assert not list(tmp_path.iterdir())


def test_what_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="2 labels; a reranker has one"):
        export_cross_encoder(small_bert(tmp_path / "m"), tmp_path / "out")
    for length in (7, 49):
        with pytest.raises(InvalidInput, match="must be 8 to 48 tokens"):
            export_cross_encoder(folder, tmp_path / "out", max_length=length)


def test_what_nothing_could_open_is_not_published(tmp_path: Path) -> None:
    folder = small_cross_encoder(tmp_path / "small")
    (folder / "tokenizer.json").write_bytes(b"")
    with pytest.raises(ModelError, match="tokenizer"):
        export_cross_encoder(folder, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


@pytest.mark.parametrize("family", ["bert", "xlm-roberta"])
def test_layers_left_over_are_refused(tmp_path: Path, family: str) -> None:
    folder = small_cross_encoder(tmp_path / "small", family=family)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    layers = config["num_hidden_layers"]
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": layers - 1}), "utf-8")
    with pytest.raises(ModelError, match=f"is of layer {layers}, and config.json has num_hidden_layers {layers - 1}"):
        export_cross_encoder(folder, tmp_path / "out")
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 10**9}), "utf-8")
    with pytest.raises(ModelError, match="num_hidden_layers is 1000000000; it must be 1 to 256"):
        export_cross_encoder(folder, tmp_path / "out")
