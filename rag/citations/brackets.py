"""The grammar of references in brackets, read once from left to right.

    [1]  [1, 2]  [1-3]  [^1]  [passage 2]  [citation:2]  [1: "its words"]  [1: "one"; 2: "two"]  【1†L3-L9】  ［1］
    [1: its words]  [1, p. 3]  [1](https://...)  [see 1]  [p. 1]  \\[1\\]  【4:0†source】

The last names a message and a place in it, which nothing here tells apart: it is a reference that cannot be read.

Whoever reads a text that is still being written has to know as well whether a bracket can become a reference yet.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass

__all__ = ["CLOSERS", "MALFORMED", "OPENERS", "Bracket", "Brackets", "Item", "begun"]

Item = tuple[int, int, str]
"""(low, high, quote): the numbers that are named, both included, and the words quoted; "" for none."""

MALFORMED: Item = (-1, -1, "")
"""Stands for a reference that cannot be read."""

OPENERS, CLOSERS = "【［[", "]】］"
_OPEN, _CLOSE = "\"“”«»„‟'‘’「『", "\"“”«»‟'‘’」』"
# What repeats is possessive (*+): a run of blanks is read once, not once for each way to part it.
_NAME = r"passages?|sources?|documents?|docs?|excerpts?|refs?|references?|citations?"
_INSIDE = r"[^\[\]【】［］]"
# Letters that nobody sees, and control characters, are blanks.
_B = r"[\s\x00-\x1f\u00ad\u200b-\u200f\u2060-\u2064\ufeff]*+"
_LEAD = rf"{_B}(?:(?:see|cf\.?)\s++)?(?:(?:{_NAME}){_B}[:.]?{_B}|pp?(?:\.{_B}|\s++))?[\^#]?"
_HEAD = re.compile(
    rf"{_LEAD}(?P<low>\d{{1,9}})(?:{_B}[-–—]{_B}(?P<high>\d{{1,9}}))?"
    rf"(?:†{_INSIDE}{{0,200}}+|{_B},{_B}pp?\.{_B}\d{{1,5}}(?:[-–]\d{{1,5}})?)?",
    re.IGNORECASE,
)
_BEGUN = re.compile(rf"{_LEAD}(?:(?P<number>\d{{1,9}})|\Z)", re.IGNORECASE)
_FILE = re.compile(rf"{_B}\d{{1,9}}:\d{{1,9}}(?:†{_INSIDE}{{0,200}}+)?】")
_MAY_BE_FILE = re.compile(rf"{_B}\d{{1,9}}(?::(?:\d{{1,9}}(?:†{_INSIDE}{{0,200}}+)?)?)?\Z")
_MAY_BE_HEAD = re.compile(rf"{_B}(?:(?:see|cf\.?)\s++)?(?:[a-z]{{1,10}}+{_B}[:.]?{_B})?[\^#]?\Z", re.IGNORECASE)
_QUOTE = re.compile(rf"\s*+[:,]?\s*+[{_OPEN}]")
_QUOTE_END = re.compile(rf"[{_CLOSE}](?=\s*+\.?\s*+(?:\\?[{CLOSERS}]|[;,&]\s*+\d|and\s+\d))")
_MAX_QUOTE = 2000
# The words quoted, without quotation marks.
_WORDS = re.compile(rf":\s++(?=[^\W\d])(?P<words>(?:(?!\n){_INSIDE}){{1,300}}+)(?=[{CLOSERS}])")
_MAY_BE_WORDS = re.compile(rf":\s*+(?:(?=[^\W\d])(?:(?!\n){_INSIDE}){{0,300}}+)?\Z")
_AFTER_QUOTE = re.compile(r"\s*+\.?\s*+")
_BLANK = re.compile(_B)
_END = re.compile(rf"\\?[{CLOSERS}]")  # Markdown's escape
_BETWEEN = re.compile(r"[,;&](?:\s*+and\b)?|and\b", re.IGNORECASE)
_MAY_GO_ON = re.compile(rf"{_B}(?:[-–—:.]|[,;&]?\s*+(?:an?d?)?|,\s*+pp?\.?\s*+)?{_B}\\?\Z", re.IGNORECASE)
_LINK = re.compile(r"\((?:https?:|#)[^()\s]{0,500}+\)")
_MAY_BE_LINK = re.compile(r"\((?:h?t?t?p?s?:?|https?:[^()\s]{0,500}+|#[^()\s]{0,500}+)\Z")


@dataclass(frozen=True, slots=True)
class Bracket:
    """What a bracket is, as far as the text goes.

    Attributes:
        end: behind it, and behind a link that belongs to it; behind its opening where it is no reference.
        items: what it refers to; none where it is no reference.
        open: more text could make it a reference, or a longer one.
    """

    end: int
    items: tuple[Item, ...] = ()
    open: bool = False


class Brackets:
    """Reads brackets of one text, from left to right.

    Cost: of all brackets together linear in the text: ends of quotations are looked for once, and what follows a
    number is read once, in however many brackets it stands.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._quote_ends: list[int] | None = None
        self._failed: dict[int, bool] = {}

    def at(self, inside: int) -> Bracket:
        """The bracket that opens right before `inside`."""
        files = self._text[inside - 1] == "【"
        if files and (file := _FILE.match(self._text, inside)) is not None:
            return Bracket(file.end(), (MALFORMED,))
        items: list[Item] = []
        starts: list[int] = []
        place = inside
        while place not in self._failed:
            starts.append(place)
            item, end, may = self._item(place)
            if item is None:
                self._failed[place] = may
                break
            items.append(item)
            if (closer := _END.match(self._text, end)) is not None:
                return self._linked(closer.end(), tuple(items))
            between = _BETWEEN.match(self._text, end)
            if between is None:
                self._failed[place] = _MAY_GO_ON.match(self._text, end) is not None
                break
            place = between.end()
        may = self._failed[place]
        self._failed.update(dict.fromkeys(starts, may))
        return Bracket(inside, open=may or (files and _MAY_BE_FILE.match(self._text, inside) is not None))

    def _item(self, place: int) -> tuple[Item | None, int, bool]:
        """One item, where what follows it begins, and, where there is none, whether more text could make one."""
        text = self._text
        head = _HEAD.match(text, place)
        if head is None:
            return None, place, _MAY_BE_HEAD.match(text, place) is not None
        low, end = int(head["low"]), head.end()
        quote = ""
        if (opened := _QUOTE.match(text, end)) is not None:
            close = self._quote_end(opened.end())
            if close is None:
                return None, place, len(text) - opened.end() <= _MAX_QUOTE
            quote = text[opened.end() : close].strip()
            end = close + 1
        elif (words := _WORDS.match(text, end)) is not None:
            quote, end = words["words"].rstrip("\\ ").strip(), words.end()
        elif _MAY_BE_WORDS.match(text, end) is not None:
            return None, place, True
        after = (_AFTER_QUOTE if opened else _BLANK).match(text, end)
        end = after.end() if after else end
        return (low, max(low, int(head["high"] or low)), quote), end, False

    def _quote_end(self, start: int) -> int | None:
        """Where the quotation mark stands that ends a quotation, which holds a character at least."""
        if self._quote_ends is None:
            self._quote_ends = [found.start() for found in _QUOTE_END.finditer(self._text, start)]
        place = bisect_left(self._quote_ends, start + 1)
        found = self._quote_ends[place] if place < len(self._quote_ends) else None
        return found if found is not None and found - start <= _MAX_QUOTE else None

    def _linked(self, end: int, items: tuple[Item, ...]) -> Bracket:
        link = _LINK.match(self._text, end)
        if link is not None:
            return Bracket(link.end(), items)
        return Bracket(end, items, end == len(self._text) or _MAY_BE_LINK.match(self._text, end) is not None)


def begun(text: str, inside: int) -> int | None:
    """The number of a reference whose bracket opens right before `inside` and does not close.

    Returns:
        0 where the text ends before its number; None where what stands there begins none.
    """
    found = _BEGUN.match(text, inside)
    return None if found is None else int(found["number"] or 0)
