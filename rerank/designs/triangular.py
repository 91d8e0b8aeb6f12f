"""Every passage is where two blocks cross: any two blocks have exactly one passage in common.

The triangular partially balanced design (Bose and Shimamoto, JASA 1952; Dedov, ICTIR 2025, sec. 3.2): with v blocks
there is room for v (v - 1) / 2 passages, one for each two blocks, which are the two that it is in. More replicas are
further such designs with the passages dealt out anew.
"""

from math import isqrt

import numpy as np

from spaniel.retrieval.errors import InvalidInput

__all__ = ["blocks_for", "triangular"]


def triangular(n: int, size: int, replicas: int, *, seed: int) -> list[list[int]]:
    """Blocks of the places 0 to n - 1.

    Args:
        n: passages, more than `size`.
        size: of a block, at most; blocks have about sqrt(2 n) passages.
        replicas: blocks that each passage is in, an even number.

    Returns:
        replicas / 2 times v blocks, v the least with v (v - 1) / 2 >= n.

    Raises:
        InvalidInput: blocks of `size` are too small for n.
    """
    v = blocks_for(n)
    if v - 1 > size:
        raise InvalidInput("triangular", f"{n} passages take blocks of {v - 1}, size is {size}; make it {v - 1}")
    draw = np.random.default_rng(seed)
    return [block for _ in range(replicas // 2) for block in _once(n, v, draw)]


def blocks_for(n: int) -> int:
    """v, as many blocks as n passages take; they have v - 1 passages at most."""
    v = (1 + isqrt(8 * n)) // 2
    while v * (v - 1) // 2 < n:
        v += 1
    return v


def _once(n: int, v: int, draw: np.random.Generator) -> list[list[int]]:
    """One design of v blocks."""
    # block i with i + 1, then with i + 2, ... around a circle: cut after n, blocks differ by few in size
    pairs = [(i, (i + d) % v) for d in range(1, v // 2 + 1) for i in range(v if 2 * d < v else d)]
    blocks: list[list[int]] = [[] for _ in range(v)]
    for doc, pair in zip(draw.permutation(n).tolist(), pairs, strict=False):
        for block in pair:
            blocks[block].append(doc)
    return [draw.permutation(block).tolist() for block in blocks]
