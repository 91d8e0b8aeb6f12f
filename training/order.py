"""In which order the examples of an epoch are seen: a function of (seed, epoch) alone."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["batches_of", "n_batches"]


def n_batches(n_examples: int, batch: int) -> int:
    """Steps of one epoch: no batch holds more than `batch` examples."""
    return -(-n_examples // batch)


def batches_of(n_examples: int, batch: int, *, seed: int, epoch: int) -> Sequence[NDArray[np.int64]]:
    """Every example once, in a drawn order, cut into batches whose sizes differ by one at most.

    A last batch of a few examples would weigh them more than others, and leave methods that take the rest of a batch
    for negatives without any; so what is over is spread.

    Returns:
        `n_batches(n_examples, batch)` arrays int64 of numbers below `n_examples`.
    """
    drawn = np.random.default_rng([seed, epoch]).permutation(n_examples)
    return np.array_split(drawn, n_batches(n_examples, batch))
