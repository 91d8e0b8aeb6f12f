"""Encoders over small models: settings from the files, settings that were asked for, batches, threads, cards."""

import errno
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.small_model import WORDS, small_bert, write_json

from spaniel.models import kept
from spaniel.models.card import ModelCard, check_same
from spaniel.models.encoders.open import open_encoder
from spaniel.models.graph.export import export
from spaniel.models.text import clean
from spaniel.retrieval.errors import InvalidInput, ModelError

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bert(tmp_path_factory.mktemp("models") / "small")


def texts(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS[4:], rng.integers(1, 30))) for _ in range(n)]


def test_settings_come_from_the_files(folder: Path, cache: Path) -> None:
    card = open_encoder(folder, cache=cache).card
    assert card == ModelCard("small", str(folder.resolve()), "onnx", card.sha256, 24, "mean", True, 16, "", "", "fp32")


def test_the_author_s_prompts(tmp_path: Path, cache: Path) -> None:
    model = small_bert(tmp_path / "m", prompts={"query": "query : ", "document": "passage : "})
    with open_encoder(model, cache=cache) as prompted, open_encoder(model, cache=cache, query_prompt="") as bare:
        assert (prompted.card.query_prompt, prompted.card.passage_prompt) == ("query : ", "passage : ")
        asked = prompted.encode(["w1"], kind="query")
        np.testing.assert_array_equal(asked, bare.encode(["query : w1"], kind="query"))
        assert not np.allclose(asked, prompted.encode(["w1"], kind="passage"))
        assert prompted.card.differences(bare.card) == ["query_prompt 'query : ' against ''"]


def test_prompts_that_are_none(tmp_path: Path, cache: Path) -> None:
    model = small_bert(tmp_path / "m")
    write_json(model / "config_sentence_transformers.json", {"prompts": {"query": 3}})
    with pytest.raises(ModelError, match="prompts must map names to texts"):
        open_encoder(model, cache=cache)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_pooling_and_normalisation_as_asked(folder: Path, cache: Path, pooling: Any) -> None:
    with (
        open_encoder(folder, cache=cache, pooling=pooling, normalise=False) as raw,
        open_encoder(folder, cache=cache, pooling=pooling) as unit,
    ):
        assert (raw.card.pooling, raw.card.normalised) == (pooling, False)
        vectors = raw.encode(["w1 w2", "w3"], kind="passage")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.testing.assert_allclose(vectors / lengths, unit.encode(["w1 w2", "w3"], kind="passage"), atol=1e-6)
        assert np.abs(lengths - 1).max() > 0.1


def test_batches_and_threads_change_nothing(folder: Path, cache: Path) -> None:
    many = texts(200)
    with open_encoder(folder, cache=cache, threads=1) as one, open_encoder(folder, cache=cache, threads=4) as four:
        alone = np.concatenate([one.encode([text], kind="query") for text in many])
        np.testing.assert_array_equal(one.encode(many, kind="query"), alone)
        together = one.encode(many, kind="passage")
        np.testing.assert_allclose(together, alone, atol=1e-6)
        np.testing.assert_array_equal(four.encode(many, kind="passage"), together)
        assert one.usage()["truncated"] == 3 * sum(len(text.split()) > 14 for text in many)


def test_several_callers_at_once(folder: Path, cache: Path) -> None:
    pieces = [texts(20, seed) for seed in range(12)]
    with open_encoder(folder, cache=cache, threads=2) as encoder, ThreadPoolExecutor(4) as callers:
        at_once = list(callers.map(lambda piece: encoder.encode(piece, kind="passage"), pieces))
        for piece, vectors in zip(pieces, at_once, strict=True):
            np.testing.assert_array_equal(vectors, encoder.encode(piece, kind="passage"))
        assert encoder.usage()["tokens"] % 2 == 0


