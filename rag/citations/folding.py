"""Texts made alike, so that a quotation is found in spite of what copying changes; with the way back.

A model that copies "the key’s  – new —  name" writes "the key's - new - name": white space, quotation marks, dashes,
brackets, compatibility forms (ligatures, full-width letters), precomposed or combined accents, and the case of the
first letter may all differ from the source. Folded texts agree where only such things differ. Each folded character
knows the one it came from, so that what is shown is the source's own words and never the model's copy of them.
"""

import unicodedata
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Folded", "fold", "folded"]

_ALIKE = {
    **dict.fromkeys("“”„‟«»‹›‘’‚‛`´′″「」『』＂＇", "'"),
    '"': "'",
    **dict.fromkeys("‐‑‒–—―−﹘﹣－", "-"),
    **dict.fromkeys("[(", "("),
    **dict.fromkeys("])", ")"),
    "…": "...",
}
_UNSEEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
_N_CODES = 0x110000


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text.

    Attributes:
        text: folded.
        places: int64 (len(text),), for each of its characters the place of the original one.
    """

    text: str
    places: NDArray[np.int64]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original for a span of the folded text that is not empty."""
        return int(self.places[start]), int(self.places[end - 1]) + 1


def fold(letter: str) -> str:
    """One character folded, to none, one or several."""
    alike = _ALIKE.get(letter)
    if alike is not None:
        return alike
    if unicodedata.category(letter) in _UNSEEN:
        return ""
    forms = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", letter).casefold())
    return "".join(_ALIKE.get(each, each) for each in forms if not each.isspace())


_ASCII_FORMS = [fold(chr(code)) for code in range(128)]
_ASCII = bytes(ord(form or " ") for form in _ASCII_FORMS) + bytes(128)
_ASCII_DROPPED = bytes(code for code, form in enumerate(_ASCII_FORMS) if not form)
_ASCII_KEPT = np.array([bool(form) for form in _ASCII_FORMS])


class _Table:
    """Folded forms of the characters met so far: every text is then a look-up in NumPy."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.start = np.zeros(_N_CODES, np.int32)
        self.size = np.full(_N_CODES, -1, np.int16)  # -1: not met yet
        self.pool = np.zeros(0, np.uint32)

    def learn(self, codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """The pool, in which all these codes have their forms."""
        new = np.unique(codes[self.size[codes] < 0])
        if len(new):
            with self._lock:
                forms = [fold(chr(code)) for code in new.tolist()]
                self.start[new] = len(self.pool) + np.cumsum([0, *map(len, forms)], dtype=np.int32)[:-1]
                self.pool = np.concatenate([self.pool, _codes("".join(forms))])
                self.size[new] = [len(form) for form in forms]  # last: who reads meanwhile learns it again
        return self.pool


_TABLE: list[_Table] = []
_MAKING = Lock()


def folded(text: str) -> Folded:
    """The text folded, with the place of each character.

    Returns:
        two texts that differ only in what the module's docstring names have the same `text`, except for the order of
        several accents on one letter.

    Cost: linear; some 20 ms for a million characters (docs/citations.md).

    Example:
        >>> found = folded("The “Key’s” name")
        >>> found.text, found.span(3, 8)
        ("the'key's'name", (4, 9))
    """
    if text.isascii():
        raw = text.encode()
        kept = np.flatnonzero(_ASCII_KEPT[np.frombuffer(raw, np.uint8)])
        return Folded(raw.translate(_ASCII, _ASCII_DROPPED).decode(), kept)
    table = _table()
    codes = _codes(text)
    pool = table.learn(codes)
    sizes = table.size[codes]
    places = np.flatnonzero(sizes)
    forms = pool[table.start[codes[places]]]
    several = np.flatnonzero(sizes > 1)
    if len(several):  # few letters have forms of several: the rest of these is put in behind the first
        more = sizes[several].astype(np.int64) - 1
        which = np.repeat(several, more)
        within = np.arange(1, len(which) + 1) - np.repeat(np.cumsum(more) - more, more)
        behind = np.searchsorted(places, which, side="right")
        forms = np.insert(forms, behind, pool[table.start[codes[which]] + within])
        places = np.insert(places, behind, which)
    return Folded(_text(forms), places)


def _table() -> _Table:
    with _MAKING:
        if not _TABLE:
            _TABLE.append(_Table())
    return _TABLE[0]


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _text(codes: NDArray[Any]) -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
