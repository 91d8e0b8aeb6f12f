"""Checking an answer against the index, with searches in place of an LLM: is a draft supported by what can be found?

A model that answers without retrieval often knows, and often invents. Whether its draft stands in the passages that the
question finds, near the question's other words, says something about which of the two it was; so does the question
searched together with the draft. These figures are the context of two choices:

- keep a draft written without retrieval, or read passages and answer again (`draft_features`);
- which of two answers to show, where both have been written (`paired_features`).

How much each is worth on logged answers stands in docs/routing.md. The answer is only looked at as words: whether it
follows from a passage is not judged.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.measures.answers import normalised, token_f1
from spaniel.index.sparse.frequencies import TermFrequencies
from spaniel.index.sparse.retriever import Bm25Retriever
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.features.words import content_words
from spaniel.retrieval.types import Passage, Ranking

__all__ = ["DRAFT_FEATURES", "PAIRED_FEATURES", "DraftCheck"]

DRAFT_FEATURES = (
    "in_first",
    "in_first_three",
    "in_any",
    "in_share",
    "rank",
    "in_question",
    "words",
    "yes_no",
    "digits",
    "empty",
    "is_title",
    "cover",
    "cover_of_best",
    "gain",
    "same_found",
    "unknown",
    "rarity",
)
"""Names of the values of `DraftCheck.of`, in their order."""

PAIRED_FEATURES = (*(f"first.{n}" for n in DRAFT_FEATURES), *(f"second.{n}" for n in DRAFT_FEATURES), "same", "alike")
"""Names of the values of `DraftCheck.pair`, in their order."""


class DraftCheck:
    """Looks for answers in what questions find. Safe to call from several threads.

    Args:
        words: searches for the question, and for the question with the answer.
        depth: how many passages are read.

    Raises:
        InvalidInput: the retriever has no texts, or a depth below 1.
    """

    def __init__(self, words: Bm25Retriever, *, depth: int = 10) -> None:
        if depth < 1 or words.passages is None:
            raise InvalidInput("drafts", f"depth is {depth} and {words.name} needs texts; the depth must be at least 1")
        self.words, self.depth, self._store = words, depth, words.passages
        self._frequencies = TermFrequencies(words)

    def of(self, question: str, draft: str) -> NDArray[np.float64]:
        """float64 (len(DRAFT_FEATURES),), about 0..1. Cost: two searches and the reading of `depth` passages."""
        return self._of(question, draft, *self._read(question))

    def pair(self, question: str, first: str, second: str) -> NDArray[np.float64]:
        """float64 (len(PAIRED_FEATURES),): both answers, whether they are the same, and the F1 of their words."""
        found = self._read(question)
        alike = token_f1(first, [second])
        same = float(normalised(first) == normalised(second))
        return np.concatenate([self._of(question, first, *found), self._of(question, second, *found), [same, alike]])

    def _read(self, question: str) -> tuple[Ranking, list[Passage], list[str]]:
        """What the question finds, and the passages' texts in normal form."""
        [top] = self.words.search([question], k=self.depth)
        passages = self._store.get(top.ids)
        return top, passages, [f" {normalised(f'{each.title} {each.text}')} " for each in passages]

    def _of(
        self, question: str, draft: str, top: Ranking, passages: Sequence[Passage], texts: Sequence[str]
    ) -> NDArray[np.float64]:
        said = normalised(draft)
        holds = np.array([bool(said) and f" {said} " in text for text in texts], dtype=np.float64)
        places = np.flatnonzero(holds)
        covers = self._covers(question, texts)
        with_it = float((covers * holds).max()) if len(places) else 0.0
        best = float(covers.max()) if len(covers) else 0.0
        counts = np.array(list(self._frequencies.of(draft).values()), dtype=np.float64)
        n = max(self._frequencies.n_passages, 1)
        return np.array(
            [
                float(holds[:1].any()),
                float(holds[:3].any()),
                float(holds.any()),
                float(holds.sum()) / self.depth,
                1.0 / (1 + places[0]) if len(places) else 0.0,
                float(bool(said) and f" {said} " in f" {normalised(question)} "),
                len(said.split()) / (len(said.split()) + 3),
                float(said in ("yes", "no")),
                float(any(letter.isdigit() for letter in said)),
                float(not said),
                float(any(normalised(each.title) == said for each in passages)),
                with_it,
                with_it / best if best else 0.0,
                *self._searched(question, draft, top),
                float((counts == 0).any()),
                float(np.log(n / np.clip(counts, 1, n)).max() / np.log(n + 1)) if len(counts) else 0.0,
            ]
        )

    def _covers(self, question: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """How much of the question's content words, by rarity, each text holds: float64 (n,), 0..1."""
        wanted = dict.fromkeys(normalised(" ".join(content_words(question))).split())
        counts = {word: min(self._frequencies.of(word).values(), default=0) for word in wanted}
        n = max(self._frequencies.n_passages, 1)
        weight = {word: np.log(1 + n / (1 + count)) for word, count in counts.items()}
        total = sum(weight.values()) or 1.0
        return np.array([sum(w for word, w in weight.items() if f" {word} " in text) / total for text in texts])

    def _searched(self, question: str, draft: str, top: Ranking) -> tuple[float, float]:
        """How much the first score grows when the draft is searched too, and how much of what was found stays."""
        [again] = self.words.search([f"{question} {draft}"], k=self.depth)
        if not len(top) or not len(again):
            return 0.0, 0.0
        grown = float(again.scores[0]) / max(float(top.scores[0]), 1e-9) - 1.0
        return min(grown, 1.0), len(set(top.ids.tolist()) & set(again.ids.tolist())) / self.depth
