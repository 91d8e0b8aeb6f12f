"""NFKC and case folding of whole texts, before they are segmented.

Both analysers, native and reference, call this: the standard library's tables are C already. What they say about code
points that Unicode 12.1 had not yet assigned depends on the Python release, so those are replaced first; they belong to
no token anyway.
"""

import re
import unicodedata
from functools import lru_cache

from .unicode_tables import UNASSIGNED_RUNS

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
    text = unicodedata.normalize("NFKC", _unassigned().sub("\ufffd", text))
    if turkish:
        text = text.replace("I\u0307", "i").replace("\u0130", "i").replace("I", "\u0131")
    return unicodedata.normalize("NFKC", text.casefold())


def nfkc_casefold_bytes(text: bytes, *, turkish: bool = False) -> bytes:
    """The same on UTF-8, as the native analyser calls it; bytes that are not UTF-8 become U+FFFD."""
    try:
        decoded = text.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        decoded = text.decode("utf-8", "replace")
    return nfkc_casefold(decoded, turkish=turkish).encode()


@lru_cache(maxsize=1)
def _unassigned() -> re.Pattern[str]:
    """Surrogates, and code points without a character in Unicode 12.1."""
    runs = (run.split("-") for run in UNASSIGNED_RUNS.split())
    ranges = "".join(f"{chr(int(start, 16))}-{chr(int(end, 16))}" for start, end in runs)
    return re.compile(f"[\ud800-\udfff{ranges}]")
