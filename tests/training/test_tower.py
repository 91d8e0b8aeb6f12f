"""A tower against the encoder that serves the same model: equal vectors, gradients, and what cannot be trained."""

from pathlib import Path

import numpy as np
import pytest
from contracts.small_model import small_bert

from spaniel.models.encoders.open import open_encoder
from spaniel.retrieval.errors import InvalidInput, ModelError

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("sentence_transformers", reason="the extra train is not installed")
from spaniel.training.tower import Tower  # noqa: E402

TEXTS = ["w1 w2 w3", "", "w4 " * 90, "w5", "caf\ud83d w7", "w9 w8 w7 w6 w5"]
PROMPTS = {"query": "query : ", "document": "passage : "}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small_bert(tmp_path / "start", prompts=PROMPTS)


@pytest.mark.parametrize("kind", ["query", "passage"])
def test_vectors_are_those_that_are_served(folder: Path, tmp_path: Path, kind: str) -> None:
    tower = Tower.open(folder, kind=kind, cache=tmp_path, offline=True)
    with open_encoder(folder, cache=tmp_path) as encoder:
        expected = encoder.encode(TEXTS, kind=kind)
        assert tower.card == encoder.card
    np.testing.assert_allclose(tower.encode(TEXTS, batch=2), expected, atol=1e-5)
    live = tower(tower.features(TEXTS))
    assert live.dtype == torch.float32
    said = expected.any(axis=1)
    np.testing.assert_allclose(live.detach().numpy()[said], expected[said], atol=1e-5)


def test_every_weight_that_makes_a_vector_gets_a_gradient(folder: Path, tmp_path: Path) -> None:
    tower = Tower.open(folder, kind="query", cache=tmp_path)
    tower(tower.features(TEXTS)).square().sum(dim=0).max().backward()
    trained = {name: each for name, each in tower.named_parameters() if each.requires_grad}
    assert all(each.grad is not None and each.grad.abs().max() > 0 for name, each in trained.items())
    assert not [name for name in trained if "pooler" in name]
    assert len(trained) >= 30


def test_dropout_stays_off(folder: Path, tmp_path: Path) -> None:
    tower = Tower.open(folder, kind="query", cache=tmp_path)
    features = tower.features(TEXTS)
    assert torch.equal(tower.train()(features), tower(features))
    assert not any(module.training for module in tower.modules())


def test_a_shorter_cut_while_training(folder: Path, tmp_path: Path) -> None:
    tower = Tower.open(folder, kind="query", cache=tmp_path, max_length=9)
    assert tower.features(TEXTS)["input_ids"].shape == (6, 9)
    assert tower.card.max_length == 16
    with pytest.raises(InvalidInput, match="17; it must be 8 to the 16 tokens of start"):
        Tower.open(folder, kind="query", cache=tmp_path, max_length=17)


@pytest.mark.parametrize("biased", [True, False])
def test_a_hash_layer(folder: Path, tmp_path: Path, biased: bool) -> None:
    tower = Tower.open(folder, kind="passage", cache=tmp_path)
    vectors = tower.encode(TEXTS)
    rng = np.random.default_rng(3)
    weight, bias = rng.standard_normal((24, 16)).astype(np.float32), rng.standard_normal(16).astype(np.float32)
    tower.add_hash(weight, bias if biased else None)
    said = vectors.any(axis=1)
    expected = vectors @ weight + (bias if biased else 0)
    np.testing.assert_allclose(tower.encode(TEXTS)[said], expected[said], atol=1e-5)
    with pytest.raises(InvalidInput, match=r"\(24, 16\) and \(16,\) do not fit vectors of 16"):
        tower.add_hash(weight, bias)


def test_the_card_of_an_index_keeps_its_settings(folder: Path, tmp_path: Path) -> None:
    with open_encoder(folder, cache=tmp_path, max_length=12, query_prompt="w1 ") as encoder:
        tower = Tower.open(encoder.card, kind="query", cache=tmp_path)
        np.testing.assert_allclose(tower.encode(TEXTS), encoder.encode(TEXTS, kind="query"), atol=1e-5)
    assert (tower.max_length, tower.prompt) == (12, "w1 ")


def test_what_cannot_be_trained(folder: Path, tmp_path: Path) -> None:
    from spaniel.models.graph.export import export

    export(folder, tmp_path / "graph")
    with pytest.raises(ModelError, match=r"no model\.safetensors, and a graph cannot be trained"):
        Tower.open(tmp_path / "graph", kind="query", cache=tmp_path)
    with pytest.raises(InvalidInput, match="'both' is not query or passage"):
        Tower.open(folder, kind="both", cache=tmp_path)  # type: ignore[arg-type]
