"""NFKC and case folding of whole texts, before they are segmented.

Both analysers, native and reference, call this: the standard library's tables are C already. What they say about code
points that Unicode 12.1 had not yet assigned depends on the Python release, so those are replaced first; they belong to
no token anyway.
"""

import re
import unicodedata
from bisect import bisect_right
from functools import lru_cache

from .unicode_tables import INERT_RUNS, UNASSIGNED_RUNS

__all__ = ["nfkc_casefold", "nfkc_casefold_bytes"]


def nfkc_casefold(text: str, *, turkish: bool = False) -> str:
    """NFKC, case folding, NFKC again (folding can undo the composition).

    Args:
        text: any string; lone surrogates and unassigned code points become U+FFFD.
        turkish: "I" folds to dotless i.

    Example:
        >>> nfkc_casefold("Ｓｔｒａßｅ ﬁn")
        'strasse fin'
    """
    text = _nfkc(_without_unassigned(text))
    if turkish:
        text = text.replace("I\u0307", "i").replace("\u0130", "i").replace("I", "\u0131")
    return _nfkc(text.casefold())


def nfkc_casefold_bytes(text: bytes, *, turkish: bool = False) -> bytes:
    """The same on UTF-8, as the native analyser calls it; bytes that are not UTF-8 become U+FFFD."""
    try:
        decoded = text.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        decoded = text.decode("utf-8", "replace")
    return nfkc_casefold(decoded, turkish=turkish).encode()


def _nfkc(text: str) -> str:
    """NFKC piece by piece: the standard library is quick to see that a text is normal, and slow to make it so."""
    if unicodedata.is_normalized("NFKC", text):
        return text
    return _between_inert().sub(_nfkc_of_match, text)


def _nfkc_of_match(found: re.Match[str]) -> str:
    piece = found[0]
    return _nfkc_of_short(piece) if len(piece) <= 32 else unicodedata.normalize("NFKC", piece)


@lru_cache(maxsize=1 << 14)
def _nfkc_of_short(piece: str) -> str:
    return unicodedata.normalize("NFKC", piece)


@lru_cache(maxsize=1)
def _between_inert() -> re.Pattern[str]:
    spans = (run.split("-") for run in INERT_RUNS.split())
    return re.compile(f"[^{''.join(f'{_escaped(start)}-{_escaped(end)}' for start, end in spans)}]+")


def _escaped(code: str) -> str:
    return re.escape(chr(int(code, 16)))


def _without_unassigned(text: str) -> str:
    """Surrogates, and code points without a character in Unicode 12.1, become U+FFFD.

    In two passes, because a character class is a bitmap only up to U+FFFF and a slow list of ranges beyond.
    """
    basic, high = _unassigned()
    text = basic.sub("\ufffd", text)
    return _HIGH.sub(lambda found: "\ufffd" if ord(found[0]) in high else found[0], text)


_HIGH = re.compile("[\U00010000-\U0010ffff]")


@lru_cache(maxsize=1)
def _unassigned() -> tuple[re.Pattern[str], "_Ranges"]:
    """The unassigned code points up to U+FFFF as a pattern, and those beyond as ranges."""
    spans = [tuple(int(end, 16) for end in run.split("-")) for run in UNASSIGNED_RUNS.split()]
    basic = "".join(f"{chr(start)}-{chr(min(end, 0xFFFF))}" for start, end in spans if start <= 0xFFFF)
    high = _Ranges([(max(start, 0x10000), end) for start, end in spans if end > 0xFFFF])
    return re.compile(f"[\ud800-\udfff{basic}]"), high


class _Ranges:
    """Sorted (start, end inclusive) pairs with `in` by bisection."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]

    def __contains__(self, value: int) -> bool:
        place = bisect_right(self._starts, value) - 1
        return place >= 0 and value <= self._ends[place]
