"""What one stage of a pipeline gave for all queries of a run: three arrays instead of a million small objects.

Left out on purpose: ids as strings, which stand in the run once for all stages (`run.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput

__all__ = ["StageColumns"]

_DTYPES = {"offsets": np.dtype(np.int64), "ids": np.dtype(np.int32), "scores": np.dtype(np.float32)}


@dataclass(frozen=True, slots=True, eq=False)
class StageColumns:
    """Rankings of many queries, one after the other; read-only.

    Attributes:
        offsets: int64 (n_queries + 1,); rows `offsets[i]:offsets[i + 1]` are those of query i, best first.
        ids: int32 (n_rows,), places in the run's `document_ids`, each once inside a query.
        scores: float32 (n_rows,), finite, never rising inside a query.

    The order of rows is the order of the ranking: nothing that reads this looks at scores to break a tie.

    Raises:
        InvalidInput: other dtypes or shapes, offsets that do not cover the rows, scores that are not finite or rise.
    """

    offsets: NDArray[np.int64]
    ids: NDArray[np.int32]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name, dtype in _DTYPES.items():
            array: NDArray[Any] = getattr(self, name)
            if array.dtype != dtype or array.ndim != 1:
                raise InvalidInput("StageColumns", f"{name} is {array.dtype} {array.shape}; it must be {dtype} (n,)")
            if array.flags.writeable:
                view = array.view()
                view.setflags(write=False)
                object.__setattr__(self, name, view)
        self._check_offsets()
        self._check_scores()

    def _check_offsets(self) -> None:
        """They start at 0, never fall and end at the number of rows."""
        offsets, n_rows = self.offsets, len(self.ids)
        right = len(offsets) and offsets[0] == 0 and offsets[-1] == n_rows and (np.diff(offsets) >= 0).all()
        if not right or len(self.scores) != n_rows:
            raise InvalidInput(
                "StageColumns", f"offsets do not cover {n_rows} ids and {len(self.scores)} scores from 0 to the end"
            )

    def _check_scores(self) -> None:
        """Finite, and never rising except where a query begins."""
        if not np.isfinite(self.scores).all():
            row = int(np.flatnonzero(~np.isfinite(self.scores))[0])
            raise InvalidInput("StageColumns", f"the score of row {row} is {self.scores[row]}; scores must be finite")
        rises = self.scores[1:] > self.scores[:-1]
        begins = self.offsets[1:-1]
        rises[begins[(begins > 0) & (begins < len(self.ids))] - 1] = False
        if rises.any():
            row = int(np.flatnonzero(rises)[0]) + 1
            raise InvalidInput(
                "StageColumns",
                f"the score of row {row} ({self.scores[row]}) is higher than that of the row before it",
                hint="Run.from_rankings and Run.from_lists sort",
            )

    @classmethod
    def joined(cls, ids: Sequence[NDArray[np.int32]], scores: Sequence[NDArray[np.float32]]) -> "StageColumns":
        """From one array of ids and one of scores for each query."""
        offsets = np.zeros(len(ids) + 1, np.int64)
        np.cumsum([len(part) for part in ids], out=offsets[1:])
        return cls(
            offsets,
            np.concatenate([np.zeros(0, np.int32), *ids]),
            np.concatenate([np.zeros(0, np.float32), *scores]),
        )

    @property
    def n_queries(self) -> int:
        """How many queries it covers, those without results included."""
        return len(self.offsets) - 1

    def __len__(self) -> int:
        """Rows over all queries."""
        return len(self.ids)

    def rows(self, query: int) -> slice:
        """The rows of the query at this place."""
        return slice(int(self.offsets[query]), int(self.offsets[query + 1]))

    def lengths(self) -> NDArray[np.int64]:
        """int64 (n_queries,): results of each query."""
        return np.diff(self.offsets)

    def query_of_rows(self) -> NDArray[np.int32]:
        """int32 (n_rows,): the place of each row's query."""
        return np.repeat(np.arange(self.n_queries, dtype=np.int32), self.lengths())

    def ranks(self) -> NDArray[np.int64]:
        """int64 (n_rows,): ranks inside each query, from 1."""
        return np.arange(1, len(self) + 1) - np.repeat(self.offsets[:-1], self.lengths())

    def kept(self, keep: NDArray[np.bool_]) -> "StageColumns":
        """Only the rows where `keep`, bool (n_rows,), is true."""
        before = np.zeros(len(keep) + 1, np.int64)
        np.cumsum(keep, out=before[1:])
        return StageColumns(before[self.offsets], self.ids[keep], self.scores[keep])

    def cut(self, k: int) -> "StageColumns":
        """The first k rows of each query."""
        return self.kept(self.ranks() <= k)

    def first_of_each(self, codes: NDArray[np.int32]) -> "StageColumns":
        """Ids replaced by `codes[id]`, int32; of the rows of a query with equal codes the first stays."""
        ids = codes[self.ids]
        keep = np.ones(len(ids), np.bool_)
        for query in range(self.n_queries):
            rows = self.rows(query)
            keep[rows] = False
            keep[rows.start + np.unique(ids[rows], return_index=True)[1]] = True
        return StageColumns(self.offsets, ids, self.scores).kept(keep)

    def repeated(self, n_ids: int) -> int | None:
        """The first row found whose id stands elsewhere in the same query; ids are below `n_ids`."""
        last = np.zeros(n_ids, np.int64)
        bounds: list[int] = self.offsets.tolist()
        for start, end in pairwise(bounds):
            ids, rows = self.ids[start:end], np.arange(start, end)
            last[ids] = rows
            wrong = last[ids] != rows
            if wrong.any():
                return int(start) + int(wrong.argmax())
        return None
