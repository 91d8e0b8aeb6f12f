"""How common the words of a question are in what is searched.

The frequency group of LLM-Independent Adaptive RAG (EMNLP 2025, arXiv 2505.04253), over the index at hand in place of a
web corpus: rarity of a term is its idf, ln(N / df), in units of ln(N + 1): 0 for a word in every passage, about 1 for
one in a single passage. The rarest n-gram of the paper needs counts of n-grams, which an index does not keep; the
rarity of names stands in for it.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .words import entities

__all__ = ["RARITY_FEATURES", "Frequencies", "rarity_features"]

RARITY_FEATURES = (
    "rarity_least",
    "rarity_mean",
    "rarity_most",
    "rarity_sum",
    "unknown_share",
    "name_rarity",
    "name_unknown",
)
"""Names of the values of `rarity_features`, in their order."""


@runtime_checkable
class Frequencies(Protocol):
    """In how many passages words stand. Safe to call from several threads.

    Attributes:
        n_passages: how many passages there are.
    """

    @property
    def n_passages(self) -> int: ...

    def of(self, text: str) -> dict[str, int]:
        """Each term of a text, analysed as the index does -> number of passages that hold it, in order."""
        ...


def rarity_features(question: str, frequencies: Frequencies) -> NDArray[np.float64]:
    """float64 (len(RARITY_FEATURES),), each in 0..1; zeros for a question without terms.

    Cost: one look-up a term.
    """
    rare, unknown = _rarities(question, frequencies)
    named, named_unknown = _rarities(" ".join(entities(question)), frequencies)
    if not len(rare):
        return np.zeros(len(RARITY_FEATURES))
    return np.array(
        [
            rare.min(),
            rare.mean(),
            rare.max(),
            rare.sum() / (rare.sum() + 4.0),
            unknown,
            named.mean() if len(named) else 0.0,
            float(named_unknown > 0),
        ]
    )


def _rarities(text: str, frequencies: Frequencies) -> tuple[NDArray[np.float64], float]:
    """float64 (n_terms,), 0..1, a term that no passage holds counting as one in one; and the share of such terms."""
    counts = np.array(list(frequencies.of(text).values()), dtype=np.float64)
    if not len(counts):
        return counts, 0.0
    n = max(frequencies.n_passages, 1)
    rarity = np.log(n / np.clip(counts, 1, n)) / np.log(n + 1)
    return rarity, float((counts == 0).mean())
