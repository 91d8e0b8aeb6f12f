"""Halves of surrogate pairs, which JSON can hold and UTF-8 cannot: put together again, or replaced.

A server that cuts an answer between the two halves of an emoji sends each as text of its own.
"""

import re

__all__ = ["Whole", "without_halves"]

_HALF = re.compile("[\ud800-\udfff]")


def without_halves(text: str) -> str:
    """The text with halves that follow on each other joined, and every other half as U+FFFD.

    Example:
        >>> ascii(without_halves("a\\ud83d\\ude00b\\ud83d"))
        "'a\\\\U0001f600b\\\\ufffd'"
    """
    if _HALF.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Whole:
    """The same for a text that comes in parts: a first half waits for the next part.

    Example:
        >>> whole = Whole()
        >>> [ascii(whole.more("a\\ud83d")), ascii(whole.more("\\ude00b")), whole.end()]
        ["'a'", "'\\\\U0001f600b'", '']
    """

    def __init__(self) -> None:
        self._half = ""

    def more(self, text: str) -> str:
        """What is whole now."""
        text, self._half = self._half + text, ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return without_halves(text)

    def end(self) -> str:
        """What is left."""
        half, self._half = self._half, ""
        return without_halves(half)
