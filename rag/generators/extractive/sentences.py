"""The sentences that an answer may be made of: each lies within one span of one excerpt."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from spaniel.index.analysis import Analyzer
from spaniel.retrieval.prompt import Excerpt, Prompt, Quoted

from .layout import Form, Part, parts_of, plain, row_text, table_text

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
        shown: the text without marks of Markdown; a row of a table with the names of its columns.
        form: what it is.
        head: (start, end) of the head of its table in the document, of a row that has one.
    """

    excerpt: int
    start: int
    end: int
    text: str
    terms: tuple[str, ...]
    shown: str
    form: Form = "prose"
    head: tuple[int, int] | None = None

    @property
    def quoted(self) -> tuple[Quoted, ...]:
        """Where it stands, its head first."""
        spans = [self.head] if self.head is not None else []
        return tuple(Quoted(self.excerpt + 1, *span) for span in [*spans, (self.start, self.end)])


def sentences_of(prompt: Prompt, analyzer: Analyzer) -> list[Sentence]:
    """The prompt's sentences, in the order in which they are shown, at most `MAX_SENTENCES`.

    Sentences without a term (a line of dashes) are left out, and so are references of the source at either end of a
    sentence: "[3]" there does not mean excerpt 3.

    Cost: linear in the characters; about 30 MB/s.
    """
    found: list[Sentence] = []
    for place, excerpt in enumerate(prompt.excerpts):
        for offset, text in _spans(excerpt):
            for part in _parts(text):
                own, shown = text[part.start : part.end], _shown(text, part)
                if (terms := tuple(analyzer.tokens(_spoken(own, shown, part.form)))) and shown:
                    head = (offset + part.head[0], offset + part.head[1]) if part.head else None
                    found.append(
                        Sentence(place, offset + part.start, offset + part.end, own, terms, shown, part.form, head)
                    )
                if len(found) == MAX_SENTENCES:
                    return found
    return found


def _spoken(own: str, shown: str, form: Form) -> str:
    """The words that count: without the names of columns, which every row would hold, and without code led to."""
    return own.partition("```")[0] if form == "led" else shown if form == "prose" else own


def _shown(text: str, part: Part) -> str:
    own = text[part.start : part.end]
    if part.form == "row":
        return row_text(own, text[slice(*part.head)] if part.head else "")
    if part.form == "table":
        return table_text(own)
    if part.form in ("code", "led"):
        return own
    return plain(own)


def _spans(excerpt: Excerpt) -> Iterator[tuple[int, str]]:
    """(offset in the document, text) of each span."""
    passage = excerpt.passage
    for start, end in excerpt.spans:
        text = passage.text[start - passage.start : end - passage.start]
        # An excerpt that was made otherwise than its class says shows something else; nothing of it is quoted.
        if text and text in excerpt.text:
            yield start, text


def _parts(text: str) -> Iterator[Part]:
    """The parts, those of prose parted where a source's references stand after a stop, without those."""
    for part in parts_of(text):
        if part.form != "prose":
            yield part
            continue
        start, first = part.start, part.start
        for mark in _MARKS_BETWEEN.finditer(text[first : part.end]):
            yield Part(start, first + mark.start())
            start = first + mark.end()
        yield Part(start, part.end)
