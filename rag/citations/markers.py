"""References in an answer, in the forms in which models write them.

    [1]  [1, 2]  [1-3]  [^1]  [passage 2]  [1: "its words"]  [1: "one"; 2: "two"]  【1†L3-L9】  ¹  "its words" [1]

Where they stand in code they are none, nor where they count, index or compute (`own_words.py`). Links behind them are
not theirs to give, and go with them.

They are taken out of the text, which leaves what is claimed, and are kept beside it: where each stood, which number it
names, and the words that it quotes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .brackets import MALFORMED, OPENERS, Brackets, Item, begun
from .own_words import GLUED, GOES_ON, is_index, is_power

__all__ = ["SUPERSCRIPTS", "Mark", "Parsed", "parse_markers", "unreferring"]

SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
# Code is no place for references: argv[1] is an argument.
_START = re.compile(rf"(?P<code>```.*?```|`[^`\n]*`)|\\?\[|[{OPENERS}]|[{SUPERSCRIPTS}]++", re.DOTALL)
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
        low, high: the numbers it names, both included; mostly the same. -1 where it cannot be read (`MALFORMED`).
        quote: the words that it says stand there; empty for none.
        beside: the quoted words belong to the text: they are shown, and may be quoted for another reason.
        glued: no space stood before it.
        known: (start, end) of what it cites, in characters of the document, where the generator says so.
        written: all of what stood there, the space before it included; empty where it holds a quotation.
        place: where that began in the text as it was written: the same for all that stand in one bracket.
        inside: it stands right behind a word, in the middle of a sentence, so that it may be an index.
    """

    at: int
    low: int
    high: int
    quote: str = ""
    beside: bool = False
    glued: bool = False
    known: tuple[int, int] | None = None
    written: str = ""
    place: int = 0
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """An answer without its references, and these, in their order; `follows`: the last one stood at its end."""

    text: str
    marks: tuple[Mark, ...]
    follows: bool = False


def parse_markers(text: str, n: int, *, start: int = 0, follows: bool = False, cut: bool = False) -> Parsed:
    """The references of an answer over excerpts 1 to n.

    Superscripts count as references only up to n, since they are exponents as well: what names no excerpt stays where
    it is, and so does ² behind one letter, a number or a unit; "¹²" is 12 where there are so many excerpts, else 1 and
    2.

    Args:
        start: what stands before is context, and not part of what is parsed.
        follows: a reference ended there.
        cut: the text was cut off: a reference that has begun at its end, outside of code, is one that cannot be read.

    Cost: linear.

    Example:
        >>> parsed = parse_markers('It is yearly [1: "every year"]. Or not [2, 3].', 3)
        >>> parsed.text, [(mark.at, mark.low, mark.quote) for mark in parsed.marks]
        ('It is yearly. Or not.', [(12, 1, 'every year'), (20, 2, ''), (20, 3, '')])
    """
    kept = [text[:start]]
    marks: list[Mark] = []
    length = place = start
    for begin, end, items in _found(text, n, start, follows=follows, cut=cut):
        before = text[place:begin]
        claim = before.rstrip(" \t\u00a0")
        kept.append(claim)
        length += len(claim)
        glued = len(claim) == len(before)
        quotes = any(quote for _, _, quote in items)
        beside = "" if quotes else _quoted_before(text, begin)
        written = "" if quotes or beside else text[place + len(claim) : end]
        inside = bool(glued and text[begin] != "【" and GLUED.search(claim[-1:]) and GOES_ON.match(text, end))
        marks += [
            Mark(length - start, low, high, quote or beside, bool(beside), glued, None, written, begin, inside)
            for low, high, quote in items
        ]
        place = end
    kept.append(text[place:])
    bare = "".join(kept)
    while True:  # what stood around a reference may make one of its own
        changed = _changed(bare, n, _PLAIN, start)
        if changed == bare:
            return Parsed(bare[start:], tuple(marks), place == len(text) > start and bool(marks))
        bare = changed


def unreferring(text: str) -> str:
    """Words of a source, in which nothing is a reference of ours: what reads as one gets round brackets.

    Example:
        >>> unreferring("Dogs bark [3], `argv[1]` does not.")
        'Dogs bark (3), `argv[1]` does not.'
    """
    return _changed(text, 0, _ROUND)


def _changed(text: str, n: int, letters: dict[int, int], start: int = 0) -> str:
    """The text with letters of its references changed for others."""
    pieces, place = list[str](), 0
    for begin, end, _ in _found(text, n, start):
        pieces += [text[place:begin], text[begin:end].translate(letters)]
        place = end
    return "".join([*pieces, text[place:]])


def _found(
    text: str, n: int, place: int = 0, *, follows: bool = False, cut: bool = False
) -> Iterator[tuple[int, int, Sequence[Item]]]:
    """(start, end, items) of each group of references from a place on."""
    brackets = Brackets(text)
    told = place if follows else -1
    while found := _START.search(text, place):
        items: Sequence[Item] = ()
        start, place = found.span()
        if found[0][-1] in OPENERS:
            bracket = brackets.at(place)
            if cut and bracket.open and not bracket.items and _is_cut(text, start, place, n, follows=start == told):
                yield start, len(text), (MALFORMED,)
                return
            items, place = bracket.items, bracket.end
            own = bool(items) and _is_own(text, start, place, items, n, follows=start == told)
        else:
            items = [] if found["code"] else _superscript(found[0], n)
            own = bool(items) and is_power(text, start)
        if items and not own:
            yield start, place, items
            told = place


def _is_own(text: str, start: int, end: int, items: Sequence[Item], n: int, *, follows: bool) -> bool:
    """Whether what has the form of references is none."""
    if text[start] == "【" or any(quote for _, _, quote in items):
        return False
    numbers = [(low, high) for low, high, _ in items]
    return is_index(text, start, numbers, n, linked=text[end - 1] == ")", follows=follows)


def _is_cut(text: str, start: int, inside: int, n: int, *, follows: bool) -> bool:
    """Whether a reference has begun in an open bracket, which is neither an index nor in code that is open as well."""
    number = begun(text, inside)
    if number is None or is_index(text, start, [(number, number)], n, linked=False, follows=follows):
        return False
    line = text.rfind("\n", 0, start) + 1
    return text.count("```", 0, start) % 2 == 0 and text.count("`", line, start) % 2 == 0


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
