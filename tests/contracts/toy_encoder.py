"""Encoders that need no model: words hashed to random directions, and vectors given by hand."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spaniel.models.card import ModelCard
from spaniel.models.encoders.base import Encoded, Encoder, Kind

__all__ = ["FixedEncoder", "ToyEncoder", "ToyTowers", "toy_card"]


def toy_card(dimension: int = 32, seed: int = 0, *, name: str = "toy") -> ModelCard:
    """The card of `ToyEncoder(dimension, seed)`; nothing can be opened from it."""
    sha256 = hashlib.sha256(f"toy {dimension} {seed}".encode()).hexdigest()
    return ModelCard(name, f"toy-{seed}", "onnx", sha256, dimension, "mean", True, 256)


class ToyEncoder(Encoder):
    """The normalised sum of one random direction for each word: texts that share words are close.

    A text's vector depends on nothing but itself, the dimension and the seed, to the last bit.

    Attributes:
        asked: every text it was asked for, in order.
    """

    def __init__(self, dimension: int = 32, seed: int = 0, *, name: str = "toy") -> None:
        super().__init__(toy_card(dimension, seed, name=name))
        self.seed = seed
        self.asked: list[str] = []
        self._directions: dict[str, NDArray[np.float64]] = {}

    def _encoded(self, texts: list[str], kind: Kind) -> Encoded:
        self.asked.extend(texts)
        tokens = sum(len(text.split()) for text in texts)
        return Encoded(np.stack([self._vector(text) for text in texts]), tokens)

    def _vector(self, text: str) -> NDArray[np.float32]:
        total = np.sum([self._direction(word) for word in ["", *text.lower().split()]], axis=0)
        return np.asarray(total / np.linalg.norm(total), np.float32)

    def _direction(self, word: str) -> NDArray[np.float64]:
        """Standard normal; that of the empty word, a tenth as long, stands in every text so that none is zero."""
        if word not in self._directions:
            digest = hashlib.sha256(f"{self.seed} {word}".encode()).digest()
            drawn = np.random.default_rng(int.from_bytes(digest[:8], "little")).standard_normal(self.card.dimension)
            self._directions[word] = drawn if word else drawn / 10
        return self._directions[word]


class ToyTowers(ToyEncoder):
    """Passages as `ToyEncoder(dimension, seed)` has them, questions as another one: what a query model is.

    Attributes:
        asks: the tower of questions.
    """

    def __init__(self, questions: int = 7, dimension: int = 32, seed: int = 0) -> None:
        super().__init__(dimension, seed)
        self.asks = ToyEncoder(dimension, questions)
        self.card = replace(self.card, source=f"out-{questions}", query_sha256=self.asks.card.sha256)

    def _encoded(self, texts: list[str], kind: Kind) -> Encoded:
        return self.asks._encoded(texts, kind) if kind == "query" else super()._encoded(texts, kind)


class FixedEncoder(Encoder):
    """Vectors given for each text, with or without prompt; any other text is a KeyError."""

    def __init__(self, card: ModelCard, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        super().__init__(card)
        self.vectors = dict(vectors)

    def _encoded(self, texts: list[str], kind: Kind) -> Encoded:
        return Encoded(np.stack([np.asarray(self.vectors[text], np.float32) for text in texts]))
