"""What the loop drives: a method knows its model, its data and its loss; the loop knows steps, checkpoints and dev.

A method is a subclass of `Method`, which brings what most of them need not say (`definition`, `state`, `restore`).
Everything in it must be a function of the settings, the data and the weights: what is drawn at random is drawn from
(seed, epoch) or (seed, step), never from how long something took or in which process it runs, so that a training that
was killed and resumed equals one that was not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.types import JSON

if TYPE_CHECKING:
    import torch

__all__ = ["DevScores", "Loss", "Method", "dev_mean"]


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss of one batch.

    Attributes:
        total: float32 (), what is minimised, with its gradient.
        parts: name -> value of its terms, for curves; empty when there is one.
    """

    total: "torch.Tensor"
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class DevScores:
    """How good the held-out questions of one set are answered.

    Attributes:
        values: float64 (questions,), the measure of each, in the order of the set's `dev`.
        measure: its name.
    """

    values: NDArray[np.float64]
    measure: str = "nDCG@10"

    @property
    def mean(self) -> float:
        """Over the questions; 0 when there is none."""
        return float(self.values.mean()) if len(self.values) else 0.0


def dev_mean(scores: Mapping[str, DevScores]) -> float | None:
    """What early stopping goes by: the mean over the sets of each set's mean; None without a question held out."""
    means = [one.mean for one in scores.values() if len(one.values)]
    return sum(means) / len(means) if means else None


class Method(Protocol):
    """A way to train. Subclass it: the last three members have bodies that suit most.

    Attributes:
        name: as the command line calls it.
    """

    name: str

    def module(self) -> "torch.nn.Module":
        """Everything that trains: its parameters and persistent buffers are what a checkpoint saves. Always the same
        object."""
        ...

    def n_examples(self) -> int:
        """Questions of all sets together; the loop numbers them 0 to n - 1."""
        ...

    def begin_epoch(self, epoch: int) -> None:
        """Called once before the first batch of an epoch (from 0); mines anew where the method does."""
        ...

    def loss(self, places: Sequence[int], step: int) -> Loss:
        """Of these examples (numbers below `n_examples()`), a whole batch; that it fits into memory, where it is wanted
        (`TrainSettings.mini_batch`), is for the method to see to (methods/cached.py).

        Args:
            step: optimiser steps made before, from 0.
        """
        ...

    def evaluate(self) -> Mapping[str, DevScores]:
        """Set name -> scores of its held-out questions, with the weights as they are. Changes nothing."""
        ...

    def write(self, out: Path, facts: Mapping[str, Any]) -> None:
        """The model directory, whole or not at all, with the weights as they are (`training/output.py`).

        Args:
            facts: "trained_from", a JSON object for spaniel.json; "extra_files", path below `out` -> bytes (run card,
                curve, report): both go to `write_model` as they are.
        """
        ...

    def definition(self) -> Mapping[str, JSON]:
        """What the run is a function of besides settings and starting weights, such as hashes of data and indexes. A
        resume that finds another value is an error that names the key."""
        return {}

    def state(self) -> Mapping[str, NDArray[Any]]:
        """What `begin_epoch` (or the constructor) made by the weights of that time, such as mined negatives: name ->
        array, for the checkpoint. Empty when it can be made again from (seed, epoch)."""
        return {}

    def restore(self, epoch: int, state: Mapping[str, NDArray[Any]]) -> None:
        """Called when a run is resumed: in the middle of that epoch, in place of `begin_epoch(epoch)`.

        Where the run had stopped between two epochs, with the one that was over (-1 before the first), and then
        `begin_epoch` with the next; not when `state` is empty, for there is then nothing to bring back.
        """
        self.begin_epoch(epoch)
