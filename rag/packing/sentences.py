"""Pack sentences instead of passages: those that speak of the question, from as many passages as they come from.

Sentences are scored as in the compression of EasyRAG (Feng et al., arXiv 2410.10315, sec. 3.5: BM25 between question
and sentence, original order kept), with four things added that were measured to help (docs/packing.md): the passage's
own score counts, a word of the question in the passage's title counts half for each of its sentences (sentences speak
of "he" and "the city"), passages that better ones name are lifted (`relevance.py`), and so is the first sentence of
each passage, which often says what the others leave out.

The best sentences are taken from the top until the budget is full; each costs what the excerpt of its passage grows by.
What is shown of a passage keeps its order, with " ... " where something is left out. A pronoun may lose what it stands
for: where that matters, `around=1` takes the sentences before and behind too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from spaniel.index.chunking.sentences import sentence_spans
from spaniel.models.counting import TokenCounter
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.prompt import Excerpt

from .base import Candidate, Packed
from .excerpts import check_budget, check_settings, excerpt_of, packed
from .order import Order
from .relevance import check_share, relevances
from .terms import question_terms

__all__ = ["SentencePacker", "leading"]

_TITLE = 0.5
Unit = tuple[int, int]
"""A sentence: the place of its passage, and its own in the passage."""


@dataclass(frozen=True, slots=True)
class SentencePacker:
    """The best sentences of the candidates.

    Args:
        depth: how many candidates give sentences.
        prior: weight of the passage's own relevance, 0 to 1 over the candidates, beside the sentence's, 0 to 1.
        lead: weight of the passage's relevance once more, for its first sentence.
        links: what is added to the relevance of a passage that one of the three best names; see `relevance.py`.
        around: so many sentences before and behind are taken with each, as far as they fit.
        max_passages: sentences come from no more; from any number by default.
        order: in which the passages are shown; see `order.py`.
        language: of the analyser; see `AnalyzerSpec`.

    Cost: about 2.5 ms for 20 passages of 100 words, and one count of tokens for each sentence.

    Raises:
        InvalidInput: a setting that cannot be.
    """

    depth: int = 20
    prior: float = 0.25
    lead: float = 0.1
    links: float = 0.6
    around: int = 0
    max_passages: int | None = None
    order: Order = "best"
    language: str = "english"
    name: ClassVar[str] = "sentences"

    def __post_init__(self) -> None:
        check_settings(self.name, self.order, self.max_passages, self.depth)
        check_share(self.name, prior=self.prior, lead=self.lead, links=self.links)
        if self.around < 0:
            raise InvalidInput(self.name, f"around is {self.around}; it must be at least 0")

    def pack(
        self, question: str, candidates: Sequence[Candidate], *, budget_tokens: int, count: TokenCounter
    ) -> Packed:
        """See `base.Packer`."""
        check_budget(self.name, budget_tokens)
        read = candidates[: self.depth]
        spans = [sentence_spans(candidate.passage.text) for candidate in read]
        units = [(place, at) for place, each in enumerate(spans) for at in range(len(each))]
        scores = self._scores(question, read, spans, units)
        best = [units[i] for i in np.argsort(-scores, kind="stable").tolist()]
        tray = _Tray(read, spans, budget_tokens, count, self.max_passages)
        for place, at in best:
            for neighbour in sorted(range(at - self.around, at + self.around + 1), key=lambda each: abs(each - at)):
                if 0 <= neighbour < len(spans[place]) and not tray.take((place, neighbour)) and neighbour == at:
                    break
        numbers = {"sentences": tray.taken, "of": len(units), "passages": len(tray.excerpts), "tokens_left": tray.left}
        return packed(tray.excerpts, candidates, self.order, numbers)

    def _scores(
        self, question: str, read: Sequence[Candidate], spans: Sequence[Sequence[tuple[int, int]]], units: list[Unit]
    ) -> NDArray[np.float64]:
        """float64 (len(units),)."""
        texts = [read[place].passage.text[slice(*spans[place][at])] for place, at in units]
        terms = question_terms(question, texts, self.language)
        of_passage = np.array([place for place, _ in units], np.int64)
        titles = question_terms(question, [each.passage.title for each in read], self.language).counts > 0
        says = np.maximum(terms.saturated(), _TITLE * titles[of_passage])
        prior = relevances(question, read, links=self.links)[of_passage] if units else np.zeros(0)
        leads = np.array([self.prior + self.lead * (at == 0) for _, at in units], np.float64)
        scores: NDArray[np.float64] = says @ terms.weights + leads * prior
        return scores


class _Tray:
    """What has been taken so far, and what it costs."""

    def __init__(
        self,
        read: Sequence[Candidate],
        spans: Sequence[Sequence[tuple[int, int]]],
        budget_tokens: int,
        count: TokenCounter,
        max_passages: int | None,
    ) -> None:
        self.read, self.spans, self.count, self.max_passages = read, spans, count, max_passages
        self.left, self.taken = budget_tokens, 0
        self.excerpts: dict[int, Excerpt] = {}
        self._of: dict[int, set[int]] = {}
        self._shown: set[tuple[str, int, int]] = set()

    def take(self, unit: Unit) -> bool:
        """Whether the sentence is in the tray; it is put there if it fits."""
        place, at = unit
        held = self._of.get(place, set())
        if at in held:
            return True
        passage = self.read[place].passage
        start, end = self.spans[place][at]
        span = (passage.doc_id, passage.start + start, passage.start + end)
        if span in self._shown:  # passages that overlap
            return True
        if self.left <= 0 or (not held and len(self._of) == self.max_passages):
            return False
        excerpt = excerpt_of(self.read[place], [self.spans[place][each] for each in sorted({*held, at})], self.count)
        more = excerpt.tokens - (self.excerpts[place].tokens if held else 0)
        if more > self.left:
            return False
        self._of[place] = held | {at}
        self._shown.add(span)
        self.excerpts[place] = excerpt
        self.left -= more
        self.taken += 1
        return True


def leading(candidate: Candidate, room: int, count: TokenCounter) -> Excerpt | None:
    """As many of a passage's first sentences as fit; None where not even the first does."""
    fits = None
    spans = sentence_spans(candidate.passage.text)
    for n in range(1, len(spans) + 1):
        excerpt = excerpt_of(candidate, spans[:n], count)
        if excerpt.tokens > room:
            break
        fits = excerpt
    return fits
