"""sentence-transformers as a runtime: the same vectors, card and counts as ours for a model that both can run."""

from pathlib import Path

import numpy as np
import pytest
from contracts.small_model import WORDS, small_bert

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
