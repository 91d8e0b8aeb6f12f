"""An open part of the `binary` store: scanning, rescoring against its second tier, and its vectors."""

import numpy as np
from numpy.typing import NDArray

from . import binary_reference as reference
from .hashing import Hash, blocks_of, rows_of
from .part import Found
from .tiers import Tier

__all__ = ["BinaryPart"]


class BinaryPart:
    """See `DensePart`.

    Attributes:
        codes: what was fitted.
        blocks: uint8 (n_blocks, n_bytes, 64), the codes.
        factor: uint16 (64 n_blocks,), float16 of each row; None where all are 1.
        tier: the second tier, or None.
    """

    def __init__(
        self,
        codes: Hash,
        blocks: NDArray[np.uint8],
        factor: NDArray[np.uint16] | None,
        n_passages: int,
        tier: Tier | None,
    ) -> None:
        self.codes, self.blocks, self.factor, self.tier = codes, blocks, factor, tier
        self.n_passages, self.dimension = n_passages, codes.dimension
        self.final = False

    def scan(self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None) -> list[Found]:
        """See `DensePart.scan`: exactly the best rows by the score that binary_reference.py defines."""
        every = np.arange(self.n_passages, dtype=np.int64)
        factors = None if self.factor is None else self.factors(every)
        return [
            reference.scan(self.codes, self.blocks, factors, query, k, self.n_passages, allowed) for query in queries
        ]

    def rescore(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `DensePart.rescore`."""
        if self.tier is not None:
            return self.tier.dot(query, rows)
        places = np.arange(len(rows), dtype=np.int64)
        factors = None if self.factor is None else self.factors(rows)
        return reference.some_scores(self.codes, self._few_blocks(rows), factors, query, places)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `DensePart.vectors`: without a second tier, what the codes stand for."""
        if self.tier is not None:
            return self.tier.vectors(rows)
        return self.codes.decode(rows_of(self.blocks, rows), None if self.factor is None else self.factors(rows))

    def factors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Factors of some rows: float32 (len(rows),); 1 where none are kept."""
        if self.factor is None:
            return np.ones(len(rows), np.float32)
        return self.factor[rows].view(np.float16).astype(np.float32)

    def _few_blocks(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Some rows as blocks of their own."""
        return blocks_of(rows_of(self.blocks, rows))
