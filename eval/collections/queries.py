"""Queries of a collection: BEIR's queries.jsonl, and TREC topics as TSV, JSON lines or in the classic <top> form.

A query that stands there twice with the same text is counted; with two texts it is an error that names both lines.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, Meta

from .lines import MAX_LINE_BYTES, Lines
from .records import decode, query, take_id

__all__ = ["Queries", "read_answers", "read_queries"]

_TOP = re.compile(r"<top>(.*?)(?=</top>|<top>|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<(\w+)>\s*(.*?)\s*(?=</?\w+>|\Z)", re.DOTALL)
_LABEL = re.compile(r"^(?:Number|Topic|Description|Narrative|Domain|Concepts)\s*:\s*", re.IGNORECASE)
_LONG_NAMES = {"desc": "description", "narr": "narrative", "dom": "domain", "con": "concepts"}
_Found = tuple[int, str, str, Meta]  # line, id, text, meta


@dataclass(slots=True)
class Queries:
    """What one file of queries says: id -> text, and id -> whatever else stood there, in the order of the file."""

    texts: dict[str, str] = field(default_factory=dict)
    meta: dict[str, Meta] = field(default_factory=dict)
    duplicates: int = 0
    empty: int = 0
    blank: int = 0
    sha256: str = ""


def read_queries(path: Path) -> Queries:
    """A file of queries, plain or .gz: .jsonl, .tsv (id, tab, text), or TREC's <top> form under any other name.

    Raises:
        InvalidInput: a malformed record, a query with two texts, none at all; by file and line.
    """
    lines, found = Lines(path), Queries()
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    read = {".jsonl": _json_queries, ".ndjson": _json_queries, ".tsv": _tsv_queries}.get(suffix, _sniffed)
    at: dict[str, int] = {}
    for number, id_, text, meta in read(lines):
        if id_ in found.texts:
            if found.texts[id_] != text:
                raise InvalidInput(
                    lines.where(number),
                    f"query {id_!r} has another text than in line {at[id_]}",
                    hint="remove one of the two",
                )
            found.duplicates += 1
            continue
        at[id_] = number
        found.texts[id_], found.meta[id_] = text, meta
        found.empty += not text.strip()
    if not found.texts:
        raise InvalidInput(str(path), "holds no query")
    found.blank, found.sha256 = lines.blank, lines.sha256
    return found


def read_answers(path: Path) -> dict[str, dict[str, JSON]]:
    """Query id -> the other fields of its record in answers.jsonl (the gold answers under `answers`).

    Raises:
        InvalidInput: a malformed record, or two for one query; by file and line.
    """
    lines, found = Lines(path), dict[str, dict[str, JSON]]()
    for number, raw in lines:
        record = decode(raw, lines.where(number))
        id_ = take_id(record, where=lines.where(number))
        if found.setdefault(id_, record) is not record:
            raise InvalidInput(lines.where(number), f"query {id_!r} has answers already", hint="remove one of the two")
    return found


def _json_queries(lines: Lines) -> Iterator[_Found]:
    for number, raw in lines:
        where = lines.where(number)
        yield number, *query(decode(raw, where), where)


def _tsv_queries(lines: Lines) -> Iterator[_Found]:
    """`id<TAB>text`, as MS MARCO and TREC DL distribute them; quotes are part of the text."""
    for number, raw in lines:
        id_, tab, text = _text(raw, lines.where(number)).partition("\t")
        if not tab or not id_.strip():
            raise InvalidInput(lines.where(number), f"not a query (id, tab, text): {id_[:80]!r}")
        if number == 1 and id_.lower() in ("query-id", "query_id", "qid", "_id", "id"):
            continue
        yield number, id_.strip(), text.strip(), {}


def _sniffed(lines: Lines) -> Iterator[_Found]:
    """By the first line: JSON, a tag, or else columns."""
    for _, raw in Lines(lines.path):
        start = raw.lstrip()[:1]
        return {b"{": _json_queries, b"<": _topics}.get(start, _tsv_queries)(lines)
    return iter(())


def _topics(lines: Lines) -> Iterator[_Found]:
    """The classic form: tags that are mostly never closed, each field after a label such as "Number:".

    The query is the title; description and narrative become meta.
    """
    text, starts = _whole(lines)
    for top in _TOP.finditer(text):
        number = text.count("\n", 0, top.start())
        where = lines.where(starts[min(number, len(starts) - 1)])
        fields = {tag.lower(): _LABEL.sub("", " ".join(body.split())) for tag, body in _TAG.findall(top.group(1))}
        id_, title = fields.pop("num", ""), fields.pop("title", "")
        if not id_ or not title:
            raise InvalidInput(where, f"a topic without <{'title' if id_ else 'num'}>")
        yield starts[number], id_, title, {_LONG_NAMES.get(tag, tag): body for tag, body in fields.items()}


def _whole(lines: Lines) -> tuple[str, list[int]]:
    """All lines together, and the number in the file of each."""
    parts, numbers, size = list[str](), list[int](), 0
    for number, raw in lines:
        size += len(raw)
        if size > MAX_LINE_BYTES:
            raise InvalidInput(str(lines.path), f"topics of more than {MAX_LINE_BYTES >> 20} MiB")
        parts.append(_text(raw, lines.where(number)))
        numbers.append(number)
    return "\n".join(parts), numbers


def _text(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            where, f"invalid UTF-8 (byte 0x{raw[error.start]:02x})", hint="convert it to UTF-8"
        ) from None
