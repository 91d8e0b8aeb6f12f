"""What a question asks for: its terms, and by its first words the kind of answer that it wants.

Rules for English. A question of no kind that is known here wants nothing in particular, and nothing is gained or lost.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Literal, get_args

from spaniel.retrieval.policies.features.words import content_words

__all__ = ["KINDS", "Kind", "asks", "kind_of", "said_words", "spans_of_kind"]

Kind = Literal["", "person", "place", "time", "number", "money", "name", "reason"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_MONTH = (
    "(?:January|February|March|April|May|June|July|August|September|October|November|December|"
    r"(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.)"
)
_NUMBER_WORD = (
    "(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    "eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|"
    "dozens?|half|twice|third|quarter)"
)
_WORDS = re.compile(r"\w+")
_PHRASE = 4  # words; what is shorter than that is a phrase that an answer may hold
_YEAR = r"(?:1\d{3}|20\d{2})(?:s|\b)"


def _nouns(words: str) -> str:
    """Pattern of "what" or "which" with one of these nouns."""
    return rf"\b(?:what|which) (?:{'|'.join(words.split())})\b"


_PERSONS = "person man woman king queen president author scientist actor emperor philosopher leader pope player singer"
_PLACES = "city country state town region place location continent county province river area district"
_NAMES = (
    "company organisation organization university school team group party agency band book film movie album song show "
    "network language religion channel"
)
_AMOUNTS = "number percent percentage proportion fraction amount population"
_EXTENTS = "many|much|old|long|far|tall|high|large|big|deep|wide|heavy|fast|often|few"
_MEASURES = "population|number|length|height|area|percentage|rate|temperature"

# The first that fits decides.
_ASKED: Mapping[Kind, str] = {
    "money": r"\bhow much (?:money|(?:did|does|do)\b.*\bcost|(?:is|was)\b.*\bworth)"
    r"|\bwhat (?:is|was) the (?:price|cost|budget)\b",
    "time": rf"\bwhen\b|\bhow long ago\b|{_nouns('year date day month century decade time era season')}",
    "number": rf"\bhow (?:{_EXTENTS})\b"
    rf"|{_nouns(_AMOUNTS)}|\bwhat (?:is|was) the (?:{_MEASURES})\b",
    "place": rf"\bwhere\b|{_nouns(_PLACES)}",
    "person": rf"\bwho(?:m|se)?\b|{_nouns(_PERSONS)}",
    "name": rf"{_nouns(_NAMES)}|\bwhat (?:is|was|were) the names?\b|\bwhat (?:is|was) .{{1,60}} called\b",
    "reason": r"\bwhy\b|\bfor what reason\b|\bwhat caused\b",
}
_ASKS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _ASKED.items()}

_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_ORDINAL = r"(?:\d{1,2}(?:st|nd|rd|th)|[a-z]+(?:th|first|second|third))"
_NAME = r"[A-Z][\w’'.-]*\w(?:\s+(?:(?:of|the|de|la|von|van|and|for|del|di|du|al)\s+){0,2}[A-Z0-9][\w’'-]*)*"
_NAMED = re.compile(_NAME)
_SHOWN: Mapping[Kind, re.Pattern[str]] = {
    "time": re.compile(
        rf"\b(?:{_DAY}\s+(?:of\s+)?)?{_MONTH}(?:\s+{_DAY})?(?:,?\s+\d{{3,4}})?\b"
        rf"|\b(?:(?:early|late|mid)[- ])?{_YEAR}|\b\d{{1,4}}\s*(?:BCE?|AD|CE)\b|\b{_ORDINAL}\s+centur(?:y|ies)\b"
        r"|\b(?:spring|summer|autumn|winter|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b"
    ),
    "number": re.compile(
        rf"\b\d[\d,]*(?:\.\d+)?\s?(?:%|percent\b)?|\b{_NUMBER_WORD}(?:[- ]{_NUMBER_WORD})*\b"
        r"|\b(?:once|daily|weekly|monthly)\b"
    ),
    "money": re.compile(
        r"(?:US)?[$£€¥]\s?\d[\d,.]*(?:\s(?:thousand|million|billion|trillion))?"
        r"|\b\d[\d,.]*\s(?:dollars|pounds|euros|marks|francs)\b"
    ),
    "person": _NAMED,
    "place": _NAMED,
    "name": _NAMED,
    "reason": re.compile(r"\b(?:because|due to|since|so that|in order to|as a result|caused by|to avoid|owing to)\b"),
}

_ASKING = re.compile(rf"\bhow (?:{_EXTENTS})\b|\b(?:what|which) (?:kind|type|sort)s? of\b", re.IGNORECASE)


def said_words(question: str) -> str:
    """The words of a question that a sentence with its answer may repeat; all of it where none is left.

    "what", "did", "how often" and the like are rare in what is written and say nothing of what is asked about.

    Example:
        >>> said_words("How often do I rotate a key?")
        'rotate key'
    """
    return " ".join(content_words(_ASKING.sub(" ", question))) or question


def kind_of(question: str) -> Kind:
    """The kind of answer that the question wants, "" where its words do not tell.

    Example:
        >>> kind_of("When did the crisis begin?"), kind_of("How many members are there?"), kind_of("rotate a key")
        ('time', 'number', '')
    """
    return next((kind for kind, pattern in _ASKS.items() if pattern.search(question)), "")


def spans_of_kind(text: str, kind: Kind) -> Iterator[tuple[int, int]]:
    """(start, end) of what looks like an answer of this kind, ascending, in characters; none for kind "".

    A capital letter alone makes a name, so the first word of a sentence may pose as one.

    Example:
        >>> text = "The embargo began in October 1973."
        >>> [text[start:end] for start, end in spans_of_kind(text, "time")]
        ['October 1973']
    """
    if kind in _SHOWN:
        for match in _SHOWN[kind].finditer(text):
            yield match.span()


def asks(question: str, text: str) -> bool:
    """Whether a text holds the question itself, word for word, of four words or more: it asks it and does not answer.

    Example:
        >>> asks("which errors can a caller meet?", 'kb.search("which errors can a caller meet?", k=3)')
        True
        >>> asks("which keys?", "Which keys are rotated?")
        False
    """
    words = _WORDS.findall(question.lower())
    return len(words) >= _PHRASE and f" {' '.join(words)} " in f" {' '.join(_WORDS.findall(text.lower()))} "
