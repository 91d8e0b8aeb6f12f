"""Cross-encoders over small random models: how a model is found and made, and what is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.cross_encoder import WORDS, small_cross_encoder, some_texts
from contracts.small_model import small_bert

from spaniel.models.graph.export import export
from spaniel.models.pair_tokens import Pair
from spaniel.rerank.cross_encoders.open import open_pair_model
from spaniel.rerank.export import export_cross_encoder
from spaniel.retrieval.errors import InvalidInput, ModelError

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_cross_encoder(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def changed(path: Path, **values: Any) -> None:
    found = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(found | values), "utf-8")


@pytest.mark.parametrize("family", ["bert", "xlm-roberta"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_pair_s_score_does_not_depend_on_the_others(family: str, precision: Any, tmp_path: Path) -> None:
    model = open_pair_model(small_cross_encoder(tmp_path / "m", family=family), precision=precision, cache=tmp_path)
    pairs = model.tokenised(" ".join(WORDS[:5]), some_texts(9))
    together = model.logits(pairs)
    assert together.dtype == np.float32
    assert np.ptp(together) > 0.1
    np.testing.assert_allclose(
        [model.logits([pair])[0] for pair in pairs], together, atol=1e-5 if precision == "fp32" else 0.05
    )
    assert model.logits([]).shape == (0,)


def test_what_a_model_tells(folder: Path, cache: Path) -> None:
    model = open_pair_model(folder, cache=cache)
    assert (model.name, model.max_length, len(model.sha256)) == ("small", 48, 64)
    source = str(folder.resolve())
    known = {"architecture": "bert", "labels": 1, "runtime": "onnx", "precision": "fp32", "provider": "cpu"}
    assert model.info == known | {"source": source, "activation": "Identity"}
    gate: Any = open_pair_model(folder, precision="int8", cache=cache).info["gate"]
    assert gate["measure"] == "correlation" and gate["ranking"]["kendall"] > 0.9
    assert open_pair_model(folder, precision="int8", cache=cache).sha256 == model.sha256


def test_an_activation_is_told_and_not_used(folder: Path, cache: Path, tmp_path: Path) -> None:
    usual = open_pair_model(folder, cache=cache)
    for values, told in (
        ({"sentence_transformers": None}, "Sigmoid"),
        ({"sentence_transformers": None, "sbert_ce_default_activation_function": "torch.nn.ReLU"}, "ReLU"),
        ({"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid"}}, "Sigmoid"),
        ({"sentence_transformers": {"activation_fn": 3}}, "Sigmoid"),
    ):
        shutil.rmtree(tmp_path / "m", ignore_errors=True)
        shutil.copytree(folder, tmp_path / "m")
        changed(tmp_path / "m" / "config.json", **values)
        model = open_pair_model(tmp_path / "m", cache=cache)
        assert model.info["activation"] == told
        pairs = model.tokenised("w1", ["w2 w3"])
        assert model.logits(pairs) == usual.logits(pairs)


def test_a_manifest_of_a_stranger_tells_only_short_words_and_numbers(folder: Path, cache: Path, tmp_path: Path) -> None:
    made = export_cross_encoder(folder, tmp_path / "out", int8=True)
    odd = {"measure": "x" * 100, "least": float("nan"), "mean": 1, "ranking": {"kendall": {"deep": 1}, "ndcg@10": 0.5}}
    changed(made.path / "spaniel.json", parity=odd)
    found = open_pair_model(made.path, precision="int8", cache=cache)
    assert found.info["gate"] == {"mean": 1, "ranking": {"ndcg@10": 0.5}}


def test_int8_is_near_fp32(folder: Path, cache: Path) -> None:
    scores = []
    for precision in ("fp32", "int8"):
        model = open_pair_model(folder, precision=precision, cache=cache)  # type: ignore[arg-type]
        scores.append(model.logits(model.tokenised("w1 w2 w3", some_texts(40))))
    assert np.corrcoef(scores)[0, 1] > 0.99
    assert (scores[0] != scores[1]).any()


def test_an_export_opens_like_its_model(folder: Path, cache: Path, tmp_path: Path) -> None:
    made = export(folder, tmp_path / "out", head="classify", precision="both", max_length=20)
    model, usual = open_pair_model(made.path, cache=cache), open_pair_model(folder, cache=cache)
    assert model.max_length == 20
    short = [text for text in some_texts(20) if len(text.split()) < 10]
    pairs = model.tokenised("w7", short)
    assert (model.logits(pairs) == usual.logits(usual.tokenised("w7", short))).all()
    assert open_pair_model(made.path, cache=cache, max_length=30).max_length == 30
    assert open_pair_model(made.path, precision="int8", cache=cache).info["gate"] == made.manifest["parity"]


def test_a_graph_of_somebody_else(folder: Path, cache: Path, tmp_path: Path) -> None:
    made = export(folder, tmp_path / "out", head="classify")
    foreign = tmp_path / "foreign"
    shutil.copytree(folder, foreign)
    (foreign / "model.safetensors").unlink()
    (foreign / "onnx").mkdir()
    shutil.copy(made.graph, foreign / "onnx" / "model.onnx")
    model, usual = open_pair_model(foreign, cache=cache), open_pair_model(folder, cache=cache)
    texts = some_texts(5)
    assert (model.logits(model.tokenised("w7", texts)) == usual.logits(usual.tokenised("w7", texts))).all()
    with pytest.raises(ModelError, match="somebody else's"):
        open_pair_model(foreign, precision="int8", cache=cache)


def test_what_is_no_reranker(folder: Path, cache: Path, tmp_path: Path) -> None:
    encoder = small_bert(tmp_path / "encoder")
    with pytest.raises(ModelError, match="has 2 labels; a reranker has one"):
        open_pair_model(encoder, cache=cache)
    with pytest.raises(ModelError, match="gives vectors and no scores"):
        open_pair_model(export(encoder, tmp_path / "exported").path, cache=cache)
    changed(encoder / "config.json", num_labels=1)
    with pytest.raises(ModelError, match=r"bert\.pooler\.dense\.weight is missing"):
        open_pair_model(encoder, cache=cache)
    three = small_cross_encoder(tmp_path / "three")
    changed(three / "config.json", id2label={"0": "a", "1": "b", "2": "c"})
    with pytest.raises(ModelError, match="3 labels"):
        open_pair_model(three, cache=cache)
    with pytest.raises(ModelError, match="no folder and no model"):
        open_pair_model(tmp_path / "none", cache=cache)


def test_a_graph_that_gives_vectors(folder: Path, cache: Path, tmp_path: Path) -> None:
    encoder = export(small_bert(tmp_path / "encoder"), tmp_path / "exported")
    (encoder.path / "spaniel.json").unlink()
    with pytest.raises(ModelError, match="one number a pair"):
        open_pair_model(encoder.path, cache=cache)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"precision": "fp16"}, "precision"),
        ({"provider": "rocm"}, "provider"),
        ({"runtime": "jax"}, "runtime"),
        ({"threads": 0}, "threads"),
        ({"max_length": True}, "max_length"),
        ({"max_length": 49}, "at most 48 tokens"),
        ({"max_length": 4}, "leaves no room"),
        ({"query_room": 45}, "query_room"),
    ],
)
def test_arguments_that_cannot_be(folder: Path, cache: Path, options: dict[str, Any], what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        open_pair_model(folder, cache=cache, **options)


@pytest.mark.parametrize("provider", ["cuda", "tensorrt", "openvino"])
def test_a_provider_that_is_not_there(folder: Path, cache: Path, provider: Any) -> None:
    ort = pytest.importorskip("onnxruntime")
    if any(provider in name.lower() for name in ort.get_available_providers()):
        pytest.skip(f"{provider} is there")
    with pytest.raises(ModelError, match="this onnxruntime cannot use") as caught:
        open_pair_model(folder, cache=cache, provider=provider)
    assert "pip" in caught.value.hint


def test_a_provider_that_ort_lists_and_does_not_use(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ort = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    real = ort.InferenceSession

    def falls_back(path: str, options: Any, providers: Any) -> Any:
        return real(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(ort, "InferenceSession", falls_back)
    with pytest.raises(ModelError, match="runs it on CPUExecutionProvider, not on CUDAExecutionProvider"):
        open_pair_model(folder, cache=cache, provider="cuda")


def test_scores_that_are_no_numbers_name_their_pair(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_pair_model(folder, cache=cache)
    pairs = model.tokenised("w1", ["w2", "w3 w4", "w5"])

    class Broken:
        def run(self, names: Any, fed: Any, options: Any) -> list[Any]:
            return [np.array([[0.5], [np.nan], [1.0]], np.float32)]

    monkeypatch.setattr(model, "_session", Broken())
    with pytest.raises(ModelError, match="small: the score of pair 1 of 3 is nan; it has 6 tokens: 2, 5,"):
        model.logits(pairs)


def test_large_batches_give_their_memory_back(folder: Path, cache: Path) -> None:
    model = open_pair_model(folder, cache=cache)
    pairs = model.tokenised("w1", some_texts(200, longest=45)) * 2
    assert sum(len(pair) for pair in pairs) > 4096
    np.testing.assert_allclose(model.logits(pairs)[:5], model.logits(pairs[:5]), atol=1e-5)


def test_a_pair_without_a_token_of_either_text(folder: Path, cache: Path) -> None:
    model = open_pair_model(folder, cache=cache)
    (empty,) = model.tokenised("", ["  "])
    assert empty.ids.tolist() == [2, 3, 3]
    assert np.isfinite(model.logits([empty, Pair(empty.ids, empty.types, False)])).all()


def test_half_surrogates_are_replaced(folder: Path, cache: Path) -> None:
    model = open_pair_model(folder, cache=cache)
    odd, usual = (model.tokenised(f"w1 {mark}", [f"{mark} w2"])[0] for mark in ("\ud800", "\ufffd"))
    assert odd.ids.tolist() == usual.ids.tolist()
