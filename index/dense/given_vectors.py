"""Vectors that were made elsewhere, each with the id of its passage, as the vectors of an index's passages."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spaniel.index.open_segment import OpenSegment
from spaniel.index.segments import Segments
from spaniel.index.store import Transaction
from spaniel.models.card import ModelCard
from spaniel.models.encoders.base import LARGEST
from spaniel.retrieval.errors import InvalidInput

from .embeddings import CachedVectors
from .part import Vectors
from .settings import DenseSettings

__all__ = ["GivenVectors", "VectorsById", "given_for"]

VectorsById: TypeAlias = Mapping[str, tuple[Sequence[str], NDArray[np.floating]]]
"""Name of a dense part -> ids of passages, and their vectors, floats (n, d)."""

_ROWS_AT_ONCE = 8192
_LENGTH_SLACK = 1e-3


class GivenVectors:
    """Vectors and ids, checked.

    Args:
        vectors: floats (n, d), finite; may be memory-mapped, is read chunk by chunk.
        ids: of the passages, n different ones.
        name: what the model is to be called.

    Raises:
        InvalidInput: NaN, infinity or values above 1e16, no matrix of floats, ids of another number or that come twice.

    Attributes:
        card: says that nobody here can encode.
        codes: none that anybody knows of.
    """

    codes = None

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
        return self._of(_living(segment), segment.record.n_passages)

    def of_new(self, passages: Sequence[tuple[int, str]], n_rows: int) -> Vectors:
        """One vector for each row of a new segment; those of passages it does not hold are left out.

        Args:
            passages: (row, id) of those that are there.

        Raises:
            InvalidInput: a passage has none.
        """
        missing = [passage for _, passage in passages if passage not in self._place]
        if missing:
            reason = f"{len(missing)} of the passages added have no vector in {self.card.name!r}"
            raise InvalidInput("vectors", f"{reason}, the first is {missing[0]!r}")
        return self._of(passages, n_rows)

    def check_like(self, made: ModelCard) -> None:
        """They can stand beside the vectors that are there.

        Raises:
            InvalidInput: of another dimension, or not of length 1 where those are.
        """
        here = self.card.dimension
        if here != made.dimension:
            reason = f"have {here} dimensions, those of {made.name!r} in the index {made.dimension}"
            raise InvalidInput("vectors", reason)
        if made.normalised and not self.card.normalised:
            raise InvalidInput("vectors", f"are not all of length 1, as those of {made.name!r} in the index are")

    def _of(self, passages: Iterable[tuple[int, str]], n_rows: int) -> Vectors:
        places = np.full(n_rows, -1, dtype=np.int32)
        for row, passage in passages:
            places[row] = self._place[passage]
        return CachedVectors(self._vectors, places)

    def _checked(self, ids: Sequence[str]) -> bool:
        """Whether all have length 1."""
        normalised = True
        for start in range(0, len(self._vectors), _ROWS_AT_ONCE):
            with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
                some = np.asarray(self._vectors[start : start + _ROWS_AT_ONCE], dtype=np.float32)
            wrong = np.flatnonzero(~(np.abs(some) <= LARGEST).all(axis=1))
            if len(wrong):
                who = ids[start + int(wrong[0])]
                raise InvalidInput("vectors", f"that of {who!r} holds NaN, infinity or values above {LARGEST:g}")
            lengths = np.sqrt((some.astype(np.float64) ** 2).sum(axis=1))
            normalised = normalised and bool((np.abs(lengths - 1) < _LENGTH_SLACK).all())
        return normalised


def given_for(settings: Mapping[str, DenseSettings], given: VectorsById) -> dict[str, GivenVectors]:
    """Vectors for new passages of an index, checked.

    Raises:
        InvalidInput: as `GivenVectors` and `check_like`; or there is no dense part of this name whose vectors were made
            elsewhere.
    """
    found = {}
    for name, (ids, vectors) in given.items():
        made = settings[name].model if name in settings else None
        if made is None or made.runtime != "vectors":
            takes = [each for each, dense in settings.items() if dense.model.runtime == "vectors"]
            reason = f"{name!r} is no dense part with vectors made elsewhere; the index has {takes}"
            raise InvalidInput("vectors", reason)
        found[name] = GivenVectors(vectors, ids, made.name)
        found[name].check_like(made)
    return found


def _living(segment: OpenSegment) -> "list[tuple[int, str]]":
    """(row, id) of the living passages."""
    rows = segment.rows.living()
    return list(zip(rows.tolist(), segment.passages.ids(segment.rows.ordinals_of(rows)), strict=True))
