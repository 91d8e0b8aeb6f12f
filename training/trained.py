"""What a training gives back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from spaniel.retrieval.types import JSON

__all__ = ["DevGain", "Trained"]


@dataclass(frozen=True, slots=True)
class DevGain:
    """One set's held-out questions before and after: mean nDCG@10, and the paired difference with its interval.

    `low` and `high` are NaN where the values cannot say. The model was chosen on these very questions among a few
    states, so that the gain is a little flattered; `spaniel eval compare` on a test split tells the true one.
    """

    before: float
    after: float
    difference: float
    low: float
    high: float
    p: float
    n: int


@dataclass(frozen=True, slots=True)
class Trained:
    """What came out.

    Attributes:
        path: the model's folder.
        method: how it was trained.
        dev: set -> its held-out questions before and after; empty where none were held out.
        steps, best_step: optimiser steps made, and the one whose weights were written, or blended with the start's.
        n_steps: steps that all epochs have.
        blend: how far what was written lies on the line from the start to that step; 1: all the way.
        seconds: of training and dev evaluations, over all resumes.
    """

    path: Path
    method: str
    dev: Mapping[str, DevGain]
    steps: int
    best_step: int
    n_steps: int
    seconds: float
    blend: float = 1.0

    @property
    def gained(self) -> bool:
        """Whether a state was found that is better on dev than the start; true where nothing was held out."""
        return not self.dev or self.best_step > 0

    def to_json(self) -> dict[str, JSON]:
        """As `spaniel train --json` prints it; what is not known is null."""
        dev: dict[str, JSON] = {
            name: {key: None if value != value else value for key, value in asdict(gain).items()}
            for name, gain in self.dev.items()
        }
        return {
            "path": str(self.path),
            "method": self.method,
            "gained": self.gained if self.dev else None,
            "dev": dev,
            "steps": self.steps,
            "best_step": self.best_step,
            "n_steps": self.n_steps,
            "blend": self.blend,
            "seconds": round(self.seconds, 3),
        }
