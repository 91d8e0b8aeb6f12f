"""Cross-encoders on torch, and ours held to sentence-transformers' own predict."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.cross_encoder import WORDS, small_cross_encoder, some_texts

from spaniel.rerank.cross_encoders.open import open_pair_model
from spaniel.rerank.judges.base import Call
from spaniel.rerank.judges.cross_encoder import CrossEncoderJudge
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.types import Passage, Query

pytest.importorskip("onnxruntime")
library = pytest.importorskip("sentence_transformers")


@pytest.fixture(scope="module", params=["bert", "xlm-roberta"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_cross_encoder(tmp_path_factory.mktemp("models") / "m", family=request.param)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("runtime", ["onnx", "sentence-transformers"])
@pytest.mark.parametrize("max_length", [None, 30])
def test_scores_are_those_of_predict(folder: Path, cache: Path, runtime: Any, max_length: int | None) -> None:
    theirs = library.CrossEncoder(str(folder), device="cpu")
    if max_length is not None:
        theirs.max_seq_length = max_length
    queries = ["w1", "w2 w3 w4", " ".join(WORDS[:28]), ""]
    texts = [*some_texts(30, seed=1, longest=55), ""]
    asked = [(query, text) for query in queries for text in texts]
    with CrossEncoderJudge(open_pair_model(folder, cache=cache, runtime=runtime, max_length=max_length)) as judge:
        calls = [Call(Query("", query), (Passage("p", "p", 0, len(text), text),)) for query, text in asked]
        judged = judge.answer("score", calls)
    wanted = theirs.predict(asked, show_progress_bar=False)  # the model's activation is the identity
    np.testing.assert_allclose(judged.answers, wanted, atol=1e-4)
    assert 0 < judged.truncated < len(asked)


@pytest.mark.parametrize("most", [None, 7])
def test_both_runtimes_say_alike_what_was_cut(folder: Path, cache: Path, most: int | None) -> None:
    ours, theirs = (open_pair_model(folder, cache=cache, runtime=each) for each in ("onnx", "sentence-transformers"))
    seen = set()
    for query in ("w1", " ".join(WORDS[:18]), " ".join(WORDS[:60])):
        texts = ["w3", *(" ".join(WORDS[:n]) for n in (18, 26, 60))]
        pairs = [model.tokenised(query, texts, max_passage_tokens=most) for model in (ours, theirs)]
        for one, other in zip(*pairs, strict=True):
            assert (one.passage_cut, one.query_cut) == (other.passage_cut, other.query_cut)
            if most is None or not one.query_cut:
                assert (one.ids.tolist(), one.types.tolist()) == (other.ids.tolist(), other.types.tolist())
            seen.add((one.passage_cut, one.query_cut))
    assert len(seen) == 4


def test_what_sentence_transformers_saved_anew_is_the_same(folder: Path, cache: Path, tmp_path: Path) -> None:
    library.CrossEncoder(str(folder), device="cpu").save_pretrained(str(tmp_path / "saved"))
    scores = []
    for place in (folder, tmp_path / "saved"):
        model = open_pair_model(place, cache=cache)
        assert model.max_length in (46, 48)
        scores.append(model.logits(model.tokenised("w1 w2", some_texts(5))))
    np.testing.assert_array_equal(scores[0], scores[1])


def test_the_runtime_tells_itself(folder: Path, cache: Path) -> None:
    model = open_pair_model(folder, cache=cache, runtime="sentence-transformers")
    assert model.info["runtime"] == "sentence-transformers" and model.max_length in (46, 48)
    assert model.logits([]).shape == (0,)
    model.close()
    with pytest.raises(ModelError, match="closed"):
        model.tokenised("w1", ["w2"])
    for options in ({"precision": "int8"}, {"provider": "openvino"}, {"query_room": 5}):
        with pytest.raises(InvalidInput, match="need the runtime onnx"):
            open_pair_model(folder, cache=cache, runtime="sentence-transformers", **options)  # type: ignore[arg-type]


def test_an_architecture_without_a_graph_goes_to_torch(tmp_path: Path, cache: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from spaniel.rerank.cross_encoders.sentence_transformer import TorchPairModel

    folder = small_cross_encoder(tmp_path / "m")
    words = transformers.AutoTokenizer.from_pretrained(str(folder)).vocab_size
    config = transformers.AlbertConfig(
        vocab_size=words, embedding_size=8, hidden_size=24, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=48, num_labels=1, pad_token_id=0,
    )  # fmt: skip
    transformers.AlbertForSequenceClassification(config).save_pretrained(str(folder))
    said: list[str] = []
    model = open_pair_model(folder, cache=cache, on_progress=said.append)
    assert isinstance(model, TorchPairModel) and "'albert' cannot be exported" in said[0]
    theirs = library.CrossEncoder(str(folder), device="cpu", activation_fn=__import__("torch").nn.Identity())
    texts = some_texts(6)
    wanted = theirs.predict([("w1", text) for text in texts], show_progress_bar=False)
    np.testing.assert_allclose(model.logits(model.tokenised("w1", texts)), wanted, atol=1e-5)


def test_several_labels_are_refused(tmp_path: Path, cache: Path) -> None:
    transformers = pytest.importorskip("transformers")
    folder = small_cross_encoder(tmp_path / "m")
    config = transformers.BertConfig(
        vocab_size=800, hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, num_labels=3
    )
    transformers.BertForSequenceClassification(config).save_pretrained(str(folder))
    for runtime in ("onnx", "sentence-transformers"):
        with pytest.raises(ModelError, match="3 "):
            open_pair_model(folder, cache=cache, runtime=runtime)
