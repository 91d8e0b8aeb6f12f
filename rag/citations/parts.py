"""An answer taken apart: its text without references, its sentences, and what each reference says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from spaniel.index.chunking.sentences import sentence_spans
from spaniel.retrieval.prompt import Piece

from .markers import Mark, Parsed, parse_markers, unreferring

__all__ = ["Claims", "claims_of"]


@dataclass(frozen=True, slots=True)
class Claims:
    """What an answer claims, and by which references.

    Attributes:
        text: without references.
        sentences: (start, end) in it, ascending.
        marks: in their order; `Mark.at` is a place in the text.
    """

    text: str
    sentences: list[tuple[int, int]]
    marks: list[Mark]


def claims_of(pieces: Sequence[Piece], n: int) -> Claims:
    """The claims of an answer over excerpts 1 to n.

    Pieces without `quoted` that follow on each other are parsed as one text. A piece with it is a sentence of its own;
    what reads as a reference in it is none and gets round brackets. Where the last ends with "length", a reference that
    has begun at its end cannot be read.
    """
    told = Claims("", [], [])
    for part in _parts(pieces, n):
        begin = len(told.text)
        told.marks.extend(replace(mark, at=mark.at + begin) for mark in part.marks)
        told.sentences.extend((begin + start, begin + end) for start, end in part.sentences)
        told = Claims(told.text + part.text, told.sentences, told.marks)
    return told


def _parts(pieces: Sequence[Piece], n: int) -> Iterator[Claims]:
    for knows, some in groupby(pieces, key=lambda piece: bool(piece.quoted)):
        if knows:
            yield from map(_known, some)
        else:
            plain = list(some)
            parsed = _parsed("".join(piece.text for piece in plain), n, cut=plain[-1].finish == "length")
            yield Claims(parsed.text, sentence_spans(parsed.text), list(parsed.marks))


def _parsed(text: str, n: int, *, cut: bool) -> Parsed:
    parsed = parse_markers(text, n, cut=cut)
    if parsed.text.strip() or not any(mark.quote for mark in parsed.marks):
        return parsed
    # Nothing but quotations: they are the answer.
    told = parse_markers(" ".join(_told(mark) for mark in parsed.marks if mark.low >= 0), n)
    unread = (replace(mark, at=len(told.text)) for mark in parsed.marks if mark.low < 0)
    return replace(told, marks=(*told.marks, *unread))


def _told(mark: Mark) -> str:
    numbers = str(mark.low) if mark.low == mark.high else f"{mark.low}-{mark.high}"
    return f"“{mark.quote}” [{numbers}]" if mark.quote else f"[{numbers}]"


def _known(piece: Piece) -> Claims:
    text = unreferring(piece.text)
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if start >= end:  # says nothing, so it has nothing to cite
        return Claims(text, [], [])
    marks = [Mark(end, each.number, each.number, known=(each.start, each.end)) for each in piece.quoted]
    return Claims(text, [(start, end)], marks)
