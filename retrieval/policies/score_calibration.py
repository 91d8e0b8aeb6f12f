"""What the scores of one scorer mean: the probability that a passage with this score is relevant.

A reranker's score says which passage is better and not how good it is; thresholds on the sigmoid of a logit mean
something else with every model. Fitted on judged queries (`fitting.py`), sigmoid(a * score + b) is a probability that
can be compared with a threshold and added up.

Scores of one query may all be higher than another's: cosines with a short question are, and so are logits of an easy
one. A threshold on the score then keeps everything of one and nothing of the other. A second weight, for how many
standard deviations a score lies above the mean of its ranking, tells that apart.

A calibration holds for the scorer, the kind of collection and the depth that it was fitted on: relevant passages are
rarer at depth 100 than at 10.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, Ranking

from .json_file import read_json, write_json

__all__ = ["Calibration", "sigmoid", "standing"]

_MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Calibration:
    """probability = sigmoid(a * score + c * standing + b), the standing being (score - mean) / deviation of a ranking.

    Attributes:
        a, c: not below 0, and not both 0, so that order is kept. With c = 0 the rest of the ranking does not matter.
        depth: how much of a ranking counts as the whole: as much as has a score of the judge. None for all.
        ece: expected calibration error of probabilities of queries that had no part in the fitting; see
            `calibration_error`. None where it was not measured.
        n: scores that it was fitted on.
        n_relevant: how many of them were of relevant passages.
        note: of what: model, collection, depth; for people.

    Raises:
        InvalidInput: a weight that is not finite, negative, or none above 0; a depth below 1.

    Example:
        >>> Calibration(2.0, -1.0).probabilities([0.5, 3.0]).round(3).tolist()
        [0.5, 0.993]
    """

    a: float
    b: float
    c: float = 0.0
    depth: int | None = None
    ece: float | None = None
    n: int = 0
    n_relevant: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        if not (all(map(math.isfinite, (self.a, self.b, self.c))) and min(self.a, self.c) >= 0 and self.a + self.c > 0):
            found = f"a is {self.a}, b is {self.b} and c is {self.c}"
            raise InvalidInput("calibration", f"{found}; all must be finite, a and c not below 0, one of them above")
        if self.depth is not None and self.depth < 1:
            raise InvalidInput("calibration", f"depth is {self.depth}; it must be at least 1")

    def probabilities(self, scores: ArrayLike) -> NDArray[np.float64]:
        """float64 (n,) of the scores (n,) of one ranking, computed in float64."""
        wide = np.asarray(scores, np.float64)
        logits = self.a * wide + self.b
        return sigmoid(logits + self.c * standing(wide) if self.c else logits)

    def of(self, ranking: Ranking) -> NDArray[np.float64]:
        """float64 (min(depth, n),): the probabilities of a ranking's first passages."""
        return self.probabilities(ranking.scores[: self.depth])

    def score_at(self, probability: float) -> float:
        """The score that has this probability.

        Raises:
            InvalidInput: a probability that no score has, or one that depends on the ranking.
        """
        if not 0 < probability < 1:
            raise InvalidInput("probability", f"is {probability}; it must lie between 0 and 1")
        if self.c:
            raise InvalidInput("calibration", "no score has one probability: it depends on the ranking (c is not 0)")
        return (math.log(probability / (1 - probability)) - self.b) / self.a

    def to_json(self) -> dict[str, JSON]:
        """Its attributes."""
        return dict(asdict(self))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Calibration":
        """The calibration of `to_json`.

        Raises:
            InvalidInput: a key that is unknown, missing or of another type.
        """
        known = {each.name for each in fields(cls)}
        if unknown := sorted(set(value) - known):
            raise InvalidInput("calibration", f"unknown key {unknown[0]!r}; there are {', '.join(sorted(known))}")
        for key, kinds in _TYPES.items():
            if (key in value or key in ("a", "b")) and type(value.get(key)) not in kinds:
                raise InvalidInput("calibration", f"{key} is {value.get(key)!r}; it must be a {kinds[0].__name__}")
        return cls(**value)

    def save(self, path: str | Path) -> None:
        """Write it as JSON, whole or not at all."""
        write_json(path, self.to_json(), indent=1)

    @classmethod
    def read(cls, path: str | Path) -> "Calibration":
        """The calibration of a file that `save` wrote.

        Raises:
            InvalidInput: the file is missing, or is none.
            LimitExceeded: it is of more than 64 KiB.
        """
        value = read_json(path, "calibration", most_bytes=_MOST_BYTES)
        if not isinstance(value, dict):
            raise InvalidInput(str(path), f"holds a {type(value).__name__}, no calibration")
        return cls.from_json(value)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "a": (float, int),
    "b": (float, int),
    "c": (float, int),
    "depth": (int, type(None)),
    "ece": (float, int, type(None)),
    "n": (int,),
    "n_relevant": (int,),
    "note": (str,),
}


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)) without overflow."""
    small = np.exp(-np.abs(logits))
    told: NDArray[np.float64] = np.where(logits >= 0, 1.0, small) / (1.0 + small)
    return told


def standing(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(score - mean) / deviation; 0 when all are the same."""
    if len(scores) == 0 or scores.min() == scores.max():
        return np.zeros(len(scores))
    told: NDArray[np.float64] = (scores - scores.mean()) / scores.std()
    return told
