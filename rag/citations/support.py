"""Which sentence of an excerpt a claim rests on, by its words.

The share of the claim's content words (English analysis: no stop words, Porter stems) that a sentence holds; every
number of the claim has to be among them. It cannot see a negation turned round or words in another sense: it says where
to look, and what is cited stands in the source word by word either way. What that finds and misses is measured in
docs/citations.md.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from spaniel.index.analysis import Analyzer
from spaniel.index.chunking.sentences import sentence_spans
from spaniel.retrieval.prompt import Excerpt

from .sources import Source

__all__ = ["MIN_SUPPORT", "Support", "best_support", "content_terms"]

MIN_SUPPORT = 0.5
_QUESTION_WEIGHT = 0.1
_PAIR_GAIN = 0.2


@dataclass(frozen=True, slots=True)
class Support:
    """A span of a document and the share of a claim's content words in it, 0 to 1."""

    span: tuple[int, int]
    share: float


def content_terms(text: str) -> frozenset[str]:
    """The terms of a text that say something.

    Example:
        >>> sorted(content_terms("The keys of 2024"))
        ['2024', 'kei']
    """
    return frozenset(_analyzer().tokens(text))


def best_support(claim: str, question: str, excerpt: Excerpt, source: Source) -> Support | None:
    """The sentence of the excerpt, read from the source, that holds most of the claim; the first of equals.

    Two sentences in a row count where they hold clearly more than one (`_PAIR_GAIN`). Of sentences that hold as much
    of the claim, the one that holds more of the question comes first.

    Returns:
        None for a claim without content words, or where no sentence has all of its numbers.

    Cost: one analysis of the excerpt.
    """
    wanted, asked = content_terms(claim), content_terms(question)
    numbers = frozenset(term for term in wanted if any(letter.isdigit() for letter in term))
    if not wanted:
        return None
    best: tuple[float, Support] | None = None
    for span, terms, n_sentences in _candidates(excerpt, source):
        if not numbers <= terms:
            continue
        share = len(wanted & terms) / len(wanted)
        value = share + _QUESTION_WEIGHT * len(asked & terms) / max(1, len(asked)) - _PAIR_GAIN * (n_sentences - 1)
        if share > 0 and (best is None or value > best[0]):
            best = value, Support(span, share)
    return best[1] if best else None


def _candidates(excerpt: Excerpt, source: Source) -> list[tuple[tuple[int, int], frozenset[str], int]]:
    """(span in the document, terms, number of sentences): each sentence, then each two that follow on each other."""
    single = []
    pairs = []
    for start, end in excerpt.spans:
        low = max(0, start - source.start)
        text = source.text[low : max(low, end - source.start)]
        base = source.start + low
        here = [((base + s, base + e), content_terms(text[s:e]), 1) for s, e in sentence_spans(text)]
        single += here
        pairs += [((a[0][0], b[0][1]), a[1] | b[1], 2) for a, b in pairwise(here)]
    return single + pairs


@cache
def _analyzer() -> Analyzer:
    return Analyzer("english")
