"""The sentences that an answer may be made of: each lies within one span of one excerpt."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from spaniel.index.analysis import Analyzer
from spaniel.index.chunking.sentences import sentence_spans
from spaniel.retrieval.prompt import Excerpt, Prompt

__all__ = ["MAX_SENTENCES", "Sentence", "sentences_of"]

MAX_SENTENCES = 4096
"""Of one prompt; those of later excerpts are not looked at."""

# References of the source, "[3]" or "[1, 2]": they would read as citations of ours.
_MARKS = r"(?:\s?\[[\d,;\s–-]{1,40}\])+"
_MARKS_BETWEEN = re.compile(rf"(?<=[.!?…\"”’')]){_MARKS}(?:\s+|\Z)|{_MARKS}\Z|\A{_MARKS}\s*")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an excerpt.

    Attributes:
        excerpt: its place in the prompt, from 0.
        start, end: in characters of the excerpt's document.
        text: the document's own text there, which stands in the excerpt's text as well.
        terms: as the analyser gives them, in order.
    """

    excerpt: int
    start: int
    end: int
    text: str
    terms: tuple[str, ...]


def sentences_of(prompt: Prompt, analyzer: Analyzer) -> list[Sentence]:
    """The prompt's sentences, in the order in which they are shown, at most `MAX_SENTENCES`.

    Sentences without a term (a line of dashes) are left out, and so are references of the source at either end of a
    sentence: "[3]" there does not mean excerpt 3.

    Cost: linear in the characters; about 30 MB/s.
    """
    found: list[Sentence] = []
    for place, excerpt in enumerate(prompt.excerpts):
        for offset, text in _spans(excerpt):
            for start, end in _sentences(text):
                if terms := tuple(analyzer.tokens(text[start:end])):
                    found.append(Sentence(place, offset + start, offset + end, text[start:end], terms))
                if len(found) == MAX_SENTENCES:
                    return found
    return found


def _spans(excerpt: Excerpt) -> Iterator[tuple[int, str]]:
    """(offset in the document, text) of each span."""
    passage = excerpt.passage
    for start, end in excerpt.spans:
        text = passage.text[start - passage.start : end - passage.start]
        # An excerpt that was made otherwise than its class says shows something else; nothing of it is quoted.
        if text and text in excerpt.text:
            yield start, text


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of the sentences, parted where a source's references stand after a stop, without those."""
    for first, last in sentence_spans(text):
        start = first
        for mark in _MARKS_BETWEEN.finditer(text[first:last]):
            yield start, first + mark.start()
            start = first + mark.end()
        yield start, last
