"""Rows, columns and the letters of Latin squares: no two passages are ever in more than one block together.

The Latin-square partially balanced design (Bose and Shimamoto, JASA 1952; Dedov, ICTIR 2025, sec. 3.2): passages fill
the cells of a square. Each row is a block, each column, and from the third replica on the cells with the same letter in
a Latin square that is orthogonal to those before: letter (column + t * row) mod side for t = 1, 2, ...

Any number of passages: the side is the least whose square has room and which has enough such squares (its least prime
factor is at least replicas - 1), and the cells that stay empty are spread, so that blocks differ by few in size.
"""

from math import isqrt

import numpy as np

from spaniel.retrieval.errors import InvalidInput

__all__ = ["latin_square", "side_of"]


def latin_square(n: int, size: int, replicas: int, *, seed: int) -> list[list[int]]:
    """Blocks of the places 0 to n - 1.

    Args:
        n: passages, more than `size`.
        size: of a block, at most; blocks have about sqrt(n) passages.
        replicas: blocks that each passage is in; 2 are rows and columns.

    Returns:
        replicas * side blocks; which passage is in which cell, and the order of each block, is random.

    Raises:
        InvalidInput: blocks of `size` are too small for n.
    """
    side = side_of(n, replicas)
    if side > size:
        raise InvalidInput(
            "latin-square", f"{n} passages {replicas} times take blocks of {side}, size is {size}; make it {side}"
        )
    draw = np.random.default_rng(seed)
    cells = np.arange(side * side)
    row, column = np.divmod(cells, side)
    # filled along the diagonals of the next square, each of which has one cell in every row, column and letter
    filled = np.lexsort((row, (column + (replicas - 1) * row) % side))[:n]
    docs = draw.permutation(n)
    groups = [row, *((column + t * row) % side for t in range(replicas - 1))][:replicas]
    blocks = [docs[group[filled] == i] for group in groups for i in range(side)]
    return [draw.permutation(block).tolist() for block in blocks]


def side_of(n: int, replicas: int) -> int:
    """Of the square: as large are the blocks."""
    side = isqrt(n - 1) + 1
    while _least_factor(side) < replicas - 1:
        side += 1
    return side


def _least_factor(number: int) -> int:
    return next((i for i in range(2, isqrt(number) + 1) if number % i == 0), number)
