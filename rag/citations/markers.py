"""References in an answer, in the forms in which models write them.

    [1]  [1, 2]  [1-3]  [^1]  [passage 2]  [1: "its words"]  [1: "one"; 2: "two"]  【1†L3-L9】  ¹  "its words" [1]

Where they stand in code they are none. Links behind them are not theirs to give, and go with them.

They are taken out of the text, which leaves what is claimed, and are kept beside it: where each stood, which number it
names, and the words that it quotes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .brackets import OPENERS, Brackets, Item

__all__ = ["SUPERSCRIPTS", "Mark", "Parsed", "parse_markers", "unreferring"]

SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
# Code is no place for references: argv[1] is an argument.
_START = re.compile(rf"(?P<code>```.*?```|`[^`\n]*`)|[{OPENERS}]|[{SUPERSCRIPTS}]++", re.DOTALL)
_SUPERSCRIPT = str.maketrans(SUPERSCRIPTS, "0123456789")
_LONGEST_NUMBER = 9
_PLAIN = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹[]【】［］", "0123456789()()()")
_ROUND = str.maketrans("[]【】［］", "()()()")
_QUOTED_BY = {'"': '"', "”": "“", "»": "«"}
_MAX_QUOTED = 2000


@dataclass(frozen=True, slots=True)
class Mark:
    """One reference to one excerpt.

    Attributes:
        at: where it stood, in characters of the text without references.
        low, high: the numbers it names, both included; mostly the same.
        quote: the words that it says stand there; empty for none.
        beside: the quoted words belong to the text: they are shown, and may be quoted for another reason.
        glued: no space stood before it.
        known: (start, end) of what it cites, in characters of the document, where the generator says so.
    """

    at: int
    low: int
    high: int
    quote: str = ""
    beside: bool = False
    glued: bool = False
    known: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """An answer without its references, and these, in their order."""

    text: str
    marks: tuple[Mark, ...]


def parse_markers(text: str, n: int) -> Parsed:
    """The references of an answer over excerpts 1 to n.

    Superscripts count as references only up to n, since they are exponents as well: ² after a letter or a bracket that
    names no excerpt stays where it is; "¹²" is 12 where there are so many excerpts, else 1 and 2.

    Cost: linear.

    Example:
        >>> parsed = parse_markers('It is yearly [1: "every year"]. Or not [2, 3].', 3)
        >>> parsed.text, [(mark.at, mark.low, mark.quote) for mark in parsed.marks]
        ('It is yearly. Or not.', [(12, 1, 'every year'), (20, 2, ''), (20, 3, '')])
    """
    kept: list[str] = []
    marks: list[Mark] = []
    length = place = 0
    for start, end, items in _found(text, n):
        before = text[place:start]
        claim = before.rstrip(" \t\u00a0")
        kept.append(claim)
        length += len(claim)
        glued = len(claim) == len(before)
        beside = _quoted_before(text, start) if not any(quote for _, _, quote in items) else ""
        marks += [Mark(length, low, high, quote or beside, bool(beside), glued) for low, high, quote in items]
        place = end
    kept.append(text[place:])
    bare = "".join(kept)
    if next(_found(bare, n), None):  # what stood around a reference makes one of its own
        bare = bare.translate(_PLAIN)
    return Parsed(bare, tuple(marks))


def unreferring(text: str) -> str:
    """Words of a source, in which nothing is a reference of ours: what reads as one gets round brackets.

    Example:
        >>> unreferring("Dogs bark [3], `argv[1]` does not.")
        'Dogs bark (3), `argv[1]` does not.'
    """
    pieces, place = list[str](), 0
    for start, end, _ in _found(text, 0):
        pieces += [text[place:start], text[start:end].translate(_ROUND)]
        place = end
    return "".join([*pieces, text[place:]])


def _found(text: str, n: int) -> Iterator[tuple[int, int, Sequence[Item]]]:
    """(start, end, items) of each group of references."""
    brackets = Brackets(text)
    place = 0
    while found := _START.search(text, place):
        items: Sequence[Item] = ()
        place = found.end()
        if found[0] in OPENERS:
            bracket = brackets.at(place)
            items, place = bracket.items, bracket.end
        elif found["code"] is None:
            items = _superscript(found[0], n)
        if items:
            yield found.start(), place, items


def _superscript(digits: str, n: int) -> list[Item]:
    if len(digits) > _LONGEST_NUMBER:
        return []
    number = int(digits.translate(_SUPERSCRIPT))
    if 1 <= number <= n:
        return [(number, number, "")]
    each = [int(digit) for digit in digits.translate(_SUPERSCRIPT)]
    return [(digit, digit, "") for digit in each] if all(1 <= digit <= n for digit in each) else []


def _quoted_before(text: str, end: int) -> str:
    """Words in quotation marks right before a reference: "its words" [1]."""
    before = text[max(0, end - _MAX_QUOTED - 10) : end].rstrip()
    before = before[:-1] if before.endswith((".", ",", ";")) else before
    opener = _QUOTED_BY.get(before[-1:])
    if opener is None:
        return ""
    inside = before[:-1]
    start = max(inside.rfind(opener), inside.rfind(before[-1]))
    return inside[start + 1 :].strip() if start >= 0 and inside[start] == opener else ""
