"""What similarities of a collection amount to, from dot products between its passages.

The *spread* is their standard deviation. Models differ in this more than in anything else about their scores (0.1 to
0.15 for all-MiniLM-L6-v2, a fraction of that for models whose cosines all lie near 0.8), so that adding a similarity to
anything needs it. Between passages and queries it is about a fifth lower, whatever the collection; but queries need not
be known for this.

The *contrast* is how many spreads a passage's similarity to itself stands above that to others. Text that a model can
read has 5 or more (all-MiniLM-L6-v2 on twelve English collections: 4.7 to 12). Text of a language that it was not
trained on comes out as much the same vector everywhere (Russian 2.8, Arabic 1.6): what differences there are say
little, and the unit grows, so that they count less. Where passages are about anything under the sun, the contrast is
high because the spread is low; the unit is never less than the spread of a contrast of 8, so that an ordinary match
does not count for more than it would elsewhere. Figures are in docs/hybrid.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .retriever import DenseSegment

__all__ = ["Similarities", "similarities"]

_ENOUGH, _PLENTY = 5.0, 8.0
_SAMPLE = 512


@dataclass(frozen=True, slots=True)
class Similarities:
    """What was seen in a sample.

    Attributes:
        spread: standard deviation of the products of two passages, above 0.
        contrast: (mean product of a passage with itself - mean product of two) / spread.
    """

    spread: float = 0.1
    contrast: float = _ENOUGH

    @property
    def unit(self) -> float:
        """The spread, and more of it where the contrast is high, or low: then by the square of what is lacking."""
        return self.spread * max(1.0, self.contrast / _PLENTY, (_ENOUGH / max(self.contrast, 0.1)) ** 2)


def similarities(segments: Sequence["DenseSegment"], sample: int = _SAMPLE) -> Similarities:
    """Over all pairs of passages of a sample spaced evenly over the segments; the defaults where there is no pair.

    Args:
        sample: passages to look at, at most. Only the living are, so that nothing changes when `optimize` drops the
            others.

    Cost: `sample` vectors read and a product of them with themselves; about 5 ms at 512 x 384.
    """
    living = [segment.rows.living() for segment in segments]
    sizes = [len(rows) for rows in living]
    total = sum(sizes)
    places = np.unique(np.linspace(0, max(total - 1, 0), min(sample, total)).astype(np.int64))
    starts = np.cumsum([0, *sizes])
    taken = [
        segment.part.vectors(rows[places[(places >= start) & (places < start + len(rows))] - start])
        for segment, start, rows in zip(segments, starts, living, strict=False)
        if len(rows)
    ]
    if len(places) < 2:
        return Similarities()
    vectors = np.concatenate(taken).astype(np.float64)
    products = vectors @ vectors.T
    pairs = products[np.triu_indices(len(vectors), 1)]
    spread = float(pairs.std())
    if not np.isfinite(spread) or spread <= 1e-6 * float(np.abs(pairs).max()):
        return Similarities()
    return Similarities(spread, (float(np.trace(products)) / len(vectors) - float(pairs.mean())) / spread)
