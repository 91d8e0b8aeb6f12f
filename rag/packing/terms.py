"""The question's words in some texts, weighed by how rare they are among them.

No index is asked: the texts at hand are the collection, so that packing works on whatever was found, wherever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spaniel.index.analysis import Analyzer

__all__ = ["Terms", "analyzer", "lexical_vectors", "question_terms"]


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """Where the t different terms of a question stand in n texts.

    Attributes:
        counts: float64 (n, t), how often each does.
        idf: float64 (t,), log(1 + (n - df + 1/2) / (df + 1/2)) over the texts.
        lengths: float64 (n,), terms of each text.
    """

    counts: NDArray[np.float64]
    idf: NDArray[np.float64]
    lengths: NDArray[np.float64]

    @property
    def weights(self) -> NDArray[np.float64]:
        """float64 (t,): the idf's share of their sum; empty for a question without terms."""
        total = self.idf.sum()
        return self.idf / total if total else self.idf

    def saturated(self, k1: float = 0.9, b: float = 0.4) -> NDArray[np.float64]:
        """float64 (n, t), 0 to 1: how much each text says of each term, as BM25 sees it."""
        mean = self.lengths.mean() if len(self.lengths) else 1.0
        norm = k1 * (1.0 - b + b * self.lengths / max(mean, 1.0))
        return self.counts / (self.counts + norm[:, None])


def question_terms(question: str, texts: Sequence[str], language: str = "english") -> Terms:
    """The terms of a question in texts.

    Cost: analyses every text, about 10 us for 100 words.
    """
    tool = analyzer(language)
    column = {term: place for place, term in enumerate(dict.fromkeys(tool.tokens(question)))}
    counts, lengths = np.zeros((len(texts), len(column))), np.zeros(len(texts))
    for row, text in enumerate(texts):
        tokens = tool.tokens(text)
        lengths[row] = len(tokens)
        for token in tokens:
            if token in column:
                counts[row, column[token]] += 1
    df = (counts > 0).sum(axis=0)
    return Terms(counts, np.log1p((len(texts) - df + 0.5) / (df + 0.5)), lengths)


def lexical_vectors(texts: Sequence[str], language: str = "english") -> NDArray[np.float32]:
    """float32 (n, v), rows of length 1 (0 for a text without terms): (1 + log tf) * idf over all v terms.

    Their dot products are how alike texts are in words.
    """
    tool = analyzer(language)
    column: dict[str, int] = {}
    rows, columns = [], []
    for row, text in enumerate(texts):
        for token in tool.tokens(text):
            rows.append(row)
            columns.append(column.setdefault(token, len(column)))
    counts = np.zeros((len(texts), max(len(column), 1)), np.float64)
    np.add.at(counts, (rows, columns), 1.0)
    df = (counts > 0).sum(axis=0)
    weighed = np.log1p(counts) * np.log1p((len(texts) - df + 0.5) / (df + 0.5))
    lengths = np.linalg.norm(weighed, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (weighed / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    return unit


@lru_cache(maxsize=32)
def analyzer(language: str) -> Analyzer:
    """The analyser of a language, made once.

    Raises:
        InvalidInput: no such language.
    """
    return Analyzer(language)