def test_strange_texts(folder: Path, cache: Path) -> None:
    strange = ["", " ", "\x00", "\ud800", "😀" * 3000, "w1 " * 200_000, "\n\t", "é" * 10]
    with open_encoder(folder, cache=cache) as encoder:
        vectors = encoder.encode(strange, kind="passage")
        assert np.isfinite(vectors).all()
        np.testing.assert_array_equal(*encoder.encode(["a \ud800", clean("a \ud800")], kind="query"))


def test_the_length_of_each_text(folder: Path, cache: Path) -> None:
    with open_encoder(folder, cache=cache, query_prompt="query : ") as encoder:
        some = ["w1", "", "w1 " * 5000, "w2 w3"]
        assert encoder.lengths(some, kind="passage") == [3, 0, 16, 4]
        assert encoder.lengths(some, kind="query") == [5, 4, 16, 6]
        made = encoder.counted(some, kind="passage")
        assert made.lengths == [3, 0, 16, 4] and made.tokens == 23


def test_longer_and_shorter(folder: Path, cache: Path) -> None:
    words = " ".join(WORDS[4:50])
    with open_encoder(folder, cache=cache, max_length=40) as longer:
        longer.encode([words], kind="passage")
        assert longer.usage() == {"model_calls": 1, "tokens": 40, "truncated": 1}
    with pytest.raises(InvalidInput, match="at most 40 tokens"):
        open_encoder(folder, cache=cache, max_length=41)
    with pytest.raises(InvalidInput, match="no room beside 2 special tokens"):
        open_encoder(folder, cache=cache, max_length=2)


def test_without_a_length_the_positions_decide(tmp_path: Path, cache: Path) -> None:
    model = small_bert(tmp_path / "m", max_length=None)
    assert open_encoder(model, cache=cache).card.max_length == 40
    write_json(model / "tokenizer_config.json", {"model_max_length": 10**30})
    assert open_encoder(model, cache=cache).card.max_length == 40


@pytest.mark.parametrize(
    ("option", "value"),
    [("precision", "fp8"), ("runtime", "jax"), ("pooling", "max"), ("max_length", 0), ("threads", -1)],
)
def test_options_that_cannot_be(folder: Path, cache: Path, option: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=option):
        open_encoder(folder, cache=cache, **{option: value})


def test_exported_once(folder: Path, cache: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "elsewhere")
    said: list[str] = []
    first = open_encoder(folder, cache=tmp_path / "c", on_progress=said.append)
    assert "ONNX" in said.pop(0)
    said.clear()
    again = open_encoder(copy, cache=tmp_path / "c", on_progress=said.append)
    assert said == []
    assert first.card.differences(again.card) == [], "where the files lie is no part of the model"


@pytest.mark.parametrize("damage", ["graph", "tokenizer", "manifest"])
def test_a_damaged_export_in_the_cache_is_made_anew(folder: Path, tmp_path: Path, damage: str) -> None:
    vectors = open_encoder(folder, cache=tmp_path).encode(["w1"], kind="query")
    names = {"graph": "model.onnx", "tokenizer": "tokenizer.json", "manifest": "spaniel.json"}
    (file,) = (tmp_path / "models").glob(f"*/{names[damage]}")
    file.write_bytes(file.read_bytes()[:-9])
    again = open_encoder(folder, cache=tmp_path)
    np.testing.assert_array_equal(again.encode(["w1"], kind="query"), vectors)


def test_a_cache_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a file")
    with pytest.raises(ModelError, match="cannot be kept there") as caught:
        open_encoder(folder, cache=tmp_path / "c")
    assert "SPANIEL_CACHE" in caught.value.hint


def test_an_exported_folder_is_the_same_model(folder: Path, cache: Path, tmp_path: Path) -> None:
    export(folder, tmp_path / "out")
    with open_encoder(tmp_path / "out", cache=cache) as exported, open_encoder(folder, cache=cache) as original:
        assert exported.card.differences(original.card) == []
        np.testing.assert_array_equal(*(e.encode(["w1 w2"], kind="query") for e in (exported, original)))
    with pytest.raises(InvalidInput, match="other pooling"):
        open_encoder(tmp_path / "out", cache=cache, pooling="cls")


