"""One JSON line as a document or a query.

The fields are those of `spaniel.index.input` (docs/input.md), so that the documents a collection streams are the
passages an index of it holds; a test keeps the two together. Queries may also come under the names of other tools.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, Document, Meta

from .lines import Lines

__all__ = ["decode", "document", "documents", "query", "take_id"]

_ID_FIELDS = ("_id", "id", "docid", "doc_id", "docno", "pid", "uuid")
_TEXT_FIELDS = ("text", "contents", "content", "body", "passage", "abstract")
_QUERY_ID_FIELDS = ("_id", "id", "qid", "query_id", "query-id", "topic_id", "number")
_QUERY_FIELDS = ("text", "query", "title", "question", "topic")
_META_FIELDS = ("metadata", "meta")
_decoder = msgspec.json.Decoder()


def decode(raw: bytes, where: str) -> dict[str, JSON]:
    """The JSON object of one line.

    Raises:
        InvalidInput: not one JSON object in valid UTF-8.
    """
    try:
        record = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(where, f"not a JSON object on one line: {error}") from None
    if not isinstance(record, dict):
        raise InvalidInput(where, f"a record must be a JSON object, this is {type(record).__name__}")
    return record


def document(record: dict[str, JSON], where: str) -> Document:
    """The document that a record means; takes its fields out of the mapping. Without a title, the title is "".

    Raises:
        InvalidInput: no id or no text, or one of another type.
    """
    id_ = take_id(record, _ID_FIELDS, where)
    text = _take_text(record, _TEXT_FIELDS, where)
    title = record.pop("title", "")
    if title is not None and not isinstance(title, str):
        raise InvalidInput(where, f"the title is {title!r}; it must be a string")
    return Document(id_, text, title or "", _meta(record))


def documents(path: Path) -> Iterator[Document]:
    """The documents of a corpus.jsonl, plain or .gz, in the file's order; memory for one at a time.

    Raises:
        InvalidInput: a malformed record, named by file and line.
    """
    lines = Lines(path)
    for number, raw in lines:
        where = lines.where(number)
        yield document(decode(raw, where), where)


def query(record: dict[str, JSON], where: str) -> tuple[str, str, Meta]:
    """(id, text, everything else) of a query's record; takes the fields out of the mapping.

    Raises:
        InvalidInput: no id or no text, or one of another type.
    """
    return take_id(record, _QUERY_ID_FIELDS, where), _take_text(record, _QUERY_FIELDS, where), _meta(record)


def take_id(record: dict[str, JSON], names: Sequence[str] = _QUERY_ID_FIELDS, where: str = "record") -> str:
    """The id, taken out of the mapping: a string, or a whole number as one.

    Raises:
        InvalidInput: none, empty, or of another type.
    """
    name = next((name for name in names if name in record), None)
    if name is None:
        raise InvalidInput(where, f"no id: none of the fields {', '.join(names)}", hint="judgements need ids")
    value = record.pop(name)
    if type(value) is int:  # bool is an int, and no id
        return str(value)
    if not isinstance(value, str) or not value:
        raise InvalidInput(where, f"field {name!r} (the id) is {value!r}; it must be a string or a whole number")
    return value


def _take_text(record: dict[str, JSON], names: Sequence[str], where: str) -> str:
    for name in names:
        if name in record:
            value = record.pop(name)
            if not isinstance(value, str):
                raise InvalidInput(where, f"field {name!r} (the text) is {value!r:.60}; it must be a string")
            return value
    raise InvalidInput(where, f"no text: none of the fields {', '.join(names)}")


def _meta(record: dict[str, JSON]) -> dict[str, JSON]:
    """What is left of a record, an object named metadata or meta unfolded unless one of its names is taken."""
    for name in _META_FIELDS:
        nested = record.get(name)
        if isinstance(nested, dict) and nested.keys().isdisjoint(record.keys() - {name}):
            del record[name]
            record.update(nested)
    return record
