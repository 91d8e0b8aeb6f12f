"""In how many passages the words of a text stand: what features of questions and feedback ask of an index."""

from .retriever import Bm25Retriever

__all__ = ["TermFrequencies"]


class TermFrequencies:
    """Plays `policies.features.rarity.Frequencies` over the segments of a BM25 retriever.

    A word that stands in several fields counts where it is most frequent.

    Attributes:
        n_passages: passages with at least one token, in the field that has most of them.

    Example:
        `TermFrequencies(kb.bm25()).of("rotating keys")` -> {"rotat": 12, "kei": 240}
    """

    def __init__(self, retriever: Bm25Retriever) -> None:
        self._native = retriever.native
        self._fields = range(len(retriever.settings.fields))
        self._analyzer = retriever.analyzer
        self.n_passages = max(retriever.n_passages)

    def of(self, text: str) -> dict[str, int]:
        """Each term of a text -> number of passages that hold it, in order; empty for an index without an analyser."""
        if self._analyzer is None:
            return {}
        return self.of_terms(self._analyzer.tokens(text))

    def of_terms(self, terms: list[str]) -> dict[str, int]:
        """Each of these terms, analysed already -> number of passages that hold it."""
        return {term: self._df(term.encode()) for term in dict.fromkeys(terms)}

    def _df(self, term: bytes) -> int:
        return max(self._native.df(bytes([field]) + term) for field in self._fields)