def test_an_export_that_was_changed(folder: Path, tmp_path: Path) -> None:
    export(folder, tmp_path / "out")
    export(small_bert(tmp_path / "other", seed=1), tmp_path / "out2")
    shutil.copy(tmp_path / "out2" / "model.onnx", tmp_path / "out" / "model.onnx")
    with pytest.raises(ModelError, match=r"model\.onnx: not the file that was exported"):
        open_encoder(tmp_path / "out", cache=tmp_path / "c")


def test_a_card_opens_the_same_model_or_none(folder: Path, cache: Path, tmp_path: Path) -> None:
    model = shutil.copytree(folder, tmp_path / "m")
    card = open_encoder(model, cache=cache, max_length=9, pooling="cls", query_prompt="w1 ").card
    assert open_encoder(card, cache=cache).card == card
    small_bert(model, seed=5)
    with pytest.raises(ModelError, match="sha256"):
        open_encoder(card, cache=cache)
    shutil.rmtree(model)
    with pytest.raises(ModelError, match="no folder and no model"):
        open_encoder(card, cache=cache)


def test_vectors_made_elsewhere(cache: Path) -> None:
    with pytest.raises(ModelError, match="made elsewhere"):
        open_encoder(ModelCard("x", "x", "vectors", "", 4), cache=cache)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("config.json", "no config.json"),
        ("tokenizer.json", "tokenizer.json"),
        ("model.safetensors", "no model.safetensors"),
        ("1_Pooling/config.json", "no config.json"),
    ],
)
def test_a_file_that_is_missing(tmp_path: Path, cache: Path, missing: str, said: str) -> None:
    model = small_bert(tmp_path / "m")
    (model / missing).unlink()
    with pytest.raises(ModelError, match=said):
        open_encoder(model, cache=cache, runtime="onnx")


@pytest.mark.parametrize("broken", ["config.json", "tokenizer.json", "modules.json", "model.safetensors"])
def test_a_file_that_is_damaged(tmp_path: Path, cache: Path, broken: str) -> None:
    model = small_bert(tmp_path / "m")
    (model / broken).write_bytes((model / broken).read_bytes()[:-20])
    with pytest.raises(ModelError, match=broken.replace(".", r"\.")):
        open_encoder(model, cache=cache, runtime="onnx")


def test_a_graph_of_somebody_else(folder: Path, cache: Path, tmp_path: Path) -> None:
    """An architecture that is not exported here, with a graph that gives the vectors of tokens."""
    made = export(folder, tmp_path / "hidden", head="hidden").path
    model = small_bert(tmp_path / "m")
    (model / "model.safetensors").unlink()
    (model / "onnx").mkdir()
    shutil.copy(made / "model.onnx", model / "onnx" / "model.onnx")
    config = json.loads((model / "config.json").read_text()) | {"model_type": "novel"}
    write_json(model / "config.json", config)
    with open_encoder(model, cache=cache) as foreign, open_encoder(folder, cache=cache) as own:
        assert foreign.card.runtime == "onnx"
        many = texts(30)
        vectors = [encoder.encode(many, kind="passage") for encoder in (foreign, own)]
        np.testing.assert_allclose(*vectors, atol=1e-5)
    with pytest.raises(ModelError, match="'novel' cannot be exported"):
        open_encoder(model, cache=cache, precision="int8")


def test_a_graph_that_does_not_fit_its_card(folder: Path, cache: Path) -> None:
    card = open_encoder(folder, cache=cache).card
    with pytest.raises(ModelError, match="dimension"):
        open_encoder(replace(card, dimension=25), cache=cache)


