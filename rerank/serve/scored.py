"""What the engine answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.types import JSON

__all__ = ["ReloadReport", "Scored", "State"]

State = Literal["loading", "ready", "draining", "failed"]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Scores of one request's pairs.

    Attributes:
        logits: float64 (n,), in the order of the texts; no sigmoid has been applied.
        tokens: tokens the model read, special ones included, padding not.
        truncated: passages that were cut.
        truncated_queries: pairs whose query was.
        queue_s: from the first pair being queued to the first batch with one of them.
        tokenise_s: until the last pair was tokenised, waiting for a thread included.
        inference_s: from the first batch to the last; other requests' batches may lie between.
        model: the name of the model that scored all of them.
    """

    logits: NDArray[np.float64]
    tokens: int
    truncated: int
    queue_s: float
    tokenise_s: float
    inference_s: float
    model: str
    truncated_queries: int = 0


@dataclass(frozen=True, slots=True)
class ReloadReport:
    """A model has taken another's place.

    Attributes:
        model, sha256: what answers now.
        previous_sha256: what answered before; may be the same.
        load_s, probe_s: opening and warming up; comparing.
        largest_difference: of the two models' logits on the probe's pairs.
        rank_correlation: Kendall's tau-b of the two, over the same pairs; None where one gives all the same score.
    """

    model: str
    sha256: str
    previous_sha256: str
    load_s: float
    probe_s: float
    largest_difference: float
    rank_correlation: float | None

    def to_json(self) -> Mapping[str, JSON]:
        """All of it, as plain values."""
        return {name: getattr(self, name) for name in self.__slots__}
