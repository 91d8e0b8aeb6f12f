"""One step of the optimiser: forward, backward, clip, update; in pieces where a batch does not fit."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from spaniel.retrieval.errors import ModelError

from .method import Loss, Method

__all__ = ["Batch", "train_step"]


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step trains on and how.

    Attributes:
        places: int64 (examples,).
        step: steps made before.
        micro_batch: examples a pass; 0 for all at once.
        clip: largest norm of the gradient; 0 for none.
        autocast: in which the forward pass runs.
    """

    places: NDArray[np.int64]
    step: int
    micro_batch: int
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
        value, parts = _backward(method, parameters, batch)
    except torch.OutOfMemoryError as error:
        how = "take a smaller batch" + (", or a micro_batch" if method.splittable else "")
        raise _failed(batch.step, "the device has not enough memory", how) from error
    if not math.isfinite(value):
        raise _failed(batch.step, f"the loss is {value}", "lower the learning rate, or look at the data of this step")
    norm = float(torch.nn.utils.clip_grad_norm_(parameters, batch.clip or math.inf))
    if not math.isfinite(norm):
        raise _failed(batch.step, f"the norm of the gradient is {norm}", "lower the learning rate, or try bf16 off")
    optimiser.step()
    return value, parts


def _backward(method: Method, parameters: Sequence[torch.Tensor], batch: Batch) -> tuple[float, dict[str, float]]:
    """Gradients of the whole batch; its loss and parts."""
    pieces = np.array_split(batch.places, -(-len(batch.places) // (batch.micro_batch or len(batch.places))))
    if len(pieces) == 1:
        loss = _loss(method, pieces[0], batch)
        _differentiate(loss.total)
        return float(loss.total.detach()), dict(loss.parts)
    total, weights = 0.0, 0.0
    parts: dict[str, float] = {}
    for piece in pieces:
        loss = _loss(method, piece, batch)
        weight = loss.weight or float(len(piece))
        _differentiate(loss.total * weight)
        total, weights = total + weight * float(loss.total.detach()), weights + weight
        for name, part in loss.parts.items():
            parts[name] = parts.get(name, 0.0) + weight * part
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.div_(weights)
    return total / weights, {name: part / weights for name, part in parts.items()}


def _loss(method: Method, places: NDArray[np.int64], batch: Batch) -> Loss:
    with batch.autocast:
        return method.loss(places.tolist(), batch.step)


def _differentiate(total: torch.Tensor) -> None:
    # A batch may hold nothing to learn from (no pair of a positive and a negative): its loss is then a constant.
    if total.requires_grad:
        total.backward()  # type: ignore[no-untyped-call]


def _failed(step: int, what: str, hint: str) -> ModelError:
    error = ModelError(f"training stopped at step {step + 1}: {what}")
    error.hint = hint
    return error
