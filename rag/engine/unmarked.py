"""The text of an answer while it is written, without its references: those are shown once they are verified."""

import re

from spaniel.rag.citations.brackets import OPENERS, Brackets
from spaniel.rag.citations.markers import SUPERSCRIPTS, parse_markers

__all__ = ["Unmarked"]

_HELD = 4000
"""Characters that an opened bracket or piece of code may hold back."""
_CONTEXT = 200
"""Characters before a bracket that decide what it is."""
_OFTEN = 64
"""Up to so many characters held back, each piece is looked at; beyond, they have to grow by a part of 16."""
_STARTS = re.compile(rf"```|\\?\[|[{OPENERS}`]")
_NO_REFERENCE = re.compile(rf"[^{OPENERS}`{SUPERSCRIPTS}]*+")
_CLOSERS = {"`": re.compile(r"[`\n]"), "```": re.compile("```")}
_GOES_WITH_REFERENCES = "".join(chr(code) for code in range(0x3001) if chr(code).isspace()) + SUPERSCRIPTS + "\\"


class Unmarked:
    """Takes pieces and gives back what can be shown of them; for one answer.

    A bracket or a piece of code that is open is held back until it closes, and so are spaces, which go with a reference
    behind them.

    Args:
        n: how many excerpts references may name.

    Cost: linear in the answer, whatever the size of its pieces.

    Example:
        >>> shown = Unmarked(2)
        >>> [shown.more("Dogs may "), shown.more("come ["), shown.more("1"), shown.more("]. So?"), shown.end()]
        ['Dogs may', ' come', '', '. So?', '']
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._held: list[str] = []
        self._size = self._look_at = 0
        self._before, self._follows = "", False

    def more(self, text: str) -> str:
        """What can be shown now."""
        self._held.append(text)
        self._size += len(text)
        if self._size < self._look_at:
            return ""
        whole = "".join(self._held)
        safe = _safe(whole)
        if len(whole) - safe > _HELD:
            safe = len(whole)
        return self._shown(whole, safe)

    def end(self, *, cut: bool = False) -> str:
        """What is left; without a reference that has begun at its end where the answer was cut off."""
        whole = "".join(self._held)
        shown = self._shown(whole, len(whole), cut=cut)
        self._before, self._follows = "", False
        return shown

    def _shown(self, text: str, safe: int, *, cut: bool = False) -> str:
        """The first of it, without references; the rest is held back."""
        self._held, self._size = [text[safe:]], len(text) - safe
        self._look_at = 0 if self._size < _OFTEN else self._size + self._size // 16
        return self._bare(text[:safe], cut=cut)

    def _bare(self, text: str, *, cut: bool) -> str:
        """Without references, which are told from other brackets by what stands before them."""
        before, self._before = self._before, (self._before + text)[-_CONTEXT:]
        if _NO_REFERENCE.fullmatch(text):
            self._follows = self._follows and not text
            return text
        parsed = parse_markers(before + text, self._n, start=len(before), follows=self._follows, cut=cut)
        self._follows = parsed.follows
        return parsed.text


def _safe(text: str) -> int:
    """Up to where nothing is open."""
    brackets = Brackets(text)
    place = 0
    while (opener := _STARTS.search(text, place)) is not None:
        end = _end_of(text, opener[0], opener.end(), brackets)
        if end is None:
            return max(place, _before_tail(text[: opener.start()]))
        place = end
    return max(place, _before_tail(text))


def _end_of(text: str, opener: str, inside: int, brackets: Brackets) -> int | None:
    """Where what was opened ends; None where that cannot be known yet."""
    if opener[-1] in OPENERS:
        bracket = brackets.at(inside)
        return None if bracket.open else bracket.end
    closer = _CLOSERS[opener].search(text, inside)
    if closer is None or (closer.start() == inside and closer.end() == len(text)):  # two ` may become three
        return None
    return closer.end()


def _before_tail(text: str) -> int:
    return len(text.rstrip(_GOES_WITH_REFERENCES))
