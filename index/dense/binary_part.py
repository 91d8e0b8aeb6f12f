"""An open part of the `binary` store: scanning, rescoring against its second tier, and its vectors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.index.kernels._native import BinaryScan
from spaniel.retrieval.errors import InvalidQuery

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
        self.final = tier is None  # then rescoring gives what the scan gave
        self._scan = BinaryScan(self._arrays(), n_passages, self.dimension, float(codes.scale), self._largest_factor())

    def scan(
        self,
        queries: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None = None,
        *,
        threads: int = 1,
    ) -> list[Found]:
        """See `DensePart.scan`: exactly the best rows by the score that binary_reference.py defines.

        Args:
            threads: for several queries; one uses one.

        Raises:
            InvalidQuery: a query so large that its numbers overflow.

        Cost: one pass over the codes, which a group of queries shares. The interpreter is free meanwhile.
        """
        rows = np.ascontiguousarray(queries, dtype=np.float32)
        bits = None if allowed is None else _bitmap(allowed)
        try:
            found = self._scan.search(rows, min(k, max(self.n_passages, 1)), allowed=bits, threads=threads)
        except OverflowError as error:
            raise InvalidQuery(f"a vector's numbers are too large to be searched with: {error}") from error
        return [Found(*one) for one in found]

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

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays = {
            "centre": self.codes.centre,
            "weights": self.codes.weights,
            "codes": self.blocks,
            "factor": self.factor,
        }
        return {name: array for name, array in arrays.items() if array is not None}

    def _largest_factor(self) -> float:
        if self.factor is None or not len(self.factor):
            return 1.0
        return float(self.factor.max().view(np.float16))  # of values not negative, the largest as uint16 is the largest


def _bitmap(allowed: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """A bit a row, in words of 64: uint64 (ceil(n / 64),)."""
    packed = np.packbits(allowed, bitorder="little")
    return np.pad(packed, (0, -len(packed) % 8)).view(np.uint64)
