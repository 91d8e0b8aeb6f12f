"""An open part of the `binary` store: scanning, rescoring against its second tier, and its vectors."""

from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.index.kernels._native import BinaryScan
from spaniel.retrieval.errors import IndexCorrupt, InvalidInput, InvalidQuery

from . import binary_reference as reference
from .hashing import BLOCK_ROWS, Hash, blocks_of, rows_of
from .lists import NO_ROW, Lists
from .part import Found
from .rescoring import followed
from .tiers import Tier

__all__ = ["BinaryPart"]


class BinaryPart:
    """See `DensePart`.

    Attributes:
        codes: what was fitted.
        blocks: uint8 (n_blocks, n_bytes, 64), the codes.
        factor: uint16 (64 n_blocks,), float16 of each row; None where all are 1.
        tier: the second tier, or None.
        lists: where rows lie, or None when row r is at place r.
        fitted_on: vectors that codes and lists were fitted on; 0 for a stand-in.
    """

    def __init__(
        self,
        codes: Hash,
        blocks: NDArray[np.uint8],
        factor: NDArray[np.uint16] | None,
        n_passages: int,
        tier: Tier | None,
        lists: Lists | None = None,
        path: Path = Path(),
        fitted_on: int = 0,
    ) -> None:
        self.codes, self.blocks, self.factor, self.tier, self.lists = codes, blocks, factor, tier, lists
        self._path, self.fitted_on = path, fitted_on
        self._n_probe: int | None = None
        self.n_passages, self.dimension = n_passages, codes.dimension
        self.final = tier is None  # then rescoring gives what the scan gave
        self._scan = BinaryScan(self._arrays(), n_passages, self.dimension, float(codes.scale), self._largest_factor())

    def tuned(self, *, nprobe: int | None = None, ef: int | None = None) -> "BinaryPart":
        """See `Tunable`: another number of lists that a search visits; `ef` means nothing here."""
        if nprobe is not None and nprobe < 1:
            raise InvalidInput("nprobe", f"{nprobe} must be at least 1")
        other = copy(self)
        other._n_probe = nprobe
        return other

    def scan(self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None) -> list[Found]:
        """See `DensePart.scan`: exactly the best rows by the score that binary_reference.py defines.

        With lists, only the nearest are visited (`tuned` says how many, by default a sixteenth, at least 8), and as
        many more as `allowed` lets through fewer rows. Where they hold fewer than k rows, what all lists hold follows,
        its scores moved below, so that a smaller k gives a prefix.

        Raises:
            InvalidQuery: a query so large that its numbers overflow.
            IndexCorrupt: the search met a row that does not exist or that the lists name twice.

        Cost: one pass over the codes, which a group of queries shares. The interpreter is free meanwhile.
        """
        rows = np.ascontiguousarray(queries, dtype=np.float32)
        bits = None if allowed is None else _bitmap(allowed)
        n_allowed = self.n_passages if allowed is None else int(np.count_nonzero(allowed))
        wanted, probes = min(k, max(n_allowed, 1)), self._probes(n_allowed)
        found = self._search(rows, wanted, probes, bits)
        short = [i for i, one in enumerate(found) if len(one.rows) < min(wanted, n_allowed)]
        if probes and short:
            for i, more in zip(short, self._search(rows[short], wanted, 0, bits), strict=True):
                whole = followed(found[i], more)
                found[i] = Found(whole.rows[:wanted], whole.scores[:wanted])
        return found

    def check(self) -> None:
        """See `Inspected`: the lists name every row once."""
        _ = self._place_of if self.lists is not None else None

    def _search(self, rows: NDArray[np.float32], k: int, n_probe: int, bits: NDArray[np.uint64] | None) -> list[Found]:
        try:
            found = [Found(*one) for one in self._scan.search(rows, k, n_probe, bits, 1)]
        except OverflowError as error:
            raise InvalidQuery(f"a vector's numbers are too large to be searched with: {error}") from error
        except IndexError as error:
            raise IndexCorrupt(self._path, f"array 'row' names {error}") from error
        if self.lists is not None and any(len(np.unique(one.rows)) < len(one.rows) for one in found):
            raise IndexCorrupt(self._path, "array 'row' names a row twice")
        return found

    def _probes(self, n_allowed: int) -> int:
        """How many lists are visited; 0 for all."""
        if self.lists is None:
            return 0
        n_lists = self.lists.centres.shape[1]
        asked = max(-(-n_lists // 16), 8) if self._n_probe is None else self._n_probe
        more = -(-asked * self.n_passages // max(n_allowed, 1))
        return more if more < n_lists else 0

    def rescore(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `DensePart.rescore`."""
        if self.tier is not None:
            return self.tier.dot(query, rows)
        places = np.arange(len(rows), dtype=np.int64)
        factors = None if self.factor is None else self.factors(rows)
        return reference.some_scores(self.codes, blocks_of(self.codes_of(rows)), factors, query, places)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `DensePart.vectors`: without a second tier, what the codes stand for."""
        if self.tier is not None:
            return self.tier.vectors(rows)
        return self.codes.decode(self.codes_of(rows), None if self.factor is None else self.factors(rows))

    def codes_of(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Codes of some rows: uint8 (len(rows), n_bytes)."""
        return rows_of(self.blocks, self._places(rows))

    def factors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Factors of some rows: float32 (len(rows),); 1 where none are kept."""
        if self.factor is None:
            return np.ones(len(rows), np.float32)
        return self.factor[self._places(rows)].view(np.float16).astype(np.float32)

    def members(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The list of each of some rows: int64 (len(rows),); the part has lists."""
        if self.lists is None:
            return np.zeros(len(rows), np.int64)
        return np.searchsorted(self.lists.start, self._places(rows) // BLOCK_ROWS, side="right") - 1

    def _places(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return rows if self.lists is None else self._place_of[rows]

    @cached_property
    def _place_of(self) -> NDArray[np.int64]:
        """The place of each row: int64 (n,). Made when first asked for: a search with a second tier needs none."""
        found = np.full(self.n_passages, -1)
        if self.lists is not None:
            places = np.flatnonzero(self.lists.row != NO_ROW)
            rows = self.lists.row[places]
            if len(rows) != self.n_passages or (rows >= self.n_passages).any():
                raise IndexCorrupt(self._path, "array 'row' names rows that do not exist, or too few")
            found[rows] = places
        if (found < 0).any():
            raise IndexCorrupt(self._path, "array 'row' names a row twice")
        return found

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any] | None]
        arrays = {
            "centre": self.codes.centre,
            "weights": self.codes.weights,
            "codes": self.blocks,
            "factor": self.factor,
        }
        if self.lists is not None:
            arrays |= {"list_centre": self.lists.centres, "list_start": self.lists.start, "row": self.lists.row}
        return {name: array for name, array in arrays.items() if array is not None}

    def _largest_factor(self) -> float:
        if self.factor is None or not len(self.factor):
            return 1.0
        return float(self.factor.max().view(np.float16))  # of values not negative, the largest as uint16 is the largest


def _bitmap(allowed: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """A bit a row, in words of 64: uint64 (ceil(n / 64),)."""
    packed = np.packbits(allowed, bitorder="little")
    return np.pad(packed, (0, -len(packed) % 8)).view(np.uint64)
