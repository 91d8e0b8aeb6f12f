"""One step of the optimiser: forward, backward, clip, update."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from spaniel.retrieval.errors import ModelError

from .method import Method

__all__ = ["Batch", "train_step"]


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step trains on and how.

    Attributes:
        places: int64 (examples,).
        step: steps made before.
        clip: largest norm of the gradient; 0 for none.
        autocast: in which the forward pass runs.
    """

    places: NDArray[np.int64]
    step: int
    clip: float
    autocast: AbstractContextManager[object] = field(repr=False)


def train_step(
    method: Method, parameters: Sequence[torch.Tensor], optimiser: torch.optim.Optimizer, batch: Batch
) -> tuple[float, dict[str, float]]:
    """Change the weights by one batch.

    Returns:
        The loss before the change, and its parts.

    Raises:
        ModelError: the loss or the gradient is no number; the weights are then as they were.
    """
    optimiser.zero_grad(set_to_none=True)
    try:
        with batch.autocast:
            loss = method.loss(batch.places.tolist(), batch.step)
        # A batch may hold nothing to learn from (no pair of a positive and a negative): its loss is then a constant.
        if loss.total.requires_grad:
            loss.total.backward()  # type: ignore[no-untyped-call]
    except torch.OutOfMemoryError as error:
        how = "set mini_batch, or take a smaller batch"
        raise _failed(batch.step, "the device has not enough memory", how) from error
    value = float(loss.total.detach())
    if not math.isfinite(value):
        raise _failed(batch.step, f"the loss is {value}", "lower the learning rate, or look at the data of this step")
    norm = float(torch.nn.utils.clip_grad_norm_(parameters, batch.clip or math.inf))
    if not math.isfinite(norm):
        raise _failed(batch.step, f"the norm of the gradient is {norm}", "lower the learning rate, or try bf16 off")
    optimiser.step()
    return value, dict(loss.parts)


def _failed(step: int, what: str, hint: str) -> ModelError:
    error = ModelError(f"training stopped at step {step + 1}: {what}")
    error.hint = hint
    return error
