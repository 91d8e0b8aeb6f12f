"""Sets scored by what they say of the question's words, without a model.

    worth(S) = relevance * sum of the relevance of S's passages
             + coverage * sum over the question's terms t of w(t) * (1 - product over S of (1 - s(t, passage)))
             - redundancy * sum over S of how much a passage repeats of the one before it that is most like it
             - price * |S|

w(t) is the share of the idf, s how far the passage's count of the term is saturated (BM25's tf part); the second line
is a weighted coverage, monotone and submodular, as in Lin and Bilmes (ACL 2011, sec. 3). Likeness is the cosine of
tf-idf vectors over all words of the candidates. Relevance is the score stretched to 0..1, and links
(`relevance.py`). Gains can be negative: a passage that repeats another costs more than it brings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from spaniel.models.text import passage_text

from .base import Candidate
from .relevance import check_share, relevances
from .sets import as_row
from .terms import lexical_vectors, question_terms

__all__ = ["COVERAGE", "Coverage"]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The set scorer "coverage".

    Args:
        relevance, coverage, redundancy, price: weights of the four lines above.
        links: what a full link adds to a relevance.
        language: of the analyser.

    Cost: analyses each candidate once or, with redundancy, twice: about 20 us for 100 words; then O(n t) for each
    call, and O(n v) once for redundancy with v words.

    Raises:
        InvalidInput: a weight below 0.
    """

    relevance: float = 1.0
    coverage: float = 1.0
    redundancy: float = 0.2
    price: float = 0.0
    links: float = 0.3
    language: str = "english"
    name: ClassVar[str] = "coverage"
    ordered: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_share(
            self.name,
            relevance=self.relevance,
            coverage=self.coverage,
            redundancy=self.redundancy,
            price=self.price,
            links=self.links,
        )

    def of(self, question: str, candidates: Sequence[Candidate]) -> "_CoverageValue":
        """See `sets.SetScorer`."""
        texts = [passage_text(each.passage.title, each.passage.text) for each in candidates]
        terms = question_terms(question, texts, self.language)
        alone = self.relevance * relevances(question, candidates, links=self.links) - self.price
        alike = None
        if self.redundancy:
            vectors = lexical_vectors(texts, self.language)
            alike = (self.redundancy * (vectors @ vectors.T)).astype(np.float64)
        return _CoverageValue(alone, 1.0 - terms.saturated(), self.coverage * terms.weights, alike)


COVERAGE = Coverage()
"""With its defaults."""


class _CoverageValue:
    """See `sets.SetValue`."""

    def __init__(
        self,
        alone: NDArray[np.float64],
        missing: NDArray[np.float64],
        weights: NDArray[np.float64],
        alike: NDArray[np.float64] | None,
    ) -> None:
        self.alone, self.missing, self.weights, self.alike = alone, missing, weights, alike

    def grown(self, chosen: tuple[int, ...], places: Sequence[int]) -> NDArray[np.float64]:
        """See `sets.SetValue`."""
        held, new = as_row(chosen), as_row(tuple(places))
        said = 1.0 - self.missing[held].prod(axis=0) * self.missing[new]
        worth: NDArray[np.float64] = self.alone[held].sum() + self.alone[new] + said @ self.weights
        return worth - self._repeated(held, new)

    def _repeated(self, held: NDArray[np.int64], new: NDArray[np.int64]) -> NDArray[np.float64] | float:
        """The redundancy of `held` with each of `new`: each passage's likeness to the nearest before it, added up.

        Passages count in the order of their places, so that the worth does not depend on how the set came about.
        """
        if self.alike is None or not len(held):
            return 0.0
        rows = np.sort(np.concatenate([np.broadcast_to(held, (len(new), len(held))), new[:, None]], axis=1), axis=1)
        pairs = self.alike[rows[:, :, None], rows[:, None, :]]
        before = np.tril(np.ones((rows.shape[1], rows.shape[1]), bool), -1)
        return np.asarray(np.where(before, pairs, 0.0).max(axis=2).sum(axis=1))
