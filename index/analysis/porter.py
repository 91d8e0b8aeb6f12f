"""Porter's stemmer in Python, slow and close to the paper.

M.F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, with the changes its author published later:
words of one or two letters are left alone, step 2 has "bli" -> "ble" in place of "abli" -> "able", and "logi" -> "log".
Lucene's PorterStemFilter is the same, and so is `index/kernels/analyzer_porter.cpp`, whose reference this is.
"""

import re

__all__ = ["porter_stem"]

_STEP_2 = (
    "ational ate, tional tion, enci ence, anci ance, izer ize, bli ble, alli al, entli ent, eli e, ousli ous, "
    "ization ize, ation ate, ator ate, alism al, iveness ive, fulness ful, ousness ous, aliti al, iviti ive, "
    "biliti ble, logi log"
)
_STEP_3 = "icate ic, ative , alize al, iciti ic, ical ic, ful , ness "
_STEP_4 = "al ance ence er ic able ible ant ement ment ent ion ou ism ate iti ous ive ize"


def porter_stem(word: str) -> str:
    """The stem of one word in lower case.

    Letters other than a-z are consonants. As in Lucene, a character beyond the BMP counts as two letters.

    Example:
        >>> [porter_stem(word) for word in ("ponies", "relational", "hopping", "sky")]
        ['poni', 'relat', 'hop', 'sky']
    """
    units = word.encode("utf-16-le", "surrogatepass")
    letters = "".join(chr(units[i] | units[i + 1] << 8) for i in range(0, len(units), 2))
    if len(letters) < 3:
        return word
    for step in (_step_1a, _step_1b, _step_1c, _step_2, _step_3, _step_4, _step_5):
        letters = step(letters)
    return letters.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _pattern(word: str) -> str:
    """One "v" or "c" a letter; "y" is a vowel after a consonant."""
    out = ""
    for i, letter in enumerate(word):
        out += "v" if letter in "aeiou" or (letter == "y" and i > 0 and out[-1] == "c") else "c"
    return out


def _measure(stem: str) -> int:
    """m: how often a vowel is followed by a consonant."""
    return _pattern(stem).count("vc")


def _ends_short(word: str) -> bool:
    """*o: consonant, vowel, consonant, the last not w, x or y."""
    return _pattern(word).endswith("cvc") and word[-1] not in "wxy"


def _ends_double(word: str) -> bool:
    """*d: the same consonant twice."""
    return len(word) > 1 and word[-1] == word[-2] and _pattern(word)[-1] == "c"


def _step_1a(word: str) -> str:
    for suffix, replacement in (("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")):
        if word.endswith(suffix):
            return word.removesuffix(suffix) + replacement
    return word


def _step_1b(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    found = re.fullmatch("(.*)(ed|ing)", word, re.DOTALL)
    if not found or "v" not in _pattern(found[1]):
        return word
    stem: str = found[1]
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if _ends_double(stem):
        return stem if stem[-1] in "lsz" else stem[:-1]
    return stem + "e" if _measure(stem) == 1 and _ends_short(stem) else stem


def _step_1c(word: str) -> str:
    return word[:-1] + "i" if word.endswith("y") and "v" in _pattern(word[:-1]) else word


def _step_2(word: str) -> str:
    return _replace(word, _STEP_2)


def _step_3(word: str) -> str:
    return _replace(word, _STEP_3)


def _replace(word: str, rules: str) -> str:
    """The first rule whose suffix fits decides, even if its stem is too short."""
    for rule in rules.split(", "):
        suffix, replacement = rule.split(" ")
        if word.endswith(suffix):
            stem = word.removesuffix(suffix)
            return stem + replacement if _measure(stem) > 0 else word
    return word


def _step_4(word: str) -> str:
    for suffix in _STEP_4.split():
        stem = word.removesuffix(suffix)
        if stem == word or (suffix == "ion" and not stem.endswith(("s", "t"))):
            continue
        return stem if _measure(stem) > 1 else word
    return word


def _step_5(word: str) -> str:
    m, before = _measure(word), word[:-1]
    if word.endswith("e") and (m > 1 or (m == 1 and not _ends_short(before))):
        word = before
    return word[:-1] if word.endswith("ll") and m > 1 else word
