"""The optimiser and its learning rate: AdamW, linear warm-up, linear decay to 0."""

from collections.abc import Iterator

import torch

__all__ = ["make_optimiser", "rate_factor", "set_rate"]


def rate_factor(step: int, n_steps: int, warmup: float) -> float:
    """What the learning rate is multiplied with at a step.

    Args:
        step: from 0 to n_steps - 1.
        warmup: share of the steps in which it rises to 1.

    Returns:
        Above 0 and at most 1: the first step has 1 / (warm-up steps), the last one 1 / (steps of the decay).
    """
    rising = round(warmup * n_steps)
    if step < rising:
        return (step + 1) / rising
    return (n_steps - step) / (n_steps - rising)


def make_optimiser(module: torch.nn.Module, *, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW over what trains; biases and norms (one axis or none) do not decay (Devlin et al., NAACL 2019).

    Raises:
        ValueError: nothing in the module trains.
    """
    decaying = [value for value in _trained(module) if value.ndim > 1]
    others = [value for value in _trained(module) if value.ndim <= 1]
    groups = [{"params": decaying, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    # One pass over each tensor in place of a dozen; its sums are those of the plain form up to rounding.
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=learning_rate, fused=True)


def set_rate(optimiser: torch.optim.Optimizer, learning_rate: float) -> None:
    """For the next step."""
    for group in optimiser.param_groups:
        group["lr"] = learning_rate


def _trained(module: torch.nn.Module) -> Iterator[torch.nn.Parameter]:
    return (value for value in module.parameters() if value.requires_grad)
