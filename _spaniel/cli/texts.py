"""Texts to encode: a file of records, or lines of a file or of stdin."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spaniel.models.text import passage_text
from spaniel.retrieval.errors import InvalidInput

from .queries import ID_NAMES, file_kind, numbered_lines

__all__ = ["read_texts"]

_TEXT_NAMES = ("text", "contents", "query", "question")


def read_texts(path: str, *, titles: bool) -> Iterator[tuple[str, str]]:
    """(id, text) of each record or line, in order.

    Args:
        path: `.jsonl` (objects with a text, perhaps an id and a title), `.tsv` (id, tab, text), each also `.gz`;
            anything else, and `-` for stdin, is a text a line. Where no id is given it is the line's number.
        titles: put a record's title before its text, as for the passages of an index.

    Raises:
        InvalidInput: a line that is no record, by number.
        OSError: the file cannot be read.
    """
    file = Path(path)
    kind = file_kind(file)
    for number, line in numbered_lines(file):
        try:
            if kind == ".jsonl":
                yield _from_json(line, number, titles)
            elif kind == ".tsv":
                yield _from_tabs(line)
            else:
                yield str(number), line
        except ValueError as error:
            raise InvalidInput(f"{path}:{number}", str(error)) from None


def _from_tabs(line: str) -> tuple[str, str]:
    id_, tab, text = line.partition("\t")
    if not tab:
        raise ValueError(f"not `id<TAB>text`: {line[:60]!r}")
    return id_.strip(), text


def _from_json(line: str, number: int, titles: bool) -> tuple[str, str]:
    try:
        record: Any = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"not a JSON object: {line[:60]!r}")
    text = next((record[name] for name in _TEXT_NAMES if name in record), None)
    title = record.get("title") or ""
    if text is None and title:
        text, title = title, ""
    for name, value in (("text", text), ("title", title)):
        if value is not None and not isinstance(value, str):
            raise ValueError(f"its {name} is {json.dumps(value)[:40]}; it must be a string")
    if text is None:
        raise ValueError(f"no text ({', '.join(_TEXT_NAMES)})")
    id_ = next((record[name] for name in ID_NAMES if name in record), number)
    if not isinstance(id_, str | int):
        raise ValueError("its id is neither a string nor a whole number")
    return str(id_), passage_text(title, text) if titles else text
