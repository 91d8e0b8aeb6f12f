"""The analysers in plain Python: slow, short, and the definition of the right answer.

A text is written as one letter a code point, its class (see docs/analysis.md), and tokens are found by regular
expressions over these letters: the word boundary rules WB4 to WB13b of UAX #29 and the emoji sequences of UTS #51, both
as Lucene's StandardTokenizer applies them. The native path is written as state tables; the two share only the classes.

Left out: speed. About a thousand times slower than the native path.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import pairwise
from typing import NamedTuple

import Stemmer

from .normalize import nfkc_casefold
from .porter import porter_stem
from .spec import AnalyzerSpec, Plan
from .unicode_tables import CLASS_RUNS, CLASSES, LOWER_RUNS, SPACE_RUNS

__all__ = ["normalise", "surface", "tokens"]

MAX_UNITS = 255
"""Longest token, in UTF-16 code units; what is longer is cut."""

# One letter a class. Extenders (marks, format characters, joiners) are in lower case, and so are the mid-word signs.
_LETTER_OF = {
    "OTHER": ".", "DOUBLE_QUOTE": "d", "SINGLE_QUOTE": "q", "MID_NUM": "n", "MID_NUM_LET": "o", "MID_LETTER": "m",
    "LETTER": "A", "HANGUL": "W", "LETTER_PICTURE": "L", "HEBREW": "H", "DIGIT": "D", "NUMERIC": "N", "KATAKANA": "K",
    "CONNECTOR": "C", "HAN": "I", "HIRAGANA": "J", "COMPLEX": "T", "PICTURE": "P", "REGIONAL": "R", "KEYCAP_BASE": "B",
    "EXTEND": "x", "COMPLEX_EXTEND": "c", "ZWJ": "z", "KEYCAP": "k", "TEXT_STYLE": "t", "EMOJI_STYLE": "v",
    "SKIN_TONE": "s", "TAG": "g", "TAG_END": "e",
}  # fmt: skip
_EXTENDERS = "xczktvsge"

# Words are matched with their extenders taken out (WB4) and all letters but Hebrew ones written A, all digits N.
_FLAT = str.maketrans("WLD", "AAN")
_RUN = re.compile(
    """ (?: K+                              # WB13
          | (?: HdH | Hq                    # WB7a to WB7c: Hebrew with its quotes; no other sign follows these
              | [AH] (?: [moq] [AH] )*      # WB5 to WB7
              | N (?: [noq] N )*            # WB8, WB11, WB12
            )+ )                            # WB9, WB10
    """,
    re.VERBOSE,
)
_WORD = re.compile(f"C* (?:{_RUN.pattern}) (?: C+ (?:{_RUN.pattern}) )* C*", re.VERBOSE)  # WB13a, WB13b

# Emoji. M: what stays with a picture; after a joiner in it another picture may follow.
_M = "[xcksgez]*"
_MORE = f"""(?: (?<=z) [PL] {_M}  |  v z+ [PL] {_M}  |  v z s {_M} (?<=z) [PL] {_M} )*  (?: v z s {_M} | v )?"""
_EMOJI = re.compile(
    f""" z* [PL] {_M} (?: v g+ e | {_MORE} )                             # pictures, chains of them, flags made of tags
       | s {_M} (?: (?<=z) [PL] {_M} {_MORE} )?                          # a skin tone alone
       | R [xczktvsge]* R [xczktvsge]*                                   # flags (WB15, WB16)
       | [BD] [xczsge]* (?: k [xczsgek]* (?: v k [xczsgek]* )? | v k [xczsgek]* )   # keycaps
    """,
    re.VERBOSE,
)
_OTHERS = re.compile("[IJ] [xczktvsge]* | [Tc] [Txczktvsge]*", re.VERBOSE)


class Token(NamedTuple):
    """text[start:end]; `kind` is the class letter of a token of Han, kana, Hangul or South-East Asian, else "word"."""

    start: int
    end: int
    kind: str


def tokens(spec: AnalyzerSpec, text: str) -> list[str]:
    """The terms of a text, in order."""
    terms = (normalise(spec, token) for token in surface(spec, text))
    return [term for term in terms if term is not None]


def surface(spec: AnalyzerSpec, text: str) -> list[str]:
    """Tokens before stop words and stemming: segmented and lower-cased."""
    plan = spec.plan()
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    if plan.nfkc and not text.isascii():
        text = nfkc_casefold(text, turkish=plan.case == "turkish")
    segments = _SEGMENTERS[plan.segmenter](text)
    return [_fold_case(segment, plan) for segment in segments]


def normalise(spec: AnalyzerSpec, token: str) -> str | None:
    """The term of one surface token; None if it is dropped."""
    plan = spec.plan()
    if plan.possessive:
        token = re.sub("['\u2019\uff07]s$", "", token)
    if token in _stop_words(plan):
        return None
    if plan.stemming == "porter":
        token = porter_stem(token)
    elif plan.stemming == "python":
        token = Stemmer.Stemmer(plan.algorithm).stemWord(token)
    return token or None


def _words(text: str) -> Iterator[str]:
    return (text[token.start : token.end] for token in _segment(text))


def _segment(text: str) -> Iterator[Token]:
    """At each place the longest token of any kind; a code point that starts none is passed over."""
    letters = "".join(_class_letters()[ord(c)] for c in text)
    start = 0
    while start < len(text):
        window = letters[start : _window_end(text, start)]
        length = max(_word_length(window), *(_length(p, window) for p in (_EMOJI, _OTHERS)))
        if length:
            yield Token(start, start + length, _kind(window[:length]))
        start += length or 1


def _window_end(text: str, start: int) -> int:
    units, end = 0, start
    while end < len(text) and (units := units + 1 + (ord(text[end]) > 0xFFFF)) <= MAX_UNITS:
        end += 1
    return end


def _length(pattern: re.Pattern[str], letters: str) -> int:
    found = pattern.match(letters)
    return found.end() if found else 0


def _word_length(window: str) -> int:
    """Letters of the word at the start of the window, its extenders counted in."""
    bases = [i for i, letter in enumerate(window) if letter not in _EXTENDERS]
    if not bases or bases[0] > 0:
        return 0
    n = _length(_WORD, "".join(window[i] for i in bases).translate(_FLAT))
    return 0 if n == 0 else bases[n] if n < len(bases) else len(window)


def _kind(letters: str) -> str:
    bases = {letter for letter in letters if letter not in _EXTENDERS}
    if letters[0] in "Tc":
        return "T"
    return next(iter(bases)) if len(bases) == 1 and bases <= set("IJKW") else "word"


def _bigrams(text: str, *, paired: str = "IJKW") -> Iterator[str]:
    """Overlapping pairs of the characters of Han, kana and Hangul tokens that touch; other words whole."""
    run: list[str] = []
    run_end = -1
    for token in _segment(text):
        if token.kind not in paired or token.start != run_end:
            yield from _pairs(run)
            run = []
        piece = text[token.start : token.end]
        if token.kind not in paired:
            yield piece
            continue
        for i, c in enumerate(piece):
            if i > 0 and _class_letters()[ord(c)] in _EXTENDERS:
                run[-1] += c
            else:
                run.append(c)
        run_end = token.end
    yield from _pairs(run)


def _pairs(run: list[str]) -> list[str]:
    return run if len(run) == 1 else [a + b for a, b in pairwise(run)]


def _by_whitespace(text: str) -> Iterator[str]:
    spaces = "".join(f"{chr(start)}-{chr(end)}" for start, end, _ in _runs(SPACE_RUNS))
    return (part for part in re.split(f"[{spaces}]+", text) if part)


_SEGMENTERS: dict[str, Callable[[str], Iterator[str]]] = {
    "words": _words,
    "bigrams": _bigrams,
    "all_bigrams": partial(_bigrams, paired="IJKWT"),
    "whitespace": _by_whitespace,
}


def _fold_case(token: str, plan: Plan) -> str:
    if plan.case == "keep":
        return token
    if plan.case == "turkish":
        token = token.replace("I\u0307", "i").replace("I", "\u0131")
    return "".join(chr(_lower().get(ord(c), ord(c))) for c in token)


@lru_cache(maxsize=64)
def _stop_words(plan: Plan) -> frozenset[str]:
    prepared = (nfkc_casefold(w, turkish=plan.case == "turkish") if plan.nfkc else w for w in plan.stop_words)
    return frozenset(_fold_case(part, plan) for word in prepared for part in _by_whitespace(word))


def _runs(source: str) -> Iterator[tuple[int, int, list[str]]]:
    """(start, end, further fields) of a generated table."""
    for item in source.split():
        span, *rest = item.split(":")
        start, end = span.split("-")
        yield int(start, 16), int(end, 16), rest


@lru_cache(maxsize=1)
def _class_letters() -> str:
    """The class letter of every code point, as one string."""
    out = ["."] * 0x110000
    for start, end, (number,) in _runs(CLASS_RUNS):
        out[start : end + 1] = _LETTER_OF[CLASSES[int(number, 16)]] * (end + 1 - start)
    return "".join(out)


@lru_cache(maxsize=1)
def _lower() -> dict[int, int]:
    return {
        c: c + int(delta) for start, end, (step, delta) in _runs(LOWER_RUNS) for c in range(start, end + 1, int(step))
    }
