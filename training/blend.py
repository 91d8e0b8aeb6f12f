"""Weights between the start's and the trained ones.

A model that is trained on some questions gets better there and, often, worse elsewhere. A point on the straight line
from the start to what came out keeps much of the one and little of the other (Wortsman et al., "Robust fine-tuning of
zero-shot models", CVPR 2022), and costs nothing when it is searched with: it is one set of weights.
"""

import torch

from .train_state import trained_names

__all__ = ["Blend"]


class Blend:
    """Remembers what trains as it is now, which is the start.

    Args:
        share: of the way from the start to the trained weights, 0 to 1; at 1 nothing is remembered.
    """

    def __init__(self, module: torch.nn.Module, share: float) -> None:
        self.share = share
        self._start = {} if share == 1 else {value: value.detach().clone() for value in trained_names(module)}

    @torch.no_grad()
    def mix(self, share: float | None = None) -> None:
        """Overwrite the weights, float32, by start + share x (weights - start); exact at both ends, 0 and 1.

        Args:
            share: another than that of the training, such as 0 for the start.

        Raises:
            ValueError: the start was not remembered, and is needed.
        """
        share = self.share if share is None else share
        if share < 1 and not self._start:
            raise ValueError("a blend of 1 does not remember the start")
        for value, start in self._start.items():
            value.copy_(torch.lerp(start, value, share))
