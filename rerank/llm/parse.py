"""Permutations out of what models write.

Asked for `[2] > [1] > [3]`, models give that, and also lists with commas, JSON, numbered lines, prose with the ranking
somewhere in it, reasoning before it, labels that were never shown, labels twice, and half of the list. What is told
surely is kept: strangers and repetitions are dropped, and what is missing follows in the order shown, as RankGPT does
(Sun et al., EMNLP 2023). Where nothing is told, nothing is made up: the result is None, and the judge asks again.

Some models count from 0, whatever the labels. A list that names 0 and not n is read so when it is as long as was asked
for; a shorter one may be either, and is None.

The forms are tried from the surest to the vaguest; within a form the longest list wins, and the last of equal ones,
since reasoning comes before the answer. `labels.py` reads answers of one label.

Cost: linear in the text, of which the last 50,000 letters count.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .prompts import LETTERS

__all__ = ["Parsed", "parse_order", "said"]

_LONGEST = 50_000
_THINKING = "think|thinking|thought|reasoning|analysis|scratchpad"
_CLOSING = re.compile(rf"</\s?(?:{_THINKING})\s?>|\u25c1/think\u25b7", re.IGNORECASE)
_OPENING = re.compile(rf"<(?:{_THINKING})>|\u25c1think\u25b7", re.IGNORECASE)
_FINAL = "<|channel|>final<|message|>"
_ANSWER = re.compile(
    r"<answer>((?:(?!<answer>).)*?)(?:</answer>|\Z)|\\boxed\{((?:[^{}]|\{[^{}]*\})*)\}", re.IGNORECASE | re.DOTALL
)

_DECORATION = re.compile(r"[*`\"'_\u201c\u201d\u2018\u2019]+|\\text|[{}$]")
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[ \n]*")
_WORDS = r"\b(?:passages?|documents?|docs?|texts?|ids?|identifiers?|no\.|number) ?[:#]? ?"
_SIGNS = r"(?:>+|\u2265|\u227b|=|~|\u2192|-+>|\u21d2)"


@dataclass(frozen=True, slots=True)
class Parsed:
    """An order of places, each once; `repaired` when something was dropped or had to be filled in."""

    order: tuple[int, ...]
    repaired: bool


def said(text: str) -> str:
    """The answer without the reasoning before it, and without tags around it; empty when it never came to one.

    Example:
        >>> said("<think>[1] looks good. [2] > [1]?</think>\\n[1] > [2]")
        '[1] > [2]'
    """
    text = _CLOSING.split(text[-_LONGEST:].rpartition(_FINAL)[2])[-1]
    if opening := _OPENING.search(text):
        text = text[: opening.start()]
    answers = [found for found in _ANSWER.finditer(text) if (found[1] or found[2] or "").strip()]
    return ((answers[-1][1] or answers[-1][2]) if answers else text).strip()


def parse_order(text: str, n: int, *, top: int | None = None, letters: bool = False) -> Parsed | None:
    """The order of n passages that a model tells, as far as the `top` best of them.

    Args:
        text: all that it wrote.
        n: how many passages it was shown, labelled 1 to n, or A to Z.
        top: how many firsts were asked for; what it says of others does not count.
        letters: labels are letters.

    Returns:
        Every place 0 to n - 1 once: those told, then the others in the order shown. None when none is told, or what
        the labels count from is not sure.

    Example:
        >>> parse_order("The ranking: [2] > [9] > [2] > [1]", 3)
        Parsed(order=(1, 0, 2), repaired=True)
        >>> parse_order("I cannot say.", 3) is None
        True
    """
    answer = said(text)
    told = next((labels for labels in _forms(answer, letters) if _known(labels, n)), [])
    from_zero = not letters and 0 in told and n not in told
    known = _known([label + from_zero for label in told], n)
    wanted = n if top is None else min(top, n)
    if not known or (from_zero and len(known) < wanted):
        return None
    repaired = from_zero or len(known) < wanted or len(known) < len(told)
    first = known[:wanted]
    rest = sorted(set(range(n)) - set(first))
    return Parsed((*first, *rest), repaired)


def _known(labels: Sequence[int], n: int) -> list[int]:
    """Places of the labels that were shown, each once, in their order."""
    return list(dict.fromkeys(label - 1 for label in labels if 1 <= label <= n))


def _forms(answer: str, letters: bool) -> Iterator[list[int]]:
    """The labels that each form finds in the answer, the surest form first; letters count from A = 1."""
    label = r"[A-Z]" if letters else r"\d{1,4}"
    if (found := _json_labels(answer)) is not None:
        yield found
        return
    plain = _plain(answer, label)
    either = rf"(?:\[ ?(?:{label}) ?\]|\b(?:{label})\b)"
    yield _longest(re.findall(rf"{either}(?: ?\n?{_SIGNS}\n? ?{either})+", plain), label)
    yield _longest(re.findall(rf"\[ ?{label}(?: ?[,;] ?{label})+ ?\]", plain), label)
    yield _numbered(plain, label)
    yield _labels(" ".join(re.findall(rf"\[ ?(?:{label}) ?\]", plain)), label)
    if re.fullmatch(rf"(?:\b{label}\b|\band\b|\W)+", plain):
        yield _labels(plain, label)
    listed = rf"{label}\b(?:[ ,;|/&]+(?:and )?{label}\b)*"
    lead = r"(?:[^\n]{0,80}: ?)?" if letters else r"[^\d\n]{0,80}"
    yield _longest([found[1] for found in re.finditer(rf"(?m)^{lead}\b({listed})\W*$", plain)], label)


def _plain(answer: str, label: str) -> str:
    """The answer without decoration, white space single, and labels such as "Passage 3" or "(3)" as [3]."""
    plain = _LINES.sub("\n", _BLANKS.sub(" ", _DECORATION.sub("", answer))).strip()
    plain = re.sub(rf"(?i:{_WORDS})\[? ?({label})\b ?\]?", r"[\1]", plain)
    return re.sub(rf"\( ?({label}) ?\)", r"[\1]", plain)


def _labels(text: str, label: str) -> list[int]:
    return [_number(found) for found in re.findall(rf"(?<!\w)(?:{label})(?!\w)", text)]


def _number(label: str) -> int:
    return int(label) if label.isdecimal() else LETTERS.find(label) + 1


def _longest(lists: Sequence[str], label: str) -> list[int]:
    """The labels of the list that has most of them, the last of equal ones."""
    return max(([*_labels(each, label)] for each in reversed(lists)), key=lambda told: len(set(told)), default=[])


def _numbered(plain: str, label: str) -> list[int]:
    """The labels of lines such as `1. 3`, whose first numbers are ranks."""
    lines = [
        re.fullmatch(rf"(?:[Rr]ank )?(\d{{1,4}}) ?[.):-]+ ?\[?({label})\]?\W*", line) for line in plain.split("\n")
    ]
    found = [line for line in lines if line]
    ranks = [int(line[1]) for line in found]
    return [_number(line[2]) for line in found] if len(ranks) > 1 and ranks == [*range(1, len(ranks) + 1)] else []


def _json_labels(answer: str) -> list[int] | None:
    """The labels of a JSON answer; an empty list for JSON without any, None when the answer holds no JSON."""
    start = min((place for place in (answer.find("{"), answer.find("[{"), answer.find('["')) if place >= 0), default=-1)
    whole = answer if answer.startswith("[") else answer[start:] if start >= 0 else ""
    end = max(whole.rfind("}"), whole.rfind("]"))
    if end < 0:
        return None
    try:
        value = json.loads(whole[: end + 1])
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list) and all(isinstance(each, list) for each in value):
        value = [each[0] for each in value if each]
    return _labels_of(value) or []


def _labels_of(value: Any) -> list[int] | None:
    """Labels of a list, or of the first list in an object that holds any."""
    if isinstance(value, dict):
        return next((found for each in value.values() if isinstance(each, list) and (found := _labels_of(each))), None)
    if not isinstance(value, list):
        return None
    return [number for each in value if (number := _label_of(each)) is not None]


def _label_of(entry: Any) -> int | None:
    """The label that an entry of a list stands for."""
    if isinstance(entry, dict):
        named = [entry[key] for key in ("id", "identifier", "passage", "document", "index", "label") if key in entry]
        entry = named[0] if named else None
    if isinstance(entry, str):
        found = re.fullmatch(r"(?:passage|document|doc|id)?[ #:_-]*\[?\(?(\d{1,4}|[A-Z])\)?\]?\.?", entry.strip(), re.I)
        return _number(found[1].upper()) if found else None
    return entry if type(entry) is int and 0 <= entry < 10_000 else None
