"""Sets scored by vectors: relevant passages that stand for what was found as a whole.

    worth(S) = relevance * sum of the relevance of S's passages
             + coverage * sum over all candidates j of w(j) * max over i in S of max(0, cosine(i, j))

The second line is facility location (Lin and Bilmes, ACL 2011, sec. 3.1.2): each candidate is spoken for by the
passage of S most like it; w(j) is j's share of the cosines to the question, so that what is far from the question need
not be spoken for. Monotone and submodular.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from spaniel.models.text import passage_text
from spaniel.retrieval.protocols import Encoder

from .base import Candidate
from .relevance import check_share, relevances
from .sets import as_row

__all__ = ["VectorCoverage", "unit_vectors"]


@dataclass(frozen=True, slots=True)
class VectorCoverage:
    """The set scorer "vectors".

    Args:
        encoder: of question and passages.
        relevance, coverage: weights of the two lines above.
        links: what a full link adds to a relevance.

    Cost: encodes every candidate; then O(n^2) for each call.

    Raises:
        InvalidInput: a weight below 0.
    """

    encoder: Encoder
    relevance: float = 1.0
    coverage: float = 1.0
    links: float = 0.3
    name: ClassVar[str] = "vectors"
    ordered: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_share(self.name, relevance=self.relevance, coverage=self.coverage, links=self.links)

    def of(self, question: str, candidates: Sequence[Candidate]) -> "_VectorValue":
        """See `sets.SetScorer`."""
        alone = self.relevance * relevances(question, candidates, links=self.links)
        if not candidates:
            return _VectorValue(alone, np.zeros((0, 0)))
        vectors = unit_vectors(self.encoder, candidates)
        query = self.encoder.encode([question], kind="query")[0].astype(np.float64)
        near = np.maximum(vectors @ query, 0.0)
        weights = near / near.sum() if near.any() else near
        return _VectorValue(alone, self.coverage * np.maximum(vectors @ vectors.T, 0.0) * weights)


class _VectorValue:
    """See `sets.SetValue`; `speaks` is (n, n): what i says for j."""

    def __init__(self, alone: NDArray[np.float64], speaks: NDArray[np.float64]) -> None:
        self.alone, self.speaks = alone, speaks

    def grown(self, chosen: tuple[int, ...], places: Sequence[int]) -> NDArray[np.float64]:
        """See `sets.SetValue`."""
        held, new = as_row(chosen), as_row(tuple(places))
        spoken = self.speaks[held].max(axis=0, initial=0.0)
        together = np.maximum(self.speaks[new], spoken).sum(axis=1)
        return np.asarray(self.alone[held].sum() + self.alone[new] + together)


def unit_vectors(encoder: Encoder, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
    """float64 (n, d), the candidates' vectors at length 1; one of zeros stays."""
    texts = [passage_text(each.passage.title, each.passage.text) for each in candidates]
    vectors = encoder.encode(texts, kind="passage").astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))
