"""How far a training is, and what became of it: the curve, the losses, the best step; what a checkpoint keeps of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spaniel.retrieval.types import JSON

from .method import DevScores, dev_mean
from .tensor_file import TensorReader

__all__ = ["Evaluation", "Outcome", "Progress"]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Dev scores after so many steps, set by set."""

    step: int
    scores: Mapping[str, DevScores]

    @property
    def mean(self) -> float | None:
        """Over the sets; None when no question is held out."""
        return dev_mean(self.scores)


@dataclass(slots=True, eq=False)
class Progress:
    """Of a run.

    Attributes:
        step: optimiser steps made.
        losses: of each of them.
        curve: evaluations in order of their steps, the first before any step.
        seconds: of work so far, those before a resume included.
    """

    step: int = 0
    losses: list[float] = field(default_factory=list)
    curve: list[Evaluation] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def evaluated_at(self) -> int:
        """Step of the last evaluation; -1 before the first."""
        return self.curve[-1].step if self.curve else -1

    @property
    def best(self) -> Evaluation | None:
        """The evaluation with the highest mean, the earliest of equal ones; None without dev."""
        judged = [one for one in self.curve if one.mean is not None]
        return max(judged, key=lambda one: one.mean if one.mean is not None else -math.inf) if judged else None

    @property
    def since_best(self) -> int:
        """Evaluations after the best one."""
        best = self.best
        return len(self.curve) - 1 - self.curve.index(best) if best else 0

    def values(self) -> dict[str, JSON]:
        """The plain part of what a checkpoint keeps."""
        curve: list[JSON] = [
            {"step": one.step, "sets": {name: each.measure for name, each in one.scores.items()}} for one in self.curve
        ]
        return {"step": self.step, "curve": curve, "seconds": self.seconds}

    def tensors(self) -> dict[str, torch.Tensor]:
        """The arrays of what a checkpoint keeps: losses, and the scores of each evaluation and set."""
        arrays = {"losses": torch.tensor(self.losses, dtype=torch.float64)}
        for number, one in enumerate(self.curve):
            for name, each in one.scores.items():
                arrays[f"dev:{number}:{name}"] = torch.tensor(each.values, dtype=torch.float64)
        return arrays

    @classmethod
    def restored(cls, values: Mapping[str, Any], reader: TensorReader) -> "Progress":
        """The inverse of `values` and `tensors`."""
        curve = [
            Evaluation(
                one["step"],
                {
                    name: DevScores(reader.read(f"dev:{number}:{name}").numpy(), measure)
                    for name, measure in one["sets"].items()
                },
            )
            for number, one in enumerate(values["curve"])
        ]
        return cls(values["step"], reader.read("losses").tolist(), curve, values["seconds"])


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of a training; the method's model has the best weights when it is returned.

    Attributes:
        ended: "finished", or "patience": early stopping.
        step, n_steps: steps made, and how many there would have been.
        n_examples: questions trained on.
        best_step: whose weights the model has: the best on dev, 0 when nothing was better than the start; the last
            step where no question is held out.
        curve: the evaluations; the first is that of the start.
        losses, learning_rates: float64 (step,).
        blended: dev scores of the weights that the model has, where they are a blend (`TrainSettings.blend`) of the
            start and those of `best_step`.
        seconds: of work, those before a resume included.
        threads: of torch.
        resumed_at: steps at which the run was taken up again.
        definition: what the run is a function of: settings, method's definition, starting weights.
    """

    ended: str
    step: int
    n_steps: int
    n_examples: int
    best_step: int
    curve: Sequence[Evaluation]
    losses: NDArray[np.float64]
    learning_rates: NDArray[np.float64]
    seconds: float
    threads: int
    resumed_at: Sequence[int]
    definition: Mapping[str, JSON]
    blended: Mapping[str, DevScores] | None = None

    @property
    def start(self) -> Mapping[str, DevScores]:
        """Set -> dev scores before training; empty without dev."""
        return self.curve[0].scores

    @property
    def best(self) -> Mapping[str, DevScores]:
        """Set -> dev scores of the weights that were kept."""
        if self.blended is not None:
            return self.blended
        return next(one.scores for one in self.curve if one.step == self.best_step)
