"""Flat stores: every vector kept (float32, float16, int8), every search exhaustive and exact.

A pass in float32 through BLAS scores chunks of mapped rows, and keeps each row whose score may be among the k best: the
sum of d products differs from the true one by at most g |x| |q|, g = d u / (1 - d u), u = 2^-24, in whatever order BLAS
adds (Higham, Accuracy and Stability of Numerical Algorithms, sec. 3.1). Those few are scored again in float64, in one
fixed order (`Tier.dot`). So what a query gets is the true top-k of the stored rows, ties by row, and does not depend on
the batch it came in, on threads, or on the machine's BLAS.

Nothing is fitted, so rows of several parts make one without change.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from spaniel.index.format import ArrayFile
from spaniel.index.manifest import FileEntry
from spaniel.retrieval.errors import IndexCorrupt

from .part import DensePart, Found, Target, Vectors
from .part_file import common_of, part_writer
from .settings import StoreSettings
from .tiers import Tier, TierKind, chunks, copy_tier, open_tier, tier_arrays, write_tier

__all__ = ["FlatPart", "best_of", "merge", "open", "write"]

_SCORES_AT_ONCE = 1 << 22  # of a chunk of rows and all queries
_FEW = 16  # so many times fewer rows allowed than there are: only these are read


def write(target: Target, vectors: Vectors, like: DensePart | None) -> FileEntry:
    """See `StoreModule.write`; nothing is taken over from `like`."""
    kind, n = cast(TierKind, target.store.kind), len(vectors)
    longest = max((_longest(vectors[rows]) for rows in chunks(n, target.dimension)), default=0.0)
    with part_writer(target, n, tier_arrays(kind, n, target.dimension), {"longest": longest}) as writer:
        write_tier(writer, kind, vectors)
        return writer.close()


def merge(target: Target, parts: Sequence[tuple[DensePart, NDArray[np.int64]]]) -> FileEntry:
    """See `StoreModule.merge`: rows are copied as they are."""
    kind, opened = cast(TierKind, target.store.kind), [(cast(FlatPart, part), rows) for part, rows in parts]
    n = sum(len(rows) for _, rows in opened)
    longest = max((part.longest for part, _ in opened), default=0.0)
    with part_writer(target, n, tier_arrays(kind, n, target.dimension), {"longest": longest}) as writer:
        copy_tier(writer, [(part.tier, rows) for part, rows in opened])
        return writer.close()


def open(file: ArrayFile, store: StoreSettings) -> DensePart:
    """See `StoreModule.open`."""
    common = common_of(file)
    longest: Any = file.meta.get("longest")
    if not isinstance(longest, int | float) or not 0 <= longest < np.inf:
        raise IndexCorrupt(file.path, f"says its longest vector has length {longest!r}")
    return FlatPart(open_tier(file, cast(TierKind, store.kind), common.n_passages, common.dimension), float(longest))


class FlatPart:
    """An open flat store; see `DensePart`.

    Attributes:
        longest: no vector is longer.
    """

    final = True

    def __init__(self, tier: Tier, longest: float) -> None:
        self.tier, self.longest = tier, longest
        self.n_passages, self.dimension = tier.n_passages, tier.dimension

    def scan(self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None) -> list[Found]:
        """The k best rows for each query, exactly; see `DensePart.scan`.

        Cost: one pass over the mapped rows for all queries together; memory some 20 MiB, and 12 bytes a row and query
        where rows tie.
        """
        if allowed is not None and np.count_nonzero(allowed) * _FEW <= self.n_passages:
            rows = np.flatnonzero(allowed)
            return [best_of(rows, self.tier.dot(query, rows), k) for query in queries]
        margins = [self._margin(query) for query in queries]
        kept: list[_Candidates] = [_Candidates(k, margin) for margin in margins]
        for start, scores in self._approximate(queries):
            if allowed is not None:
                scores[~allowed[start : start + len(scores)]] = -np.inf
            for candidates, column in zip(kept, scores.T, strict=True):
                candidates.take(start, column)
        found = []
        for query, candidates in zip(queries, kept, strict=True):
            rows = candidates.rows()
            found.append(best_of(rows, self.tier.dot(query, rows), k))
        return found

    def rescore(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Those of `scan`."""
        return self.tier.dot(query, rows)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `DensePart.vectors`."""
        return self.tier.vectors(rows)

    def _approximate(self, queries: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """(first row, float32 (rows, queries)) of each chunk."""
        for some in chunks(self.n_passages, max(self.dimension, _scores_width(len(queries)))):
            with np.errstate(over="ignore", invalid="ignore"):  # then the margin is infinite, and every row is kept
                scores = self.tier.unscaled(some) @ queries.T
                if self.tier.scale is not None:
                    scores *= self.tier.scale[some, None]
            if not np.isfinite(scores.sum()):  # sums that overflow on the way say nothing: such rows are kept
                scores[~np.isfinite(scores)] = np.inf
            yield some.start, scores

    def _margin(self, query: NDArray[np.float32]) -> float:
        """No score of `_approximate` is further than this from that of `Tier.dot`."""
        # Four roundings more than the d products: the scale, the length, and those of the exact score.
        error: float = (self.dimension + 4) * 2.0**-24
        underflow: float = self.dimension * 2.0**-126
        length = float(np.linalg.norm(query.astype(np.float64)))
        return error / (1 - error) * self.longest * length + underflow


class _Candidates:
    """Rows that may be among the k best, from chunks in ascending order of rows."""

    def __init__(self, k: int, margin: float) -> None:
        self._k, self._margin = k, margin
        self._rows: list[NDArray[np.int64]] = []
        self._scores: list[NDArray[np.float32]] = []
        self._n = 0
        self._floor = -math.inf

    def take(self, start: int, scores: NDArray[np.float32]) -> None:
        here = np.flatnonzero(scores >= self._floor if self._floor > -math.inf else scores > -math.inf)
        if not len(here):
            return
        self._rows.append(here + start)
        self._scores.append(scores[here])
        self._n += len(here)
        if self._n >= 2 * self._k or self._floor == -math.inf:
            self._compact()

    def rows(self) -> NDArray[np.int64]:
        """The candidates, ascending."""
        self._compact()
        return np.concatenate([np.zeros(0, np.int64), *self._rows])

    def _compact(self) -> None:
        if self._n < self._k:
            return
        rows, scores = np.concatenate(self._rows), np.concatenate(self._scores)
        kth = np.partition(scores, len(scores) - self._k)[len(scores) - self._k]
        floor = float(kth) - 2 * self._margin
        self._floor = floor if math.isfinite(floor) else -math.inf
        stay = scores >= self._floor
        self._rows, self._scores, self._n = [rows[stay]], [scores[stay]], int(stay.sum())


def best_of(rows: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> Found:
    """The k best of some rows that stand in ascending order: descending score, ties by row."""
    if len(rows) > k:
        kth = np.partition(scores, len(scores) - k)[len(scores) - k]
        stay = np.flatnonzero(scores >= kth)
        rows, scores = rows[stay], scores[stay]
    order = np.argsort(-scores, kind="stable")[:k]
    return Found(rows[order], scores[order])


def _scores_width(n_queries: int) -> int:
    """A width that keeps the scores of a chunk within their limit: chunks of rows are sized by their own."""
    return -(-n_queries * (1 << 20) // _SCORES_AT_ONCE) if n_queries else 1


def _longest(some: NDArray[np.float32]) -> float:
    """An upper bound of the lengths of these rows as stored: rounding moves a value by max|x| / 254 at most (int8)."""
    root = math.sqrt(some.shape[1])
    length = float(np.sqrt(np.einsum("ij,ij->i", some, some, dtype=np.float64)).max(initial=0.0))
    return length * (1.001 + root / 254) + root * 2.0**-24
