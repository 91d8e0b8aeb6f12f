"""What every encoder does with texts that are none, and with vectors that are wrong."""

from dataclasses import replace

import numpy as np
import pytest
from contracts.toy_encoder import FixedEncoder, ToyEncoder, toy_card

from spaniel.models.text import clean, passage_text
from spaniel.retrieval.errors import InvalidInput, ModelError


def test_toy_vectors_depend_on_the_text_alone() -> None:
    together = ToyEncoder().encode(["a b", "b c", ""], kind="query")
    apart = [ToyEncoder().encode([text], kind="query")[0] for text in ("a b", "b c", "")]
    assert together.dtype == np.float32
    assert together.shape == (3, 32)
    np.testing.assert_array_equal(together, np.stack(apart))
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)


def test_toy_vectors_of_another_seed_are_others() -> None:
    assert ToyEncoder(seed=1).card.differences(ToyEncoder(seed=2).card)
    assert not np.allclose(*(ToyEncoder(seed=seed).encode(["a"], kind="query") for seed in (1, 2)))


def test_shared_words_bring_texts_together() -> None:
    query, near, far = ToyEncoder().encode(["rotate a key", "how to rotate a key", "blue whales"], kind="query")
    assert query @ near > 0.5 > query @ far


def test_a_passage_without_text_has_no_direction() -> None:
    texts = ["", "a b", " \n\t", "c"]
    with ToyEncoder() as encoder:
        vectors = encoder.encode(texts, kind="passage")
        assert np.linalg.norm(vectors, axis=1).round(5).tolist() == [0, 1, 0, 1]
        np.testing.assert_array_equal(vectors[[1, 3]], encoder.encode(["a b", "c"], kind="passage"))
        assert encoder.encode(["", " "], kind="passage").tolist() == [[0.0] * 32] * 2
        assert encoder.asked == ["a b", "c", "a b", "c"]
        assert np.linalg.norm(encoder.encode([""], kind="query")) == pytest.approx(1)
    wrong = FixedEncoder(toy_card(2), {"a": np.array([1, 0]), "b": np.array([np.nan, 0])})
    with pytest.raises(ModelError, match="vector of text 2 holds NaN"):
        wrong.encode(["a", "", "b"], kind="passage")


def test_lengths_without_a_tokenizer_go_by_bytes() -> None:
    encoder = ToyEncoder()
    assert encoder.lengths(["abcd", "abcde", " ", "汉字汉字"], kind="passage") == [1, 2, 0, 3]
    assert encoder.lengths(["word " * 5000], kind="query") == [encoder.card.max_length]
    assert encoder.counted(["a"], kind="query").lengths is None


def test_no_texts() -> None:
    assert ToyEncoder(8).encode([], kind="query").shape == (0, 8)


def test_usage_counts_what_was_encoded() -> None:
    with ToyEncoder() as encoder:
        encoder.encode(["one two", "three"], kind="passage")
        encoder.encode(["four"], kind="query")
        assert encoder.usage() == {"model_calls": 2, "tokens": 4, "truncated": 0}


@pytest.mark.parametrize(
    ("texts", "kind", "said"),
    [("text", "query", "one string"), ([b"x"], "query", "text 0 is bytes"), (["x"], "doc", "kind is 'doc'")],
)
def test_arguments_that_cannot_be(texts: list[str], kind: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        ToyEncoder().encode(texts, kind=kind)


def test_prompts_stand_before_the_text() -> None:
    card = replace(toy_card(2), query_prompt="q: ", passage_prompt="p: ")
    encoder = FixedEncoder(card, {"q: a": np.array([1, 0]), "p: a": np.array([0, 1])})
    assert encoder.encode(["a"], kind="query").tolist() == [[1, 0]]
    assert encoder.encode(["a"], kind="passage").tolist() == [[0, 1]]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_vectors_that_are_no_numbers(bad: float) -> None:
    encoder = FixedEncoder(toy_card(2), {"a": np.array([1, 0]), "b": np.array([0, bad])})
    with pytest.raises(ModelError, match="vector of text 2 holds NaN"):
        encoder.encode(["a", "a", "b"], kind="query")


def test_vectors_of_another_dimension() -> None:
    with pytest.raises(ModelError, match=r"shape \(1, 3\), expected \(1, 2\)"):
        FixedEncoder(toy_card(2), {"a": np.zeros(3)}).encode(["a"], kind="query")


def test_texts_of_a_passage() -> None:
    assert passage_text("", "") == ""
    assert passage_text("T", "x") == "T x"
    assert clean("\ud83d\ude00 \udc00") == "\ufffd\ufffd \ufffd"
    assert clean("😀") == "😀"
