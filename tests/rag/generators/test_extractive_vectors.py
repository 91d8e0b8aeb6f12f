"""Vectors of sentences are computed once, for few sentences, and kept within bounds."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from spaniel.rag.generators.extractive.generator import Extractive
from spaniel.rag.generators.extractive.vectors import SentenceVectors
from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.prompt import Excerpt, Prompt
from spaniel.retrieval.types import Passage


class Counting:
    """Encodes a text as its length and 1, and tells what it encoded."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.fails = False

    def encode(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        if self.fails:
            raise ModelError("broken")
        self.texts += texts
        return np.array([[len(text), 1.0] for text in texts], np.float32)


def test_each_sentence_is_encoded_once() -> None:
    encoder = Counting()
    vectors = SentenceVectors(encoder)
    first, n_first = vectors.of(["a", "bb", "a"])
    again, n_again = vectors.of(["bb", "ccc"])
    assert (n_first, n_again, encoder.texts) == (2, 1, ["a", "bb", "ccc"])
    assert first.dtype == np.float32 and np.allclose(np.linalg.norm(first, axis=1), 1)
    assert np.array_equal(first[0], first[2]) and np.array_equal(first[1], again[0])


def test_the_one_used_longest_ago_is_forgotten_first() -> None:
    encoder = Counting()
    vectors = SentenceVectors(encoder, most=2)
    for text in ("a", "bb", "a", "ccc", "a", "bb"):
        vectors.of([text])
    assert encoder.texts == ["a", "bb", "ccc", "bb"]
    assert vectors.of(["x", "yy", "zzz"])[0].shape == (3, 2)  # more at once than are kept


def test_nothing_is_kept_of_a_call_that_fails() -> None:
    encoder = Counting()
    vectors = SentenceVectors(encoder)
    encoder.fails = True
    with pytest.raises(ModelError):
        vectors.of(["a"])
    encoder.fails = False
    assert vectors.of(["a"])[1] == 1


def test_only_the_best_by_words_are_encoded() -> None:
    text = "".join(f"Sentence number {i} of many. " for i in range(100)) + "Rotate a key with the command rotate."
    prompt = Prompt("how do I rotate a key?", (Excerpt.whole(Passage("p", "d", 0, len(text), text)),))
    encoder = Counting()
    generator = Extractive(encoder, threshold=0)
    first = list(generator.generate(prompt))
    assert first[-1].usage["encoded_texts"] == generator.reader.n_encoded + 1 == len(encoder.texts) == 9
    assert "Rotate a key with the command rotate." in encoder.texts
    again = list(generator.generate(prompt))
    assert again[-1].usage["encoded_texts"] == 1 and again[:-1] == first[:-1]