def test_a_cache_that_is_read_only(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(out: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with open_encoder(folder, cache=tmp_path / "writable") as usual:
        wanted = usual.encode(["w1 w2"], kind="query")
    monkeypatch.setattr(kept, "_alone", refused)
    with open_encoder(folder, cache=tmp_path / "writable") as there:  # what is there is used
        assert (there.encode(["w1 w2"], kind="query") == wanted).all()
    assert not caplog.records
    for _ in range(2):
        with open_encoder(folder, cache=tmp_path / "none") as own:
            assert own.card == usual.card
            assert (own.encode(["w1 w2"], kind="query") == wanted).all()
    assert [record.getMessage().count("cannot be written") for record in caplog.records] == [1]
    assert not list((tmp_path / "none").glob("models/*-*"))


def test_an_empty_path_is_no_folder_of_a_pooling(tmp_path: Path, cache: Path) -> None:
    model = small_bert(tmp_path / "m")
    write_json(model / "modules.json", [{"type": "sentence_transformers.models.Pooling", "path": ""}])
    with pytest.raises(ModelError, match="'' is no folder"):
        open_encoder(model, cache=cache)


def test_a_vocabulary_alone(tmp_path: Path, cache: Path) -> None:
    model = small_bert(tmp_path / "m")
    (model / "tokenizer.json").rename(model / "vocab.txt")
    with pytest.raises(ModelError, match=r"no tokenizer\.json") as caught:
        open_encoder(model, cache=cache)
    assert "AutoTokenizer" in caught.value.hint


@pytest.mark.parametrize("value", [["bert"], {}, 3, None])
@pytest.mark.parametrize("name", ["model_type", "hidden_act"])
def test_configurations_of_another_type(tmp_path: Path, cache: Path, name: str, value: Any) -> None:
    model = small_bert(tmp_path / "m")
    write_json(model / "config.json", json.loads((model / "config.json").read_text()) | {name: value})
    with pytest.raises(ModelError, match="cannot be exported"):
        open_encoder(model, cache=cache, runtime="onnx")


@pytest.mark.parametrize("name", ["config.json", "modules.json", "1_Pooling/config.json"])
def test_damage_is_told_at_once(tmp_path: Path, cache: Path, name: str) -> None:
    model = small_bert(tmp_path / "m")
    (model / name).write_text("{")
    with pytest.raises(ModelError, match="no JSON"):
        open_encoder(model, cache=cache)


def test_values_that_no_card_can_have() -> None:
    good = ModelCard("m", "m", "onnx", "ab", 4).to_json()
    assert ModelCard.from_json(good).to_json() == good
    wrong: list[dict[str, Any]] = [{"runtime": "evil"}, {"pooling": "max"}, {"precision": "fp8"}, {"max_length": -1}]
    for change in [*wrong, {"source": "x" * 5000}, {"name": "x" * 5000}]:
        with pytest.raises(ValueError, match=next(iter(change))):
            ModelCard.from_json(good | change)


def test_a_tower_of_its_own_for_queries() -> None:
    start = ModelCard("m", "m", "onnx", "ab", 4)
    trained = replace(start, query_sha256="cd")
    assert "query_sha256" not in start.to_json(), "manifests of models with one tower are as they were"
    assert ModelCard.from_json(start.to_json()) == start
    assert ModelCard.from_json(trained.to_json()) == trained
    assert start.differences(trained) == ["query_sha256 '' against 'cd'"]
    assert start.differences(trained, queries=False) == []
    check_same(start, trained, "kb", queries=False)
    with pytest.raises(ModelError, match="query_sha256"):
        check_same(start, trained, "kb")
    assert start.differences(replace(trained, sha256="ef"), queries=False) == ["sha256 'ab' against 'ef'"]
    for value in ("x" * 129, 3):
        with pytest.raises(ValueError, match="query_sha256"):
            ModelCard.from_json(start.to_json() | {"query_sha256": value})


def test_a_name_longer_than_any(cache: Path) -> None:
    with pytest.raises(ModelError, match="no folder and no model"):
        open_encoder("x" * 5000, cache=cache)
