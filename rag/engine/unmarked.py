"""The text of an answer while it is written, without its references: those are shown once they are verified."""

import re

from spaniel.rag.citations.markers import parse_markers

__all__ = ["Unmarked"]

_HELD = 4000
"""Characters that an opened bracket or piece of code may hold back; no reference is longer."""
_MANY = 1 << 30
_NO_ITEM = re.compile(r"(?!\s*(?:[a-z]{1,10}\s*)?[\^#]?(?:\d|\Z))", re.IGNORECASE)
"""No number follows, nor may one follow yet: this bracket opens no reference."""
_OPENERS = re.compile(r"```|[\[【`]")
_CLOSERS = {"[": re.compile("[]】]"), "【": re.compile("[]】]"), "`": re.compile(r"[`\n]"), "```": re.compile("```")}
_TAIL = re.compile(r"[\s⁰¹²³⁴⁵⁶⁷⁸⁹]*\Z")


class Unmarked:
    """Takes pieces and gives back what can be shown of them; for one answer.

    A bracket or a piece of code that is open is held back until it closes, and so are spaces, which go with a reference
    behind them.

    Args:
        n: how many excerpts references may name.

    Example:
        >>> shown = Unmarked(2)
        >>> [shown.more("Dogs may "), shown.more("come ["), shown.more("1"), shown.more("]. So?"), shown.end()]
        ['Dogs may', ' come', '', '. So?', '']
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._held = ""

    def more(self, text: str) -> str:
        """What can be shown now."""
        self._held += text
        safe = _safe(self._held)
        if len(self._held) - safe > _HELD:
            safe = len(self._held)
        shown, self._held = self._held[:safe], self._held[safe:]
        return parse_markers(shown, self._n).text

    def end(self) -> str:
        """What is left."""
        shown, self._held = self._held, ""
        return parse_markers(shown, self._n).text


def _safe(text: str) -> int:
    """Up to where nothing is open."""
    place = 0
    while (opener := _OPENERS.search(text, place)) is not None:
        end = _end_of(text, opener[0], opener.end())
        if end is None:
            return max(place, _before_tail(text[: opener.start()]))
        place = end
    return max(place, _before_tail(text))


def _end_of(text: str, opener: str, inside: int) -> int | None:
    """Where what was opened ends; None where that cannot be known yet."""
    if opener in "[【":
        return _end_of_bracket(text, opener, inside)
    closer = _CLOSERS[opener].search(text, inside)
    if closer is None or (closer.start() == inside and closer.end() == len(text)):  # two ` may become three
        return None
    return closer.end()


def _end_of_bracket(text: str, opener: str, inside: int) -> int | None:
    """Behind a reference, the link behind it included; right behind the bracket where it opens nothing of the kind."""
    if _NO_ITEM.match(text, inside):
        return inside
    for closer in _CLOSERS[opener].finditer(text, inside):
        end = closer.end()
        marks = parse_markers(text[inside - 1 : end], _MANY).marks
        if not marks or marks[0].at > 0:
            continue
        if text[end : end + 1] not in ("", "("):
            return end
        link = text.find(")", end)
        return link + 1 if link >= 0 else None
    return None


def _before_tail(text: str) -> int:
    found = _TAIL.search(text)
    return found.start() if found is not None else len(text)
