"""One label out of what models write: which passage of several, or which of two.

Told surely means: the answer is the label, begins with it, names it as the answer, calls that passage the more
relevant, or mentions no other and nothing negative. `A` is an English word too, a passage that is named may have been
named as the worse one, and what is asked, listed beside another label or taken back ("No, ...") is no answer; what is
not sure is None, and the judge asks again.
"""

import re

from .parse import said
from .prompts import LETTERS

__all__ = ["parse_choice", "parse_preference"]

_DECORATION = re.compile(r"[*`\"'_{}$\u201c\u201d\u2018\u2019]+|\\text")
_NOUN = r"(?:passage|document|doc|option|text|answer|choice)"
_ALONE = re.compile(rf"(?:the )?(?:{_NOUN})? ?:? ?[\[(]?([a-z])[\])]?[ .,:;!)]*", re.IGNORECASE)
_FIRST = re.compile(rf"(?:(?i:{_NOUN}) ?:? ?)?[\[(]?([A-Z])[\])]? ?(?:[.,;\n\u2014\u2013-]|(?<! [A-Z]):|\Z)")
_NAMED = re.compile(
    r"(?i:\b(?:answer|choice|verdict|output|winner|label|best|(?:most|more) relevant)"
    rf"(?: (?:passage|document|one|option))?(?: to the query)? ?(?:is|:|=)+ ?(?:{_NOUN} ?:? ?)?)"
    r"[\[(]?([A-Z])\b(?! (?!because|since|as|due)\w)(?![\])]? ?\?)"
)
_PRAISED = re.compile(
    r"(?i:\bpassage )[\[(]?([A-Z])[\])]?(?i: (?:is|seems|appears|looks|would be)(?: (?!not\b|less\b)\w+){0,2}?"
    r" (?:more|most|better|best)\b)(?i:(?! or))(?![^.!?\n]{0,200}\?)"
)
_MENTIONED = re.compile(rf"(?i:\b{_NOUN} )[\[(]?([A-Z])\b")
_NEGATIVE = re.compile(
    r"\b(?:not|neither|nor|no|less|least|worse|irrelevant|unable|cannot|than)\b|n't|n\u2019t|\?", re.IGNORECASE
)
_BESIDE = re.compile(  # at the end of the first label, or on a line of its own
    rf"(?:\A[.,;:\u2014\u2013-]|\n) ?(?i:(?:and|or|then) )?(?i:{_NOUN} ?:? ?)?[\[(]?([A-Z])[\])]? ?"
    r"(?:[.,;:\n\u2014\u2013-]|\Z)"
)
_WITHDRAWN = re.compile(
    r"[.,;!?\n\u2014\u2013-] ?(?:no|wait|actually|correction|hold on|hmm+) ?[.,:;!\n\u2014\u2013-]", re.IGNORECASE
)
_LABEL = re.compile(r"\b([AB])\b(?! (?!(?:is|are|seems|appears|looks|would|has|does|and|or|nor)\b)[a-z])")
_TIE = re.compile(
    r"\b(?:tie|tied|neither|equally|equal|both (?:passages )?(?:are )?(?:the same|as relevant|relevant|irrelevant))\b",
    re.IGNORECASE,
)


def parse_choice(text: str, n: int) -> int | None:
    """The place of the passage that a model chose out of n, labelled A to Z; None when it is not told surely.

    Example:
        >>> [parse_choice(text, 3) for text in ("C", "**Passage B**", "The most relevant passage is A.", "A or B", "D")]
        [2, 1, 0, None, None]
    """
    place = _sure(_plain(text))
    if place is None:
        place = _only_one(_plain(text))
    return place if place is not None and place < n else None


def parse_preference(text: str) -> float | None:
    """Whether passage A is the better of A and B: 1, 0, or a half when it calls them equal; None when nothing is told.

    Example:
        >>> [parse_preference(text) for text in ("A", "Passage B", "Both are equally relevant.", "I cannot tell.")]
        [1.0, 0.0, 0.5, None]
    """
    plain = _plain(text)
    place = _sure(plain)
    if place is None and len(set(_LABEL.findall(plain))) != 1 and _TIE.search(plain):
        return 0.5
    if place is None:
        place = _only_one(plain)
    return 1.0 - place if place is not None and place < 2 else None


def _plain(text: str) -> str:
    """The answer without reasoning and decoration, white space single."""
    plain = _DECORATION.sub("", said(text))
    return re.sub(r" ?\n[ \n]*", "\n", re.sub(r"[^\S\n]+", " ", plain)).strip()


def _sure(plain: str) -> int | None:
    """The label that the answer is, begins with, names or praises; None when it goes on to say another."""
    if found := _ALONE.fullmatch(plain):
        return LETTERS.index(found[1].upper())
    if found := _FIRST.match(plain):
        others = {other[1] for other in _BESIDE.finditer(plain[found.end() - 1 :])} - {found[1]}
        return None if others else _kept(plain, found)
    if named := [*_NAMED.finditer(plain)]:
        return _kept(plain, named[-1])
    praised = [*_PRAISED.finditer(plain)]
    return _kept(plain, praised[-1]) if len({found[1] for found in praised}) == 1 else None


def _kept(plain: str, found: re.Match[str]) -> int | None:
    """The label found, unless it is taken back behind it."""
    return None if _WITHDRAWN.search(plain, found.end() - 1) else LETTERS.index(found[1].upper())


def _only_one(plain: str) -> int | None:
    """The label of the only passage that is mentioned, unless something negative is said or another label leads."""
    mentioned = {found[1] for found in _MENTIONED.finditer(plain)}
    sure = len(mentioned) == 1 and not (_NEGATIVE.search(plain) or _WITHDRAWN.search(plain) or _FIRST.match(plain))
    return LETTERS.index(mentioned.pop()) if sure else None
