"""Codes that can be trained: signs that let a gradient through.

A sign has no slope, so that nothing could be learned through it. Two ways around:

    annealed           tanh(x sqrt(1 + anneal * step)), which becomes the sign as the steps go by (Cao et al.,
                       "HashNet", ICCV 2017; BPR, Yamada et al., ACL 2021, with anneal = 0.1)
    straight through   the sign forward, the slope of that tanh backward (Bengio et al., arXiv 1308.3432)

0 becomes +1, as in the codes of an index (index/dense/learned.py). In the first steps the tanh bends for |x| of about 1
only, while the coordinates of a vector of length 1 are near d ** -0.5: such vectors are multiplied by d ** 0.5 before
they come here, by the hash layer for example. Signs do not change by that.
"""

import torch
from torch import Tensor

from spaniel.retrieval.errors import InvalidInput

__all__ = ["hash_codes", "steepness"]


def steepness(step: int, *, anneal: float = 0.1) -> float:
    """What x is multiplied by before the tanh at this step of the optimiser, from 0: sqrt(1 + anneal * step).

    Raises:
        InvalidInput: a step or annealing below 0.
    """
    if step < 0 or not anneal >= 0:
        raise InvalidInput("hash_codes", f"step {step} and anneal {anneal} must not be below 0")
    return float((1 + anneal * step) ** 0.5)


def hash_codes(x: Tensor, step: int, *, anneal: float = 0.1, straight_through: bool = False) -> Tensor:
    """Codes of vectors: their shape and dtype, within -1 and +1, with gradient.

    Args:
        x: (..., D), what the signs are taken of.
        step: of the optimiser, from 0.
        straight_through: give -1 and +1 exactly, with the gradient that the tanh has.

    Example:
        >>> hash_codes(torch.tensor([-2.0, 0.0]), 0, straight_through=True).tolist()
        [-1.0, 1.0]
    """
    soft = torch.tanh(x * steepness(step, anneal=anneal))
    if not straight_through:
        return soft
    hard = torch.where(x >= 0, 1.0, -1.0).to(soft.dtype)
    # In this order, so that what comes out is a sign to the last bit: hard + (soft - soft) = hard + 0.
    return hard.detach() + (soft - soft.detach())
