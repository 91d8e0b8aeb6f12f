"""Blocks drawn independently of each other: what the other designs are compared with.

Dedov, ICTIR 2025, sec. 3.2. Some passages are in many blocks, and some, with few blocks, in none.
"""

import numpy as np

__all__ = ["random_blocks"]


def random_blocks(n: int, size: int, replicas: int, *, seed: int) -> list[list[int]]:
    """Blocks of the places 0 to n - 1.

    Args:
        n: passages, more than `size`.
        size: of every block.
        replicas: blocks that a passage is in on average, at least.

    Returns:
        ceil(replicas * n / size) blocks of `size` passages, each in random order.
    """
    draw = np.random.default_rng(seed)
    return [draw.choice(n, size, replace=False).tolist() for _ in range(-(-replicas * n // size))]
