"""Designs by name."""

import difflib
from collections.abc import Callable, Mapping

import numpy as np

from spaniel.rerank.whole import MOST, check_whole
from spaniel.retrieval.errors import InvalidInput

from .equi_replicate import equi_replicate
from .latin_square import latin_square, side_of
from .random_blocks import random_blocks
from .triangular import blocks_for, triangular

__all__ = ["DESIGNS", "blocks_of", "check_design", "least_size"]

DESIGNS: Mapping[str, Callable[..., list[list[int]]]] = {
    "equi-replicate": equi_replicate,
    "random": random_blocks,
    "latin-square": latin_square,
    "triangular": triangular,
}
"""(n, size, replicas, *, seed) -> blocks of places, in the order in which they are shown; n is more than size."""


def blocks_of(design: str, n: int, size: int, replicas: int, *, seed: int) -> list[list[int]]:
    """The blocks of a design for n passages: lists of distinct places 0 to n - 1, in random order.

    Where all passages fit into one block, these are `replicas` blocks of all of them; none for fewer than two.

    Raises:
        InvalidInput: a name or value that cannot be, or a design without room for n.

    Example:
        >>> [sorted(block) for block in blocks_of("latin-square", 4, 2, 2, seed=0)]
        [[0, 2], [1, 3], [0, 3], [1, 2]]
    """
    check_design(design, size, replicas)
    if n < 2:
        return []
    if n <= size:
        draw = np.random.default_rng(seed)
        return [draw.permutation(n).tolist() for _ in range(replicas)]
    return DESIGNS[design](n, size, replicas, seed=seed)


def least_size(design: str, n: int, replicas: int) -> int:
    """The smallest `size` with which the design has room for n passages; 2 for one that always has.

    Example:
        >>> least_size("latin-square", 120, 2), least_size("triangular", 100, 2), least_size("random", 100, 2)
        (11, 14, 2)
    """
    if n <= 2:
        return 2
    return {"latin-square": side_of(n, replicas), "triangular": blocks_for(n) - 1}.get(design, 2)


def check_design(design: str, size: int, replicas: int) -> None:
    """See that a design exists and what it is made of can be.

    Raises:
        InvalidInput: if not; the message has the nearest name.
    """
    if design not in DESIGNS:
        near = difflib.get_close_matches(design, DESIGNS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(DESIGNS)}"
        raise InvalidInput("design", f"no design is called {design!r}; {hint}")
    if size < 2:
        raise InvalidInput(design, f"size is {size}; a block has at least 2 passages")
    check_whole(design, "replicas", replicas, least=2 if design == "latin-square" else 1, most=MOST)
    if design == "triangular" and replicas % 2:
        raise InvalidInput(design, f"replicas is {replicas}; it must be even: every passage is where two blocks cross")
