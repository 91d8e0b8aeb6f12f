"""One segment, opened to be read: its passages, sparse and dense parts, and which of its passages are alive.

Passages of a segment go by three numbers: their ordinal in the index, their place in the sparse part (`local`, in the
order that searches like best), and their row in dense parts (in the order of the ordinals).
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import IndexCorrupt

from .dense.part import DensePart
from .dense.rows import Rows
from .dense.segment_parts import DenseParts
from .dense.settings import DenseSettings
from .manifest import Segment
from .passages import Passages
from .sparse.segment import SparseSegment
from .store import MANIFEST_NAME
from .where import Node

__all__ = ["OpenSegment"]


class OpenSegment:
    """One segment.

    Attributes:
        record: what the manifest says of it.
        passages, sparse: its parts; the sparse part knows the tombstones.

    Args:
        dense: settings of the dense parts to be opened too.

    Raises:
        IndexCorrupt: a part is missing or damaged.
    """

    def __init__(self, folder: Path, record: Segment, dense: Mapping[str, DenseSettings] = {}) -> None:
        self.record = record
        for part in ("passages", "sparse"):
            if part not in record.files:
                raise IndexCorrupt(folder / MANIFEST_NAME, f"segment {record.id} has no part {part!r}")
        self.sparse = SparseSegment.open(folder, record)
        dead = self.sparse.tombstones.n_dead if self.sparse.tombstones else 0
        if dead != record.n_deleted:
            reason = f"counts {record.n_deleted} deleted passages in segment {record.id}, its tombstones {dead}"
            raise IndexCorrupt(folder / MANIFEST_NAME, reason)
        self._dense = DenseParts(folder, record, dense)
        self.passages = Passages(folder / record.files["passages"].name)

    def dense(self, name: str) -> DensePart:
        """The dense part of this name. Its row r is the passage with the r-th smallest ordinal of the segment.

        Raises:
            InvalidInput: there is none.
            IndexCorrupt: it is damaged.
        """
        return self._dense[name]

    def dense_fitted_on(self, name: str) -> int:
        """On how many vectors what is fitted in this dense part was fitted; 0 for a stand-in."""
        return self._dense.fitted_on(name)

    @cached_property
    def row_ordinals(self) -> NDArray[np.int64] | None:
        """Ordinal of each row of a dense part: int64 (n,), ascending; None when it is first ordinal + row."""
        known = self.sparse.arrays.get("ordinal")
        if known is None or _consecutive(known, self.record.first_ordinal):
            return None
        return np.sort(known).astype(np.int64)

    @cached_property
    def live_rows(self) -> NDArray[np.bool_] | None:
        """Which rows of a dense part are alive: bool (n,); None when all are."""
        if not self.record.n_deleted:
            return None
        if "ordinal" not in self.sparse.arrays:
            return self.live
        if self.row_ordinals is not None:
            ordered: NDArray[np.bool_] = self.live[np.argsort(self.sparse.ordinals)]
            return ordered
        alive = np.zeros(len(self.live), dtype=bool)
        alive[self.sparse.ordinals - self.record.first_ordinal] = self.live
        return alive

    @property
    def rows(self) -> Rows:
        """Whose vectors the rows of a dense part are."""
        return Rows(self.record.n_passages, self.record.first_ordinal, self.row_ordinals, self.live_rows)

    @cached_property
    def live(self) -> NDArray[np.bool_]:
        """Which local passages are alive: bool (n,)."""
        return self.sparse.live_mask()

    def living(self, ordinals: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these ordinals, all of this segment, are alive: bool, the shape of ordinals.

        Raises:
            IndexCorrupt: the sparse part does not know one of them.
        """
        local = self.sparse.local_of(ordinals)
        if len(local) != len(ordinals):
            raise IndexCorrupt(self.passages.path, "holds a passage that the sparse part does not know")
        alive: NDArray[np.bool_] = self.live[local]
        return alive

    def matching(self, where: Node) -> NDArray[np.int64]:
        """Ordinals of the living passages that match: int64, ascending."""
        found = self.passages.matching(where)
        return found[self.living(found)]

    def packed(self, ordinals: NDArray[np.int64]) -> NDArray[np.uint8]:
        """These ordinals as a bit a local passage: no ordinal, only the file's own size, says how much that takes."""
        mask = np.zeros(self.sparse.n_passages, dtype=bool)
        mask[self.sparse.local_of(ordinals)] = True
        return np.packbits(mask)

    def unpacked(self, bits: NDArray[np.uint8]) -> NDArray[np.int64]:
        """What `packed` was given, ascending."""
        local = np.flatnonzero(np.unpackbits(bits, count=self.sparse.n_passages))
        return np.sort(self.sparse.ordinals[local])


def _consecutive(ordinals: NDArray[np.uint32], first: int) -> bool:
    """Distinct ordinals in any order are first, first + 1, ..."""
    return not len(ordinals) or (int(ordinals.min()) == first and int(ordinals.max()) == first + len(ordinals) - 1)
