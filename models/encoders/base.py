"""What every encoder has in common: prompts, checks of what goes in and comes out, counts.

A subclass turns clean texts into vectors in `_encoded` and knows nothing of prompts; everything a caller could get
wrong, and everything a model could, is met here once.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spaniel.models.card import ModelCard
from spaniel.models.text import clean, tokens_of
from spaniel.retrieval.closing import Closing
from spaniel.retrieval.errors import InvalidInput, ModelError

__all__ = ["LARGEST", "Encoded", "Encoder", "Kind"]

LARGEST = 1e16
"""No value of a vector may be larger. Products of two vectors are summed in float32, which ends at 3.4e38: this leaves
room for a million dimensions. NaN and infinity fail `abs(x) <= LARGEST` too."""

Kind = Literal["query", "passage"]


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a model made of some texts.

    Attributes:
        vectors: float32 (n, d), in the order of the texts.
        tokens: tokens the model read, special ones included, padding not.
        truncated: texts that were longer than the model reads.
        model_calls: runs of the model, or requests.
        lengths: the tokens of each text; None where only their sum is known, or nothing.
    """

    vectors: NDArray[np.float32]
    tokens: int = 0
    truncated: int = 0
    model_calls: int = 1
    lengths: Sequence[int] | None = None


class Encoder(Closing, ABC):
    """Turns texts into vectors. Safe to call from several threads; a context manager.

    Attributes:
        card: what decides its vectors; stands in the manifest of every index made with it.
        codes: "sign" where training made the signs of its passages' vectors their codes (BPR); None for all others.
    """

    codes: Literal["sign"] | None = None

    def __init__(self, card: ModelCard) -> None:
        self.card = card
        self._counts = {"model_calls": 0, "tokens": 0, "truncated": 0}
        self._counting = Lock()

    @abstractmethod
    def _encoded(self, texts: list[str], kind: Kind) -> Encoded:
        """Vectors of at least one text, prompt included; they need not be contiguous or checked."""

    def encode(self, texts: Sequence[str], *, kind: Kind) -> NDArray[np.float32]:
        """One vector for each text. That of a passage without text is zero, so that it answers no question: a
        model would give what its special tokens alone make, which lies near many short queries.

        Args:
            texts: any number of any length; what is longer than `card.max_length` tokens is cut and counted.
                Memory grows with their number: give a large corpus in pieces of about a thousand.
            kind: decides the prompt.

        Returns:
            float32 (len(texts), card.dimension), in their order.

        Raises:
            InvalidInput: not a sequence of strings, or an unknown kind.
            ModelError: the model fails, or gives another number of vectors, another dimension, NaN or infinity.
        """
        return self.counted(texts, kind=kind).vectors

    def counted(self, texts: Sequence[str], *, kind: Kind) -> Encoded:
        """As `encode`, with what this call alone cost: for callers that share an encoder and count by themselves."""
        ready = self._prompted(texts, kind)
        if not ready:
            return Encoded(np.zeros((0, self.card.dimension), np.float32), model_calls=0)
        said = _said(texts, kind)
        if not said:
            return Encoded(np.zeros((len(ready), self.card.dimension), np.float32), model_calls=0)
        made = self._encoded([ready[place] for place in said], kind)
        vectors = self._checked(made.vectors, said, len(ready))
        with self._counting:
            self._counts["model_calls"] += made.model_calls
            self._counts["tokens"] += made.tokens
            self._counts["truncated"] += made.truncated
        lengths = None if made.lengths is None else _at(said, made.lengths, len(ready))
        return replace(made, vectors=vectors, lengths=lengths)

    def lengths(self, texts: Sequence[str], *, kind: Kind) -> list[int]:
        """Tokens that the model reads of each text: prompt and special ones included, what is cut off not, and none
        of a passage without text, which it never sees. By its tokenizer; where that is not here, as many as four bytes
        each would make.

        Raises:
            InvalidInput: see `encode`.
        """
        ready, said = self._prompted(texts, kind), _said(texts, kind)
        return _at(said, self._lengths([ready[place] for place in said]), len(ready))

    def _lengths(self, texts: list[str]) -> list[int]:
        """Of texts with their prompt; see `lengths`."""
        return [min(tokens_of(text), self.card.max_length or sys.maxsize) for text in texts]

    def usage(self) -> dict[str, int]:
        """Totals since it was opened: {"model_calls", "tokens", "truncated"}; they only grow."""
        with self._counting:
            return dict(self._counts)

    def _prompted(self, texts: Sequence[str], kind: Kind) -> list[str]:
        if kind not in ("query", "passage"):
            raise InvalidInput("encode", f"kind is {kind!r}; it must be 'query' or 'passage'")
        if isinstance(texts, (str, bytes)):
            raise InvalidInput("encode", "one string given; it takes a list of them")
        prompt = self.card.query_prompt if kind == "query" else self.card.passage_prompt
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                raise InvalidInput("encode", f"text {number} is {type(text).__name__}; it must be a string")
        return [clean(prompt + text) for text in texts]

    def _checked(self, vectors: NDArray[np.float32], places: list[int], n_texts: int) -> NDArray[np.float32]:
        """The vectors at their places among `n_texts`, zeros elsewhere."""
        wanted = (len(places), self.card.dimension)
        if vectors.shape != wanted:
            raise ModelError(f"{self.card.name}: vectors of shape {vectors.shape}, expected {wanted}")
        vectors = np.ascontiguousarray(vectors, np.float32)
        usable = (np.abs(vectors) <= LARGEST).all(axis=1)
        if not usable.all():
            number = places[int(np.argmin(usable))]
            raise ModelError(
                f"{self.card.name}: the vector of text {number} holds NaN, infinity or values above {LARGEST:g}"
            )
        if len(places) == n_texts:
            return vectors
        every = np.zeros((n_texts, self.card.dimension), np.float32)
        every[places] = vectors
        return every


def _said(texts: Sequence[str], kind: Kind) -> list[int]:
    """The places of those that the model gets to see."""
    return [place for place, text in enumerate(texts) if kind == "query" or text.strip()]


def _at(places: list[int], values: Sequence[int], n: int) -> list[int]:
    """The values at their places among n, 0 elsewhere."""
    every = [0] * n
    for place, value in zip(places, values, strict=True):
        every[place] = value
    return every
