"""Vectors that were made elsewhere, each with the id of its passage, as the vectors of an index's passages."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.index.segments import OpenSegment, Segments
from spaniel.index.store import Transaction
from spaniel.models.card import ModelCard
from spaniel.retrieval.errors import InvalidInput

from .embeddings import CachedVectors
from .part import Vectors

__all__ = ["GivenVectors"]

_ROWS_AT_ONCE = 8192
_LENGTH_SLACK = 1e-3


class GivenVectors:
    """Vectors and ids, checked.

    Args:
        vectors: floats (n, d), finite; may be memory-mapped, is read chunk by chunk.
        ids: of the passages, n different ones.
        name: what the model is to be called.

    Raises:
        InvalidInput: NaN or infinity, no matrix of floats, ids of another number or that come twice.

    Attributes:
        card: says that nobody here can encode.
    """

    def __init__(self, vectors: NDArray[np.floating], ids: Sequence[str], name: str) -> None:
        fits = isinstance(vectors, np.ndarray) and vectors.ndim == 2 and vectors.dtype.kind == "f"
        if not fits or not vectors.shape[1]:
            found = f"{vectors.dtype} {vectors.shape}" if isinstance(vectors, np.ndarray) else type(vectors).__name__
            raise InvalidInput("vectors", f"{found}; pass a NumPy array of floats with a row for each passage")
        if len(ids) != len(vectors):
            raise InvalidInput("vectors", f"{len(vectors)} of them for {len(ids)} ids")
        self._vectors = vectors
        self._place = {passage_id: number for number, passage_id in enumerate(ids)}
        if len(self._place) != len(ids):
            twice = next(one for number, one in enumerate(ids) if self._place[one] != number)
            raise InvalidInput("ids", f"{twice!r} comes twice")
        normalised = self._checked(ids)
        self.card = ModelCard(name, "", "vectors", "", vectors.shape[1], normalised=normalised)

    def check(self, segments: Segments) -> None:
        """Every living passage has a vector, and every vector a passage.

        Raises:
            InvalidInput: one has not.
        """
        missing = 0
        example = ""
        for segment in segments:
            for _, passage in _living(segment):
                if passage not in self._place:
                    missing, example = missing + 1, example or passage
        if missing:
            raise InvalidInput("ids", f"{missing} passages of the index have no vector, the first is {example!r}")
        if len(self._place) > len(segments):
            known = segments.ordinals_of(self._place)
            foreign = [name for name in self._place if name not in known]
            raise InvalidInput("ids", f"{len(foreign)} are not in the index, the first is {foreign[0]!r}")

    def vectors(self, txn: Transaction, segment: OpenSegment) -> Vectors:
        """One vector for each row of the segment; for the dead, that of a neighbour."""
        places = np.full(segment.record.n_passages, -1, dtype=np.int32)
        for row, passage in _living(segment):
            places[row] = self._place[passage]
        return CachedVectors(self._vectors, places)

    def _checked(self, ids: Sequence[str]) -> bool:
        """Whether all have length 1."""
        normalised = True
        for start in range(0, len(self._vectors), _ROWS_AT_ONCE):
            with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
                some = np.asarray(self._vectors[start : start + _ROWS_AT_ONCE], dtype=np.float32)
            wrong = np.flatnonzero(~np.isfinite(some).all(axis=1))
            if len(wrong):
                raise InvalidInput("vectors", f"that of {ids[start + int(wrong[0])]!r} holds NaN or infinity")
            lengths = np.sqrt((some.astype(np.float64) ** 2).sum(axis=1))
            normalised = normalised and bool((np.abs(lengths - 1) < _LENGTH_SLACK).all())
        return normalised


def _living(segment: OpenSegment) -> "list[tuple[int, str]]":
    """(row, id) of the living passages."""
    rows = np.arange(segment.record.n_passages) if segment.live_rows is None else np.flatnonzero(segment.live_rows)
    return list(zip(rows.tolist(), segment.passages.ids(segment.ordinals_of_rows(rows)), strict=True))
