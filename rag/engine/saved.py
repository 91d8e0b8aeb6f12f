"""An answer as bytes and back: JSON of its fields, read by their types, so that a stranger's cache is data only."""

from dataclasses import fields
from typing import Any

import msgspec

from spaniel.retrieval.types import Answer, Citation, Passage, StageRecord

__all__ = ["answer_of", "bytes_of"]


class _Record(msgspec.Struct):
    """`StageRecord`; like `Passage` it holds a type that refers to itself, which msgspec does not read."""

    name: str
    n_in: int
    n_out: int
    ms: float
    why: dict[str, Any]


class _Passage(msgspec.Struct):
    """`Passage`."""

    id: str
    doc_id: str
    start: int
    end: int
    text: str
    title: str
    meta: dict[str, Any]


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    """`Answer` without its decisions: those belong to a call, not to an answer."""

    text: str
    citations: list[Citation]
    abstained: bool
    reason: str
    usage: dict[str, int]
    trace: list[_Record]
    question: str
    passages: list[_Passage]
    dropped: dict[str, int]
    confidence: float | None
    finish: str
    notes: tuple[str, ...]
    ms: float
    cost: float | None


_NAMES = _Answer.__struct_fields__
_PASSAGE = [field.name for field in fields(Passage)]
_RECORD = [field.name for field in fields(StageRecord)]


def bytes_of(answer: Answer) -> bytes:
    """The answer as JSON."""
    return msgspec.json.encode({name: getattr(answer, name) for name in _NAMES})


def answer_of(kept: bytes) -> Answer | None:
    """The answer, marked as cached; None if the bytes are none.

    Example:
        >>> answer_of(bytes_of(Answer("Dogs bark."))).text, answer_of(b"{")
        ('Dogs bark.', None)
    """
    try:
        read = msgspec.json.decode(kept, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    values = {name: getattr(read, name) for name in _NAMES}
    values["passages"] = tuple(Passage(*(getattr(each, name) for name in _PASSAGE)) for each in read.passages)
    values["trace"] = tuple(StageRecord(*(getattr(each, name) for name in _RECORD)) for each in read.trace)
    values["citations"] = tuple(read.citations)
    return Answer(**values, cached=True)
