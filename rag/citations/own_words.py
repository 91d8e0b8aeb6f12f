"""Numbers in brackets, and raised ones, that an answer says for itself and that refer to nothing.

    data[0]  argv[7]  f(x)[1]  grid[1][2]  y = [1, 2]  [0, 1]  [0-9]  [text][1]  [2024](https://...)  x²  10⁶  12 m²

Models write code and formulas without the marks of code. What stands before a bracket decides, with its numbers, and
nothing behind it, so that a stream is read as the whole is. A number right behind a word of prose is a reference if
there is such an excerpt ("at the office[1]"); what cannot be told apart here is looked at again when nothing is found
for it (`cited.py`).
"""

import re
from collections.abc import Sequence
from functools import cached_property

from spaniel.retrieval.prompt import Prompt

from .folding import folded

__all__ = ["GLUED", "GOES_ON", "SourcesWords", "is_index", "is_power"]

GLUED = re.compile(r"[A-Za-z0-9_]\Z")
"""A bracket behind it may be an index. Letters of other scripts have references right behind them."""
GOES_ON = re.compile(r"[ \t]+[a-z0-9]|[ \t]*[-+*/=<>%&|^]|\.[A-Za-z_]|\(")
"""The sentence is not over."""

_WORD = re.compile(r"[A-Za-z0-9_.]++")
_LETTER = re.compile(r"(?<![\w'’.])[a-z]\Z")
_CALL = re.compile(r"\w\((?!e?s\))[^()\n]*+\)\Z")
# What computes with the word behind it; a sign of arithmetic needs a value before it, since lists begin with signs.
_OPERATOR = re.compile(r"(?:[\w)\]][ \t]*[+=]|[)\]][ \t]*[-*/%]|->|::|\w\(|\w\[|[\w)\]][ \t]*==)[ \t]*\Z")
_ASSIGNED = re.compile(r"[\w)\]][ \t]*=[ \t]*\Z")
_POWER = re.compile(r"(?:(?<!\w)[A-Za-z]|(?<![\w.])\d{1,3}|(?<![^\W\d])(?:[kcdmnµ]m|ft|mi))\Z")
_LONGEST_CALL, _LONGEST_WORD, _SIGN = 200, 100, 8
"""Characters looked at."""


def is_index(text: str, start: int, numbers: Sequence[tuple[int, int]], n: int, *, linked: bool, follows: bool) -> bool:
    """Whether the bracket that opens at `start` is no reference.

    Args:
        numbers: (low, high) of its items.
        n: how many excerpts there are.
        linked: a link stands behind it.
        follows: a reference ends where it opens.
    """
    named = any(low <= n and high >= 1 for low, high in numbers)
    if any(low == 0 for low, _ in numbers) and (len(numbers) > 1 or numbers[0][1] > 0):
        return True
    if linked and not named:
        return True
    last = text[start - 1 : start]
    if last == "]":
        return not follows
    if last == ")":
        return _CALL.search(text[max(0, start - _LONGEST_CALL) : start]) is not None
    if not GLUED.match(last):
        return _ASSIGNED.search(text[max(0, start - _SIGN) : start]) is not None
    if not named or _LETTER.search(text[max(0, start - 2) : start]) is not None:
        return True
    begin = start - len(_WORD.findall(text[max(0, start - _LONGEST_WORD) : start])[-1])
    return "_" in text[begin:start] or _OPERATOR.search(text[max(0, begin - _SIGN) : begin]) is not None


def is_power(text: str, start: int) -> bool:
    """Whether raised digits at `start` are an exponent: behind one letter, a number, or a unit of length."""
    return _POWER.search(text[max(0, start - 8) : start]) is not None


class SourcesWords:
    """Knows whether words stand in what an answer was made from: passages, question, earlier turns."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt

    @cached_property
    def _folded(self) -> list[str]:
        prompt = self._prompt
        turns = [turn.text for turn in prompt.history]
        return [folded(text).text for text in (prompt.question, *turns, *(each.text for each in prompt.excerpts))]

    def hold(self, before: str, bracket: str) -> bool:
        """Whether a bracket stands there too, behind the same word; two, where there is a space between.

        Brackets are shown to a model as round ones, which counts as the same (`folding.py`), and so do
        those with Markdown's escapes.
        """
        words = before.split()[-1 if bracket[:1].strip() else -2 :]
        sought = folded(" ".join([*words, bracket.replace("\\", "")])).text
        return len(words) > 0 and any(sought in text for text in self._folded)
