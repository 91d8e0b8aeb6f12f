"""Exporting a cross-encoder: what is written, what the gate says, what is refused."""

from pathlib import Path
from typing import Any

import pytest
from contracts.cross_encoder import small_cross_encoder
from contracts.small_model import small_bert

from spaniel.models.pair_ranking import JudgedQuery, PairGate
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
    assert parity["judged"] == {"fp32": parity["judged"]["int8"], "int8": parity["judged"]["int8"]} | {
        "loss": 0.0,
        "queries": 2,
    }
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
