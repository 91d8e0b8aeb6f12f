"""Feedback on words over an index: search, take terms of the best passages, search again with weights.

RM3 and Rocchio of `retrieval/feedback.py` with Anserini's defaults: 10 passages, 10 terms, half the weight to the
question. Terms of a passage are had by analysing its stored text as the index did. The second search is exact: BM25
with the weights as boosts. As in Anserini, terms of one letter or more than 20 are not taken, RM3 takes none that
stands in more than a tenth of the passages, and Rocchio weighs terms by BM25. Unlike there, terms of other scripts than
a-z and 0-9 are taken, so that it works in every language.

Feedback finds more of what is like the best passages. Where one passage answers a question it rather harms: figures in
docs/routing.md. Nothing uses it unless told to.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval import feedback
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import Around
from spaniel.retrieval.protocols import Exclude, Retriever, Where
from spaniel.retrieval.types import Passage, Query, QueryLike, Ranking, as_queries

from .frequencies import TermFrequencies
from .reference import idf
from .retriever import Bm25Retriever

__all__ = ["Rule", "TermFeedback"]

Rule = Literal["rm3", "rocchio"]
_COMMON = 0.1  # RM3 takes no term that more of the passages hold
_LENGTHS = range(2, 21)


class TermFeedback(Around):
    """BM25 with terms that a first search has brought up.

    Args:
        words: searches with the new terms.
        first: finds the passages that terms are taken from; `words` itself by default.
        rule: how terms are weighed.
        k: how many passages of `first`.
        n_terms: how many terms.
        weight: of the question, 0 to 1; 1 is plain BM25.

    Raises:
        InvalidInput: an option out of range, an index without texts or words, or a `first` over another index.

    Example:
        `TermFeedback(kb.bm25(), k=5).search([question], k=10)`
    """

    floor = 0.0
    """The score of every passage that a search had room for and did not find."""

    def __init__(
        self,
        words: Bm25Retriever,
        first: Retriever | None = None,
        *,
        rule: Rule = "rm3",
        k: int = 10,
        n_terms: int = 10,
        weight: float = 0.5,
    ) -> None:
        feedback.check_feedback(rule, k, n_terms, weight)
        if rule not in ("rm3", "rocchio"):
            raise InvalidInput("feedback", f"rule is {rule!r}; it must be rm3 or rocchio")
        if words.analyzer is None or words.passages is None:
            raise InvalidInput(rule, f"{words.name} has no texts or no analyser to take terms with")
        if first is not None and first.passages is not words.passages:
            raise InvalidInput(rule, f"{first.name} searches another index than {words.name}")
        super().__init__(words)
        self.words, self.first, self.rule = words, first or words, rule
        self.k, self.n_terms, self.weight = k, n_terms, weight
        self._analyzer, self._store = words.analyzer, words.passages
        self._frequencies = TermFrequencies(words)
        self._average = sum(words.averages)

    @property
    def name(self) -> str:
        """`bm25+rm3`."""
        return f"{self.words.name}+{self.rule}"

    def search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
    ) -> list[Ranking]:
        """See `protocols.Retriever.search`. Passages in `exclude` give terms too, but are not returned."""
        expanded = self.expanded(queries, where=where)
        return self.words.search(expanded, k=k, exclude=exclude, where=where)

    def expanded(self, queries: Sequence[QueryLike], *, where: Where | None = None) -> list[Query]:
        """Each query with `weights` in place of its words: analysed term -> weight.

        A query that finds nothing is left as it is.

        Cost: a search of `k` passages, and their analysis, about 30 us a passage.
        """
        asked = as_queries(queries)
        tops = self.first.search(asked, k=self.k, where=where) if asked else []
        return [self._expanded(query, top) for query, top in zip(asked, tops, strict=True)]

    def units(self, queries: Sequence[Query]) -> NDArray[np.float64]:
        """Those of BM25 for the questions as they were asked; see `retrieval/calibration.py`."""
        return self.words.units(queries)

    def _expanded(self, query: Query, top: Ranking) -> Query:
        said = query.weights if query.weights is not None else Counter(self._analyzer.tokens(query.text))
        if not len(top) or not said:
            return query
        counts = [self._counts(passage) for passage in self._store.get(top.ids)]
        if self.rule == "rm3":
            kept = self._not_common(counts)
            scores = [max(float(score), 0.0) for score in top.scores]
            made = feedback.rm3(said, kept, scores, n_terms=self.n_terms, weight=self.weight)
        else:
            made = feedback.rocchio(said, self._weighed(counts), n_terms=self.n_terms, weight=self.weight)
        return Query(query.id, query.text, vector=query.vector, weights=made)

    def _counts(self, passage: Passage) -> Counter[str]:
        """A passage's terms, those too short or long left out."""
        text = f"{passage.title}\n{passage.text}" if passage.title else passage.text
        return Counter(term for term in self._analyzer.tokens(text) if len(term) in _LENGTHS)

    def _not_common(self, counts: Sequence[Counter[str]]) -> list[dict[str, float]]:
        """The terms of each passage that few enough others hold."""
        most = max(_COMMON * self._frequencies.n_passages, 1)  # one passage is not common in a handful either
        df = self._frequencies.of_terms([term for each in counts for term in each])
        return [{term: float(n) for term, n in each.items() if df[term] <= most} for each in counts]

    def _weighed(self, counts: Sequence[Counter[str]]) -> list[dict[str, float]]:
        """The BM25 weight of each term of each passage."""
        scorer, n = self.words.settings.scorer, self._frequencies.n_passages
        df = self._frequencies.of_terms([term for each in counts for term in each])
        rarity = {term: idf(scorer, max(found, 1), n) for term, found in df.items()}
        made = []
        for each in counts:
            values = scorer.values(list(each.values()), max(each.total(), 1), self._average)
            made.append({term: rarity[term] * value for term, value in zip(each, values.tolist(), strict=True)})
        return made
