"""How far apart the similarities of a collection lie: the standard deviation of dot products between its passages.

Models differ in this more than in anything else about their scores (0.1 to 0.15 for all-MiniLM-L6-v2, a fraction of
that for models whose cosines all lie near 0.8), so that adding a similarity to anything needs it. Between passages and
queries it is about a fifth lower, whatever the collection; but queries need not be known for this.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .retriever import DenseSegment

__all__ = ["similarity_spread"]

_UNKNOWN = 0.1
_SAMPLE = 512


def similarity_spread(segments: Sequence["DenseSegment"], sample: int = _SAMPLE) -> float:
    """Over all pairs of passages of a sample spaced evenly over the segments; 0.1 where there is no pair to look at.

    Args:
        sample: passages to look at, at most; deleted ones count, until they are gone.

    Cost: `sample` vectors read and a product of them with themselves; about 5 ms at 512 x 384.
    """
    sizes = [segment.part.n_passages for segment in segments]
    total = sum(sizes)
    places = np.unique(np.linspace(0, max(total - 1, 0), min(sample, total)).astype(np.int64))
    starts = np.cumsum([0, *sizes])
    taken = [
        segment.part.vectors(places[(places >= start) & (places < start + size)] - start)
        for segment, start, size in zip(segments, starts, sizes, strict=False)
        if size
    ]
    if len(places) < 2:
        return _UNKNOWN
    vectors = np.concatenate(taken).astype(np.float64)
    products = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    spread = float(products.std())
    return spread if np.isfinite(spread) and spread > 1e-6 * float(np.abs(products).max()) else _UNKNOWN
