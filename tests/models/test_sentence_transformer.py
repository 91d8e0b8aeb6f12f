"""sentence-transformers as a runtime: the same vectors, card and counts as ours for a model that both can run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.small_model import WORDS, small_bert, write_json

from spaniel.models.encoders.open import open_encoder
from spaniel.retrieval.errors import InvalidInput, ModelError

pytest.importorskip("sentence_transformers", reason="the torch extra is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def test_both_runtimes_agree(tmp_path: Path) -> None:
    folder = small_bert(tmp_path / "m", prompts={"query": "query : "})
    many = ["", "w1", " ".join(WORDS[4:40]), "w5 w6 [SEP] w7", *(" ".join(WORDS[4:n]) for n in range(5, 30))]
    with (
        open_encoder(folder, cache=tmp_path, runtime="sentence-transformers") as theirs,
        open_encoder(folder, cache=tmp_path) as ours,
    ):
        assert theirs.card.runtime == "sentence-transformers"
        assert ours.card.differences(theirs.card) == []
        for kind in ("query", "passage"):
            vectors = [each.encode(many, kind=kind) for each in (theirs, ours)]
            np.testing.assert_allclose(*vectors, atol=1e-5)
            assert theirs.lengths(many, kind=kind) == ours.lengths(many, kind=kind)
            assert theirs.counted(many, kind=kind).lengths == ours.counted(many, kind=kind).lengths
        assert theirs.usage()["tokens"] == ours.usage()["tokens"]
        assert theirs.usage()["truncated"] == ours.usage()["truncated"] > 0
        assert open_encoder(theirs.card, cache=tmp_path).card == theirs.card


def test_what_only_it_can_do_goes_to_it(tmp_path: Path) -> None:
    folder = small_bert(tmp_path / "m", pooling="max")
    with open_encoder(folder, cache=tmp_path) as encoder:
        assert (encoder.card.runtime, encoder.card.pooling) == ("sentence-transformers", "")
        assert encoder.encode(["w1", "w2"], kind="passage").shape == (2, 24)
        assert open_encoder(encoder.card, cache=tmp_path).card == encoder.card
    with pytest.raises(InvalidInput, match="need the runtime onnx"):
        open_encoder(folder, cache=tmp_path, precision="int8")


def test_a_folder_it_cannot_load(tmp_path: Path) -> None:
    folder = small_bert(tmp_path / "m")
    (folder / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(ModelError, match="sentence-transformers cannot load it"):
        open_encoder(folder, cache=tmp_path, runtime="sentence-transformers")


TEXTS = ["w1", "w2 w3", "w4 w5 w6 w7"]


def held_against_them(folder: Path, cache: Path, texts: list[str] = TEXTS) -> None:
    """Both runtimes give what encode_query and encode_document of sentence-transformers give."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    wanted = {"query": model.encode_query(texts), "passage": model.encode_document(texts)}
    for runtime in ("onnx", "sentence-transformers"):
        with open_encoder(folder, cache=cache, runtime=runtime) as encoder:
            for kind, vectors in wanted.items():
                made = encoder.encode(texts, kind=kind)  # type: ignore[arg-type]
                np.testing.assert_allclose(made, vectors, atol=1e-5, err_msg=f"{runtime} {kind}")


@pytest.mark.parametrize(
    ("prompts", "default"),
    [
        ({"query": "query : ", "document": "w9 ", "passage": "passage : "}, None),
        ({"query": "query : ", "document": "", "passage": "passage : "}, None),
        ({"other": "w8 w8 "}, "other"),
        ({"query": "query : ", "other": "w8 w8 "}, "query"),
    ],
)
def test_prompts_are_chosen_as_they_do(tmp_path: Path, prompts: dict[str, str], default: str | None) -> None:
    folder = small_bert(tmp_path / "m", prompts=prompts)
    write_json(folder / "config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": default})
    held_against_them(folder, tmp_path / "c")


def test_lower_case_that_the_tokenizer_does_not_do(tmp_path: Path) -> None:
    folder = small_bert(tmp_path / "m")
    with open_encoder(folder, cache=tmp_path / "c") as cased:
        vectors = cased.encode(["W1", "w1"], kind="query")
    assert not np.allclose(*vectors)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 16, "do_lower_case": True})
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"})
    held_against_them(folder, tmp_path / "c", ["w1", "W2 w3", "W4 w5 W6"])
    with open_encoder(folder, cache=tmp_path / "c") as lower:
        np.testing.assert_array_equal(*lower.encode(["W1", "w1"], kind="query"))


@pytest.mark.parametrize("runtime", ["onnx", "sentence-transformers"])
def test_a_pooling_without_the_prompt(tmp_path: Path, runtime: str) -> None:
    folder = small_bert(tmp_path / "m", prompts={"query": "query : "})
    write_json(
        folder / "1_Pooling" / "config.json",
        {"pooling_mode": "mean", "include_prompt": False, "embedding_dimension": 24},
    )
    with pytest.raises(ModelError, match="leaves out the prompt"):
        open_encoder(folder, cache=tmp_path / "c", runtime=runtime)
    open_encoder(folder, cache=tmp_path / "c", runtime=runtime, query_prompt="").close()


def test_a_folder_without_modules_is_one_model_to_both(tmp_path: Path) -> None:
    folder = small_bert(tmp_path / "m")
    (folder / "modules.json").unlink()
    with (
        open_encoder(folder, cache=tmp_path / "c", runtime="sentence-transformers") as theirs,
        open_encoder(folder, cache=tmp_path / "c") as ours,
    ):
        assert ours.card.differences(theirs.card) == []
        np.testing.assert_allclose(*(e.encode(TEXTS, kind="query") for e in (ours, theirs)), atol=1e-5)


def changed(folder: Path, **options: Any) -> Path:
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | options)
    return folder


def test_an_odd_option_of_a_known_family_goes_to_it(tmp_path: Path) -> None:
    folder = changed(small_bert(tmp_path / "m"), hidden_act="quick_gelu")
    said: list[str] = []
    with open_encoder(folder, cache=tmp_path / "c", on_progress=said.append) as encoder:
        assert encoder.card.runtime == "sentence-transformers"
    assert any("quick_gelu" in line for line in said)
    with pytest.raises(ModelError, match="quick_gelu"):
        open_encoder(folder, cache=tmp_path / "c", runtime="onnx")
