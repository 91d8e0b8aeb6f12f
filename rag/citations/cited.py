"""Turns what a model wrote into an answer whose every reference is a verified span of a stored document.

Each reference is traced to the sentence that it stands by and to the excerpt of its number. The words that it quotes
are looked for in the stored document, read again for this; without a quotation, the sentence of the excerpt that holds
most of the claim's words is taken. A generator that knows its spans hands them over (`Piece.quoted`); they are read
again all the same. What is cited is then cut out of the stored text, so a citation that is shown is
verbatim by construction, whatever the model wrote. References for which nothing is found are taken out of the answer
and counted.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.prompt import Excerpt, Piece, Prompt
from spaniel.retrieval.types import Citation

from .finding import QuoteFinder
from .markers import Mark
from .own_words import GLUED, SourcesWords
from .parts import Claims, claims_of
from .sources import Source, SourceReader, Stored
from .support import MIN_SUPPORT, best_support, content_terms

__all__ = ["DROPPED", "Cited", "CitedSentence", "cited"]

DROPPED: Mapping[str, str] = {
    "no_such_excerpt": "its number is none of an excerpt that was shown",
    "no_source": "the document is not stored any more",
    "not_verbatim": "the words it quotes do not stand in the document",
    "not_supported": "it quotes nothing, and no sentence of the excerpt holds enough of the claim",
    "no_claim": "it stands by no words",
    "malformed": "it cannot be read, or the answer was cut off inside it",
}
"""Why references are dropped: name -> what it means."""

_COPIED_TERMS = 3
_BEFORE = 400
Span = tuple[int, int]
Cites = tuple[tuple[Span, str], ...]


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """A sentence of the answer: (start, end) in its text, and the places of its citations in `Cited.citations`."""

    span: Span
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer with its references checked.

    Attributes:
        text: the answer; "[n]" stands where a citation of excerpt n holds. Other numbers in brackets are the answer's
            own words: in code, in indexes (data[0]), intervals and links, and where the source has the same. Brackets
            of no form in `brackets.py` stay as they are too ([12:30], [see the note of 1]).
        citations: in the order of the text, each sentence's own; all of them verified.
        dropped: reason (see `DROPPED`) -> how many references it took.
        sentences: all of them, those without citations too.
    """

    text: str
    citations: tuple[Citation, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    sentences: tuple[CitedSentence, ...] = ()


@dataclass(frozen=True, slots=True)
class _Held:
    """A reference that holds: where "[n]" goes in the bare text, the sentence it is of, and what it cites."""

    at: int
    number: int
    glued: bool
    sentence: int
    passage_id: str
    doc_id: str
    cites: Cites


def cited(text: str | Sequence[Piece], prompt: Prompt, documents: Stored, *, min_support: float = MIN_SUPPORT) -> Cited:
    """The answer with its citations verified.

    Args:
        text: what the model wrote, whole or in its pieces; for the forms of references see `markers.py`. Of pieces
            that say what they quote nothing is parsed. If the last ends with "length", a reference that has begun at
            its end is dropped.
        prompt: what it was shown; reference n is of `prompt.excerpts[n - 1]`.
        documents: what quotations are checked against: an index, a store of passages, or texts by document id.
        min_support: share of a sentence's content words that a sentence of the excerpt must hold where nothing is
            quoted.

    Raises:
        InvalidInput: `min_support` outside 0 to 1, `documents` that hold none.

    Cost: linear in the answer, the excerpts cited and the documents quoted from.

    Example:
        >>> from spaniel.retrieval.types import Passage
        >>> stored = "Rotate keys every year. Keep them safe."
        >>> prompt = Prompt("how often?", (Excerpt.whole(Passage("p", "d", 0, 39, stored)),))
        >>> found = cited('Each year [1: "every  year"], they say [7].', prompt, {"d": stored})
        >>> found.text, [(each.text, each.source_span) for each in found.citations], dict(found.dropped)
        ('Each year [1], they say.', [('every year', (12, 22))], {'no_such_excerpt': 1})
    """
    if not 0 <= min_support <= 1:
        raise InvalidInput("min_support", f"is {min_support}; it must be between 0 and 1")
    claims = claims_of([Piece(text)] if isinstance(text, str) else text, len(prompt.excerpts))
    checker = _Checker(claims, prompt, SourceReader(documents), min_support)
    held: list[_Held] = []
    own: dict[tuple[int, int], str] = {}
    for (at, place), marks in groupby(claims.marks, key=lambda mark: (mark.at, mark.place)):
        some, words = checker.group(list(marks))
        held += some
        own |= {(at, place): words} if words else {}
    return _assembled(claims.text, claims.sentences, held, own, checker.dropped)


class _Checker:
    """Holds the references of one answer against the sources."""

    def __init__(self, claims: Claims, prompt: Prompt, sources: SourceReader, min_support: float) -> None:
        self.sentences = claims.sentences
        self.dropped: Counter[str] = Counter()
        self._text, self._prompt, self._sources, self._min_support = claims.text, prompt, sources, min_support
        self._starts = [start for start, _ in self.sentences]
        self._finder = QuoteFinder()
        self._stretches: dict[tuple[int, int, Source], Source] = {}
        self._known: dict[tuple[int, int, str, Span | None], Cites | str] = {}
        self._words = SourcesWords(prompt)
        # A model that writes its references right behind words does so at the end of sentences as well.
        self._glues = any(
            self._behind_word(mark) and not mark.inside and not self._copied(mark) for mark in claims.marks
        )

    def group(self, marks: list[Mark]) -> tuple[list[_Held], str]:
        """What holds of the references of one bracket; if nothing does, what of the answer's own words they are."""
        first = marks[0]
        copied = self._copied(first)
        if copied and self._behind_word(first):
            return [], first.written
        before = self.dropped.copy()
        held = [each for mark in marks for each in self._held(mark)]
        if held or not (copied or (first.inside and first.written and not self._glues)):
            return held, ""
        self.dropped = before
        return [], first.written

    def _copied(self, mark: Mark) -> bool:
        return bool(mark.written) and self._words.hold(self._text[max(0, mark.at - _BEFORE) : mark.at], mark.written)

    def _behind_word(self, mark: Mark) -> bool:
        return mark.glued and GLUED.search(self._text[max(0, mark.at - 1) : mark.at]) is not None

    def _held(self, mark: Mark) -> list[_Held]:
        """What holds of a reference: one for each number it names."""
        n = len(self._prompt.excerpts)
        if mark.low < 0:
            self.dropped["malformed"] += 1
            return []
        if not 1 <= mark.low <= mark.high <= n:
            self.dropped["no_such_excerpt"] += 1
        each = [self._of_number(mark, number) for number in range(max(1, mark.low), min(mark.high, n) + 1)]
        return [held for held in each if held is not None]

    def _of_number(self, mark: Mark, number: int) -> _Held | None:
        excerpt = self._prompt.excerpts[number - 1]
        sentence = self._sentence_of(mark)
        if sentence is None:
            self.dropped["no_claim"] += 1
            return None
        asked = number, sentence, mark.quote, mark.known
        if asked not in self._known:
            self._known[asked] = self._spans(mark, excerpt, sentence)
        found = self._known[asked]
        if isinstance(found, str):
            self.dropped[found] += 1
            return None
        return _Held(mark.at, number, mark.glued, sentence, excerpt.passage.id, excerpt.passage.doc_id, found)

    def _spans(self, mark: Mark, excerpt: Excerpt, sentence: int) -> Cites | str:
        """The spans cited, with their texts, or why there are none."""
        source = self._sources.near(excerpt.passage)
        if source is None:
            return "no_source"
        spans = _handed_over(mark, excerpt, source)
        if not spans and content_terms(mark.quote):  # "the" is no quotation of anything
            spans, source = self._quoted(mark.quote, excerpt, source)
            if not spans and not mark.beside:
                return "not_verbatim"
        if mark.known is not None and not spans:
            return "not_verbatim"
        start, end = self.sentences[sentence]
        claim = self._text[start:end]
        if (
            not spans and len(content_terms(claim)) >= _COPIED_TERMS
        ):  # a copy of the source's words is its own quotation
            spans = self._finder.find(claim, self._shown(excerpt, source), excerpt.spans[0][0])
        if not spans:
            support = best_support(claim, self._prompt.question, excerpt, source)
            if support is None or support.share < self._min_support:
                return "not_supported"
            spans = [support.span]
        return tuple((span, source.text[span[0] - source.start : span[1] - source.start]) for span in spans)

    def _quoted(self, quote: str, excerpt: Excerpt, source: Source) -> tuple[list[Span], Source]:
        """Where the words stand, in the passage from the excerpt on or else in the document, and in which source."""
        start = excerpt.spans[0][0]
        if (alone := self._sources.alone(excerpt.passage)) is not None:
            spans = self._finder.find(quote, self._stretch(alone, start, alone.start + len(alone.text)), start)
            if spans:
                return spans, alone
        whole = self._sources.read(excerpt.passage) or source
        return self._finder.find(quote, whole, start), whole

    def _shown(self, excerpt: Excerpt, source: Source) -> Source:
        """The stretch of the source that the excerpt was taken from."""
        return self._stretch(source, excerpt.spans[0][0], excerpt.spans[-1][1])

    def _stretch(self, source: Source, start: int, end: int) -> Source:
        """A part of the source; places are of the document."""
        if start <= source.start and end >= source.start + len(source.text):
            return source
        if (start, end, source) not in self._stretches:
            text = source.text[max(0, start - source.start) : max(0, end - source.start)]
            self._stretches[start, end, source] = Source(text, max(start, source.start))
        return self._stretches[start, end, source]

    def _sentence_of(self, mark: Mark) -> int | None:
        """The sentence in which a reference stands, or that ends before it; the next for one that leads its line."""
        place = bisect_left(self._starts, mark.at) - 1
        if place + 1 == len(self.sentences):
            return place if self.sentences else None
        behind = self._text[self.sentences[place][1] : mark.at] if place >= 0 else "\n"
        leads = "\n" in behind and "\n" not in self._text[mark.at : self._starts[place + 1]]
        return place + 1 if leads or place < 0 else place


def _handed_over(mark: Mark, excerpt: Excerpt, source: Source) -> list[Span]:
    """The span that the generator says it took, if it was shown it and it still stands in the source; else none."""
    if mark.known is None:
        return []
    start, end = mark.known
    passage = excerpt.passage
    shown = passage.text[max(0, start - passage.start) : max(0, end - passage.start)]
    stored = source.text[max(0, start - source.start) : max(0, end - source.start)]
    held = any(low <= start < end <= high for low, high in excerpt.spans)
    return [(start, end)] if held and shown.strip() and shown == stored else []


def _assembled(
    text: str,
    sentences: list[Span],
    held: list[_Held],
    own_words: Mapping[tuple[int, int], str],
    dropped: Mapping[str, int],
) -> Cited:
    """The text with "[n]" put in for what holds, its own words back in their places, and spans over it."""
    once: dict[tuple[int, int, int], str] = {}
    for each in held:
        once.setdefault((each.at, 0, each.number), f"{'' if each.glued else ' '}[{each.number}]")
    once |= {(at, 1, place): written for (at, place), written in own_words.items()}
    moved = _Moved(sorted(((at, piece) for (at, _, _), piece in once.items()), key=lambda each: each[0]))
    spans = [(moved.start(start), moved.end(end)) for start, end in sentences]
    citations: dict[Citation, int] = {}
    own: list[set[int]] = [set() for _ in sentences]
    for each in held:
        for span, words in each.cites:
            citation = Citation(spans[each.sentence], each.passage_id, span, words, True, each.doc_id)
            own[each.sentence].add(citations.setdefault(citation, len(citations)))
    lines = tuple(CitedSentence(span, tuple(sorted(places))) for span, places in zip(spans, own, strict=True))
    return Cited(moved.text(text), tuple(citations), dict(dropped), lines)


class _Moved:
    """A text with pieces put in: where its places go. Insertions ascend."""

    def __init__(self, insertions: list[tuple[int, str]]) -> None:
        self._insertions = insertions
        self._places = [at for at, _ in insertions]
        self._added = list(accumulate((len(piece) for _, piece in insertions), initial=0))

    def text(self, bare: str) -> str:
        """The text with the pieces."""
        pieces, place = [], 0
        for at, piece in self._insertions:
            pieces += [bare[place:at], piece]
            place = at
        return "".join([*pieces, bare[place:]])

    def start(self, place: int) -> int:
        """Where something that begins at `place` begins now: behind what is put in there."""
        return place + self._added[bisect_right(self._places, place)]

    def end(self, place: int) -> int:
        """Where something that ends at `place` ends now: before what is put in there."""
        return place + self._added[bisect_left(self._places, place)]
