"""Relevance judgements: BEIR's qrels (three columns divided by tabs) and TREC's (four divided by blanks).

    query-id<TAB>corpus-id<TAB>score          BEIR; with a header line or without; read by BEIR with Python's csv
    query iteration document grade            TREC; blanks or tabs; the second column has no meaning

The two are told apart by the number of columns alone, and only when there is one way to read them: three columns
divided by blanks are neither. Grades are whole numbers; "1.0" is read as 1 and counted. The same judgement twice is
counted, two grades for one pair are an error that names both lines, because whichever were taken would be a guess.
"""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TypeAlias

from spaniel.retrieval.errors import InvalidInput

from .lines import Lines

__all__ = ["QrelsFile", "read_judgements"]

_Row: TypeAlias = tuple[str, str, str]
_HEADER_QUERY = {"query-id", "query_id", "queryid", "qid", "query", "topic", "topic_id"}
_HEADER_DOCUMENT = {
    "corpus-id",
    "corpus_id",
    "corpusid",
    "docid",
    "doc_id",
    "doc-id",
    "docno",
    "document",
    "pid",
    "did",
}
_MAX_GRADE = 1 << 30
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")  # Python itself would also take 1_0, 1e1, nan and other scripts' digits
_FORMS = (
    "BEIR's files have three columns divided by tabs (query, document, grade), "
    "TREC's four (query, iteration, document, grade)"
)


@dataclass(slots=True)
class QrelsFile:
    """What one qrels file says.

    Attributes:
        qrels: query id -> document id -> grade, both in the order of the file.
        form: "beir" or "trec".
        odd: grades that were not plain whole numbers ("1.0", "+1", "01"); they were read as such.
        negative: grades below 0, which are kept.
        duplicates: judgements that repeat an earlier one with the same grade.
        blank: blank lines.
    """

    qrels: dict[str, dict[str, int]] = field(default_factory=dict)
    form: str = ""
    judgements: int = 0
    odd: int = 0
    negative: int = 0
    duplicates: int = 0
    blank: int = 0
    sha256: str = ""


def read_judgements(path: Path) -> QrelsFile:
    """A qrels file, plain or .gz.

    Raises:
        InvalidInput: columns that fit neither form or both, a grade that is not a whole number, two grades for one
            pair, no judgement at all; by file and line.
    """
    lines, found = Lines(path), QrelsFile()
    columns: Callable[[str], _Row | None] | None = None
    for number, raw in lines:
        text = _text(raw, lines.where(number))
        if columns is None:
            found.form, columns, is_header = _form_of(text, lines.where(number))
            if is_header:
                continue
        row = columns(text)
        if row is None:
            raise InvalidInput(lines.where(number), _unlike(text, found.form), hint=_FORMS)
        _add(found, row, lines, number)
    found.blank, found.sha256 = lines.blank, lines.sha256
    if not found.qrels:
        raise InvalidInput(str(path), "holds no judgement", hint=_FORMS)
    return found


def _text(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            where, f"invalid UTF-8 (byte 0x{raw[error.start]:02x})", hint="convert it to UTF-8"
        ) from None


def _add(found: QrelsFile, row: _Row, lines: Lines, number: int) -> None:
    """Put one judgement down."""
    query_id, document_id, label = row
    grade, plain = _grade(label, lines.where(number))
    documents = found.qrels.setdefault(query_id, {})
    before = documents.get(document_id)
    if before is not None:
        if before != grade:
            _contradiction(lines, number, row, before)
        found.duplicates += 1
        return
    documents[document_id] = grade
    found.judgements += 1
    found.odd += not plain
    found.negative += grade < 0


def _grade(label: str, where: str) -> tuple[int, bool]:
    """(grade, whether it was written the plain way)."""
    if not _NUMBER.fullmatch(label.strip()):
        raise InvalidInput(where, f"the grade {label!r} is not a whole number", hint=_FORMS)
    value = float(label)
    grade = int(value) if isfinite(value) else 0
    if grade != value or abs(grade) > _MAX_GRADE:
        raise InvalidInput(
            where,
            f"the grade {label!r} is not a whole number of usual size",
            hint="measures such as nDCG take whole grades: scale or round the grades yourself, and say so",
        )
    return grade, label == str(grade)


def _contradiction(lines: Lines, number: int, row: _Row, before: int) -> None:
    """Say where the other judgement of the pair stands. Reads the file again, so that reading keeps no line numbers."""
    first = 0
    again = Lines(lines.path)
    columns = None
    for earlier, raw in again:
        text = raw.decode("utf-8")
        if columns is None:
            _, columns, is_header = _form_of(text, "")
            if is_header:
                continue
        other = columns(text)
        if other is not None and other[:2] == row[:2]:
            first = earlier
            break
    raise InvalidInput(
        lines.where(number),
        f"query {row[0]!r} and document {row[1]!r} have grade {row[2]}, and line {first} says {before}",
        hint="remove one of the two lines",
    )


def _form_of(text: str, where: str) -> tuple[str, Callable[[str], _Row | None], bool]:
    """(form, how to cut a line, whether this first line is a header).

    Raises:
        InvalidInput: it fits neither form, or both.
    """
    by_tabs, by_blanks = _cells(text), text.split()
    if len(by_tabs) >= 3 and by_tabs[0].strip().lower() in _HEADER_QUERY:
        if len(by_tabs) == 3 and by_tabs[1].strip().lower() in _HEADER_DOCUMENT:
            return "beir", _beir_row, True
        raise InvalidInput(where, f"an unknown header line: {text[:80]!r}", hint="write query-id, corpus-id, score")
    if len(by_tabs) == 3:
        if len(by_blanks) == 4:
            raise InvalidInput(
                where,
                f"three columns by tabs but four by blanks: {text[:80]!r}",
                hint="put the header line query-id, corpus-id, score (divided by tabs) first if an id holds a blank",
            )
        return "beir", _beir_row, False
    if len(by_blanks) == 4:
        return "trec", _trec_row, False
    if len(by_blanks) == 3:
        raise InvalidInput(
            where,
            f"three columns divided by blanks: {text[:80]!r}",
            hint=f"divide them by tabs, or put the iteration (0) second; {_FORMS}",
        )
    raise InvalidInput(where, f"not a judgement: {text[:80]!r}", hint=_FORMS)


def _beir_row(text: str) -> _Row | None:
    cells = _cells(text)
    return (cells[0], cells[1], cells[2]) if len(cells) == 3 and cells[0] and cells[1] else None


def _trec_row(text: str) -> _Row | None:
    words = text.split()
    return (words[0], words[2], words[3]) if len(words) == 4 else None


def _cells(text: str) -> list[str]:
    """Columns divided by tabs, quotes taken off where csv put them on.

    BEIR writes and reads these files with Python's csv module (QUOTE_MINIMAL): an id that begins with a quote is
    written in quotes with its own doubled. A file that csv did not write may hold such ids as they are; the strict
    reader refuses those, and then they are taken as they stand.
    """
    if '"' in text:
        try:
            return next(csv.reader([text], delimiter="\t", strict=True))
        except csv.Error:
            pass
    return text.split("\t")


def _unlike(text: str, form: str) -> str:
    wanted = "three columns divided by tabs" if form == "beir" else "four columns"
    return f"not {wanted} like the lines before it: {text[:80]!r}"
