"""Finds a quotation in a stored text."""

import re
import unicodedata

from .folding import Folded, folded
from .sources import Source

__all__ = ["QuoteFinder"]

_ELLIPSIS = re.compile(r"\[\s*+(?:\.{3}|…)\s*+\]|\(\s*+(?:\.{3}|…)\s*+\)|\.{3,}+|…")
_MAX_TRIES = 1000
_WINDOW = 1 << 15
"""Characters from the passage on that are looked at before the whole document is folded."""


class QuoteFinder:
    """Finds quotations in the sources of one answer; folds each stretch once. Not for several threads."""

    def __init__(self) -> None:
        # With the sources: an id is used again when its object is gone.
        self._folded: dict[tuple[int, int, int], tuple[Source, Folded]] = {}

    def find(self, quote: str, source: Source, near: int) -> list[tuple[int, int]]:
        """Where the source holds the quotation, in characters of the document.

        It is looked for as it stands, then with its ends stripped of punctuation, then in parts where it has "...",
        each after the one before.

        Args:
            near: where in the document the passage begins that was shown: the first occurrence from there on counts,
                else the last before it.

        Returns:
            one span, or one for each part; none if any of it is not there. A span begins and ends where words do
            (in scripts that put spaces between them).
        """
        stripped = quote.strip(" \t\n.,;:!?…\"'“”‘’«»")
        for form in (quote, stripped):
            found = self._one(form, source, near)
            if found:
                return [found]
        parts = [part for part in _ELLIPSIS.split(stripped) if part.strip()]
        return self._parts(parts, source, near) if len(parts) > 1 else []

    def _parts(self, parts: list[str], source: Source, near: int) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        for part in parts:
            found = self._one(part, source, near)
            if not found or (spans and found[0] < spans[-1][1]):
                return []
            spans.append(found)
            near = found[1]
        return spans

    def _one(self, quote: str, source: Source, near: int) -> tuple[int, int] | None:
        sought = folded(quote).text
        if not any(letter.isalnum() for letter in sought):
            return None
        here = max(0, near - source.start)
        found = _whole_words(sought, source.text, *self._window(source, here))
        if not found and here + _WINDOW < len(source.text):
            whole, _ = self._window(source, 0, len(source.text))
            low = int(whole.places.searchsorted(here))
            found = _whole_words(sought, source.text, whole, 0, start=low)
        if not found and here:
            before, _ = self._window(source, 0, len(source.text))
            end = int(before.places.searchsorted(here)) + len(sought) - 1
            found = _whole_words(sought, source.text, before, 0, end=end, backwards=True)
        return (source.start + found[0], source.start + found[1]) if found else None

    def _window(self, source: Source, start: int, size: int = _WINDOW) -> tuple[Folded, int]:
        """The source from a place on, folded, and that place."""
        asked = id(source), start, size
        if asked not in self._folded:
            self._folded[asked] = (source, folded(source.text[start : start + size]))
        return self._folded[asked][1], start


def _whole_words(
    sought: str,
    text: str,
    whole: Folded,
    base: int,
    *,
    start: int = 0,
    end: int | None = None,
    backwards: bool = False,
) -> tuple[int, int] | None:
    """The first occurrence in a part of `text` that begins at `base`, or the last, that cuts no word."""
    end = len(whole.text) if end is None else end
    for _ in range(_MAX_TRIES):
        at = whole.text.rfind(sought, start, end) if backwards else whole.text.find(sought, start, end)
        if at < 0:
            return None
        low, high = whole.span(at, at + len(sought))
        if not _cuts_word(text, base + low) and not _cuts_word(text, base + high):
            return base + low, base + high
        start, end = (start, at + len(sought) - 1) if backwards else (at + 1, end)
    return None


def _cuts_word(text: str, at: int) -> bool:
    """Whether a word goes on over this place, or a letter with its accent."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if unicodedata.combining(after):
        return True
    return before.isalnum() and after.isalnum() and not (_unspaced(before) or _unspaced(after))


def _unspaced(letter: str) -> bool:
    """Letters of scripts that write words without spaces: Thai to Khmer in part, Chinese, Japanese, Korean."""
    return (
        "\u0e00" <= letter <= "\u0eff"
        or "\u1000" <= letter <= "\u109f"
        or "\u1780" <= letter <= "\u17ff"
        or ("\u2e80" <= letter <= "\uffef" or "\U00020000" <= letter <= "\U0003ffff")
    )
