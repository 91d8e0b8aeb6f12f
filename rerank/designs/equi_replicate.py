"""Every passage in exactly `replicas` blocks, blocks as equal as can be, otherwise at random.

The incomplete block design of JointRank's default (Dedov, ICTIR 2025, sec. 3.2): shuffled passages are cut into blocks;
a block that begins with the last of one shuffle and ends with the first of the next takes nobody twice. The paper's
needs `size` to divide replicas * n; here blocks are of two sizes that differ by one where it does not.
"""

import numpy as np

__all__ = ["equi_replicate"]


def equi_replicate(n: int, size: int, replicas: int, *, seed: int) -> list[list[int]]:
    """Blocks of the places 0 to n - 1.

    Args:
        n: passages, more than `size`.
        size: of a block, at most; 2 or more.
        replicas: blocks that each passage is in.

    Returns:
        ceil(replicas * n / size) blocks, each in random order.

    Cost: O(replicas * n).
    """
    draw = np.random.default_rng(seed)
    n_blocks = -(-replicas * n // size)
    sizes = [replicas * n // n_blocks + (i < replicas * n % n_blocks) for i in range(n_blocks)]
    blocks: list[list[int]] = []
    pool: list[int] = []
    for wanted in sizes:
        block, pool = pool[:wanted], pool[wanted:]
        if len(block) < wanted:
            shuffled = draw.permutation(n).tolist()
            taken = set(block)
            fresh = [doc for doc in shuffled if doc not in taken][: wanted - len(block)]
            used = set(fresh)
            block, pool = block + fresh, [doc for doc in shuffled if doc not in used]
        blocks.append(draw.permutation(block).tolist())
    return blocks
