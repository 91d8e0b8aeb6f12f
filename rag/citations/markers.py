"""References in an answer, in the forms in which models write them.

    [1]  [1, 2]  [1-3]  [^1]  [passage 2]  [1: "its words"]  [1: "one"; 2: "two"]  【1†L3-L9】  ¹  "its words" [1]

Where they stand in code they are none. Links behind them are not theirs to give, and go with them.

They are taken out of the text, which leaves what is claimed, and are kept beside it: where each stood, which number it
names, and the words that it quotes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Mark", "Parsed", "parse_markers", "unreferring"]

_OPEN, _CLOSE = "\"“”«»„‟'‘’「『", "\"“”«»‟'‘’」』"
_QUOTE = rf"[{_OPEN}](?P<quote>.{{1,2000}}?)[{_CLOSE}](?=\s*\.?\s*(?:\]|】|[;,&]\s*\d|and\s+\d))"
_ITEM = re.compile(
    r"\s*(?:(?:passages?|sources?|documents?|docs?|excerpts?|refs?|references?)\s*)?[\^#]?(?P<low>\d{1,9})"
    r"(?:\s*[-–—]\s*(?P<high>\d{1,9}))?(?:†[^\[\]【】]{0,40})?"
    rf"(?:\s*[:,]?\s*{_QUOTE}\s*\.?)?\s*",
    re.IGNORECASE | re.DOTALL,
)
_BETWEEN = re.compile(r"[,;&]|and\b", re.IGNORECASE)
# Code is no place for references: argv[1] is an argument.
_START = re.compile(r"(?P<code>```.*?```|`[^`\n]*`)|[\[【]|[⁰¹²³⁴⁵⁶⁷⁸⁹]+", re.DOTALL)
_LINK = re.compile(r"\((?:https?:|#)[^()\s]{0,500}\)")
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_PLAIN = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹[]【】", "0123456789()()")
_ROUND = str.maketrans("[]【】", "()()")
# Words in quotation marks right before a reference: "its words" [1]
_QUOTED_BEFORE = re.compile(r"(?:\"([^\"]{1,2000})\"|“([^“”]{1,2000})”|«([^«»]{1,2000})»)[.,;]?\s*\Z", re.DOTALL)
_QUOTED_WINDOW = 2010
_ITEMS = 64


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

    Cost: linear, with a factor for brackets that open and quote but do not close (2,000 characters each at most).

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


def _found(text: str, n: int) -> Iterator[tuple[int, int, list[tuple[int, int, str]]]]:
    """(start, end, items) of each group of references; an item is (low, high, quote)."""
    place = 0
    while found := _START.search(text, place):
        items: list[tuple[int, int, str]] = []
        end = found.end()
        if found[0] in "[【":
            items, end = _bracketed(text, end)
        elif found["code"] is None:
            items = _superscript(found[0], n)
        if items:
            yield found.start(), end, items
            place = end
        else:
            place = found.end()


def _bracketed(text: str, place: int) -> tuple[list[tuple[int, int, str]], int]:
    """The items of a bracket that opens before `place`, and where it ends; no items in other brackets."""
    items: list[tuple[int, int, str]] = []
    while len(items) < _ITEMS and (item := _ITEM.match(text, place)):
        low = int(item["low"])
        items.append((low, max(low, int(item["high"] or low)), (item["quote"] or "").strip()))
        place = item.end()
        if text[place : place + 1] in ("]", "】"):
            link = _LINK.match(text, place + 1)
            return items, link.end() if link else place + 1
        between = _BETWEEN.match(text, place)
        if not between:
            break
        place = between.end()
    return [], place


def _superscript(digits: str, n: int) -> list[tuple[int, int, str]]:
    number = int(digits.translate(_SUPERSCRIPT))
    if 1 <= number <= n:
        return [(number, number, "")]
    each = [int(digit) for digit in digits.translate(_SUPERSCRIPT)]
    return [(digit, digit, "") for digit in each] if all(1 <= digit <= n for digit in each) else []


def _quoted_before(text: str, end: int) -> str:
    found = _QUOTED_BEFORE.search(text[max(0, end - _QUOTED_WINDOW) : end])
    return next((group for group in found.groups() if group), "").strip() if found else ""
