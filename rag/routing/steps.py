"""Several steps of retrieval without an LLM: search, take new names from what was found, search again.

The "multiple" arm of Adaptive-RAG and MBA-RAG asks an LLM between its searches (IRCoT). Here the first search's best
passages say what to look for next: their titles, and the names in their sentences that share words with the question,
which the question itself does not mention: its leads. The second step searches for each lead beside those words of the
question that the passages read do not hold: what they hold has been found. As in FrugalRAG (arXiv 2507.07634) it
returns only passages that were not seen before. What was read stays on top; the rest of the first list and the heads
of the new ones are put together by reciprocal rank.

It serves questions whose evidence lies in two passages, the second of which the question does not name. What it brings
on such questions, and costs on others: docs/routing.md.
"""

import re
from collections.abc import Sequence

import numpy as np

from spaniel.retrieval.composition import require_sets_each
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import Around
from spaniel.retrieval.policies.features.words import content_words, entities, words
from spaniel.retrieval.protocols import Exclude, Retriever, Where
from spaniel.retrieval.types import Passage, Query, QueryLike, Ranking, as_queries

__all__ = ["Several", "check_steps", "leads"]

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])")
_DAMPING = 3
"""Of reciprocal ranks; small, for a lead is followed for its first passages or not at all."""
_HEAD = 5
"""So many passages of each search of the second step count."""


class Several(Around):
    """A retriever that searches again for what its best passages speak of.

    Args:
        retriever: searches in every step.
        k: how many passages of the first step are read for leads.
        n_leads: how many searches the second step is: one a lead.
        weight: of what the second step finds, beside 1 for the first.

    Raises:
        InvalidInput: an option out of range, or a retriever without texts.

    Example:
        `Several(kb.bm25(100)).search(["Who wrote the book that the film Clueless is based on?"])`
    """

    def __init__(self, retriever: Retriever, *, k: int = 1, n_leads: int = 3, weight: float = 0.5) -> None:
        check_steps(k, n_leads, weight)
        if retriever.passages is None:
            raise InvalidInput("several", f"{retriever.name} has no texts to read")
        super().__init__(retriever)
        self.retriever, self.k, self.n_leads, self.weight = retriever, k, n_leads, weight
        self._store = retriever.passages

    @property
    def name(self) -> str:
        """`several(bm25)`."""
        return f"several({self.retriever.name})"

    def search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
    ) -> list[Ranking]:
        """See `protocols.Retriever.search`; scores order and mean nothing else.

        Passages in `exclude` may lead to others: they are hidden from the results, and what a query gets beside them
        must not change."""
        if k is not None and k < 1:
            raise InvalidInput("search", f"k is {k}; it must be at least 1")
        asked = as_queries(queries)
        require_sets_each(exclude, len(asked))
        hidden = [set(each) for each in exclude] if exclude is not None else [set() for _ in asked]
        room = self.depth + max(map(len, hidden), default=0)
        first = self.retriever.search(asked, k=room, where=where)
        made = [self._followed(query, ranking, where) for query, ranking in zip(asked, first, strict=True)]
        kept = self.depth if k is None else min(k, self.depth)
        return [ranking.without(left)[:kept] for ranking, left in zip(made, hidden, strict=True)]

    def followed_by(self, query: QueryLike, ranking: Ranking) -> list[Query]:
        """What the second step searches after this first one."""
        (asked,) = as_queries(query)
        read = self._store.get(ranking.ids[: self.k]) if len(ranking) else []
        held = {word.lower() for passage in read for word in words(f"{passage.title} {passage.text}")}
        left = " ".join(word for word in content_words(asked.text) if word.lower() not in held)
        return [Query(asked.id, f"{left} {lead}".strip()) for lead in leads(asked.text, read, self.n_leads)]

    def _followed(self, query: Query, first: Ranking, where: Where | None) -> Ranking:
        again = self.followed_by(query, first)
        seen = first[: self.k]
        hidden = [set(seen.ids.tolist())] * len(again)
        second = self.retriever.search(again, exclude=hidden, where=where) if again else []
        return _joined(seen, [(first[self.k :], 1.0), *((ranking[:_HEAD], self.weight) for ranking in second)])


def check_steps(k: int, n_leads: int, weight: float) -> None:
    """Refuse settings out of range.

    Raises:
        InvalidInput: k or n_leads below 1, a weight outside 0 to 1.
    """
    if k < 1 or n_leads < 1 or not 0 < weight <= 1:
        said = f"k {k}, n_leads {n_leads}, weight {weight}"
        raise InvalidInput("several", f"{said}; they must be at least 1, at least 1, above 0 to 1")


def leads(question: str, passages: Sequence[Passage], n: int) -> list[str]:
    """Names in these passages that the question does not mention: at most n, the most promising first.

    A name counts the words that its sentence shares with the question, and one more for a title; a passage's
    names count less the further down it stands (1 / rank). Ties in order of appearance.
    """
    known = {word.lower() for word in content_words(question)}
    worth: dict[str, float] = {}
    for rank, passage in enumerate(passages, 1):
        if passage.title:
            _add(worth, passage.title, 1.0 / rank, known)
        for sentence in _SENTENCE.split(passage.text):
            shared = len(known & {word.lower() for word in content_words(sentence)})
            for name in entities(sentence):
                _add(worth, name, shared / rank, known)
    return sorted(worth, key=lambda name: -worth[name])[:n]


def _add(worth: dict[str, float], name: str, value: float, known: set[str]) -> None:
    """Count a name at its best place, if it says anything that is not known."""
    said = {word.lower() for word in content_words(name)}
    if said - known:
        worth[name] = max(worth.get(name, 0.0), value)


def _joined(seen: Ranking, lists: Sequence[tuple[Ranking, float]]) -> Ranking:
    """What was read, in its order and scored above the rest; then sums of weight / (3 + rank) over the lists."""
    sums: dict[int, float] = {}
    for place, ordinal in enumerate(seen.ids.tolist()):
        sums[ordinal] = len(lists) + 1.0 / (1 + place)
    for ranking, weight in lists:
        for rank, ordinal in enumerate(ranking.ids.tolist(), 1):
            sums[ordinal] = sums.get(ordinal, 0.0) + weight / (_DAMPING + rank)
    ids = np.fromiter(sums, dtype=np.int64, count=len(sums))
    return Ranking.sorted(ids, np.fromiter(sums.values(), dtype=np.float64, count=len(sums)))
