"""The weights of the extractive generator: fitted once, shipped beside the code, or given."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from spaniel.retrieval.errors import InvalidInput

from .confidence import SIGNS
from .features import FEATURES

__all__ = ["Weights", "shipped"]


@dataclass(frozen=True, slots=True)
class Weights:
    """What the features of a sentence, and the signs of an answer, are worth.

    Attributes:
        sentence: feature -> weight; the softmax of the sums over all sentences is the probability that it is this one
            that holds the answer. Features that are missing weigh nothing.
        answer: sign -> weight; sigmoid(sum + answer_bias) is the confidence, that the answer is right.
        threshold: below this confidence the generator abstains.
        note: of what they were fitted on, for people.

    Raises:
        InvalidInput: an unknown feature or sign, a value that is not finite, a threshold outside of 0 to 1.
    """

    sentence: Mapping[str, float]
    answer: Mapping[str, float]
    answer_bias: float
    threshold: float
    note: str = ""

    def __post_init__(self) -> None:
        for what, given, known in (("feature", self.sentence, FEATURES), ("sign", self.answer, SIGNS)):
            if unknown := sorted(set(given) - set(known)):
                raise InvalidInput("weights", f"no {what} is called {unknown[0]!r}; there are {', '.join(known)}")
        numbers = [*self.sentence.values(), *self.answer.values(), self.answer_bias]
        if not all(map(math.isfinite, numbers)):
            raise InvalidInput("weights", "there is one that is not a finite number")
        if not 0 <= self.threshold <= 1:
            raise InvalidInput("threshold", f"is {self.threshold}; it must lie between 0 and 1")


@cache
def shipped(*, encoder: bool, spans: bool) -> Weights:
    """Those of `weights.toml` for this use; its head tells what they were fitted on."""
    text = files("spaniel.rag.generators.extractive").joinpath("weights.toml").read_text("utf-8")
    table: dict[str, Any] = tomllib.loads(text)
    return Weights(**table[("encoder" if encoder else "words") + ("-span" if spans else "")])
