"""Passages that say nearly the same, by their vectors: a report, nothing is deleted.

Two passages are near duplicates when the cosine of their vectors reaches a threshold; groups are what is connected by
such pairs, directly or through others, so that the ends of a long chain may be further apart. Passages with one and the
same vector (mostly one and the same text) are put together first, at the cost of a hash each.

Exact for the vectors that the index can give back: those of its second tier, or reconstructions of codes where it keeps
none (48-byte codes blur cosines by about 0.05).
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.near_pairs import groups_of, near_pairs

if TYPE_CHECKING:
    from spaniel.index.index import Index
    from spaniel.index.open_segment import OpenSegment

__all__ = ["HasVectors", "duplicate_groups", "near_duplicates"]

_BLOCK = 2048


class HasVectors(Protocol):
    """Gives vectors by ordinal, as `DenseRetriever` does."""

    def vectors(self, ordinals: NDArray[np.int64]) -> NDArray[np.float32]: ...


def near_duplicates(index: "Index", *, threshold: float = 0.95, name: str | None = None) -> list[list[str]]:
    """Groups of passage ids, each in the order of insertion, groups by their first.

    Args:
        threshold: cosine, above 0 and at most 1.
        name: of the vectors; those added first by default.

    Raises:
        InvalidInput: a threshold out of range, or no vectors of this name.

    Cost: see `duplicate_groups`.
    """
    ordinals = np.sort(np.concatenate([_living(segment) for segment in index.passages] or [np.zeros(0, np.int64)]))
    groups = duplicate_groups(index.dense(name), ordinals, threshold=threshold)
    return [index.passages.ids(group) for group in groups]


def duplicate_groups(source: HasVectors, ordinals: NDArray[np.int64], *, threshold: float = 0.95) -> list[list[int]]:
    """Groups of ordinals.

    Args:
        ordinals: int64 (n,), ascending, those to compare.

    Raises:
        InvalidInput: a threshold out of range.

    Cost: O(n**2), see `near_pairs`; 24 bytes a passage and a few blocks of vectors.
    """
    first_of = _firsts(source, ordinals)
    distinct = ordinals[np.unique(first_of)]
    pairs = near_pairs(lambda start, end: source.vectors(distinct[start:end]), len(distinct), threshold, block=_BLOCK)
    twins = np.searchsorted(np.unique(first_of), first_of)
    members: dict[int, list[int]] = {}
    for place, twin in enumerate(twins.tolist()):
        members.setdefault(twin, []).append(int(ordinals[place]))
    found = groups_of(len(distinct), pairs)
    grouped = {twin for group in found for twin in group}
    alone = [each for twin, each in members.items() if len(each) > 1 and twin not in grouped]
    return sorted(alone + [_joined(members, group) for group in found])


def _living(segment: "OpenSegment") -> NDArray[np.int64]:
    """Ordinals of the passages that can be found."""
    return segment.rows.ordinals_of(segment.rows.living())


def _joined(members: dict[int, list[int]], group: Sequence[int]) -> list[int]:
    return sorted(ordinal for twin in group for ordinal in members[twin])


def _firsts(source: HasVectors, ordinals: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each passage the place of the first with the same vector: int64 (n,). Vectors of zeros are like nothing."""
    seen: dict[bytes, int] = {}
    firsts = np.arange(len(ordinals))
    for start in range(0, len(ordinals), _BLOCK):
        vectors = np.ascontiguousarray(source.vectors(ordinals[start : start + _BLOCK])) + np.float32(0)  # no -0
        for place, vector in enumerate(vectors, start):
            if vector.any():
                firsts[place] = seen.setdefault(hashlib.blake2b(vector.tobytes(), digest_size=16).digest(), place)
    return firsts
