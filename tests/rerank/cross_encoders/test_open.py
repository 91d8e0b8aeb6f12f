"""Cross-encoders over small random models: pairs, scores, and how a model is found and made."""

from pathlib import Path

import numpy as np
import pytest
from contracts.cross_encoder import WORDS, small_cross_encoder, some_texts

from spaniel.rerank.cross_encoders.open import open_pair_model

pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("family", ["bert", "xlm-roberta"])
def test_a_pair_s_score_does_not_depend_on_the_others(family: str, tmp_path: Path) -> None:
    model = open_pair_model(small_cross_encoder(tmp_path / "m", family=family), cache=tmp_path)
    pairs = model.tokenised(" ".join(WORDS[:5]), some_texts(9))
    together = model.logits(pairs)
    assert together.dtype == np.float32
    assert np.ptp(together) > 0.1
    np.testing.assert_allclose([model.logits([pair])[0] for pair in pairs], together, atol=1e-5)
