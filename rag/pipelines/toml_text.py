"""Tables as TOML text: the part of the language that pipelines are written in.

What is written reads back equal (`tomllib`), but for None, which TOML does not have: it stands for a key that is left
out. Tables come last, as TOML wants it; a list of tables is one `[[name]]` each, any other table an inline one.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spaniel.retrieval.errors import InvalidInput

__all__ = ["toml_text"]

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_INT64 = 1 << 63


def toml_text(table: Mapping[str, Any]) -> str:
    """The text of a table of plain values, lists and tables.

    Raises:
        InvalidInput: a value that TOML cannot say (a lone surrogate, an integer beyond 64 bits, another type).

    Example:
        >>> print(toml_text({"name": "mine", "index": {"dense": "minilm"}, "stages": [{"type": "bm25", "k1": 1.2}]}))
        name = "mine"
        <BLANKLINE>
        [index]
        dense = "minilm"
        <BLANKLINE>
        [[stages]]
        type = "bm25"
        k1 = 1.2
        <BLANKLINE>
    """
    return "\n".join([*_lines(table, ()), ""]).lstrip("\n")


def _lines(table: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[str]:
    """The keys of a table, then the tables in it; `above` are the names that lead to it."""
    tables = {key: value for key, value in table.items() if _is_section(value, above)}
    for key, value in table.items():
        if key not in tables and value is not None:
            yield f"{_key(key)} = {_value(value, '.'.join((*above, key)))}"
    for key, value in tables.items():
        name = ".".join(_key(each) for each in (*above, key))
        for each in [value] if isinstance(value, Mapping) else value:
            yield ""
            yield f"[{name}]" if isinstance(value, Mapping) else f"[[{name}]]"
            yield from _lines(each, (*above, key))


def _is_section(value: Any, above: tuple[str, ...]) -> bool:
    """Whether a value gets a heading: tables at the top, lists of tables anywhere."""
    if isinstance(value, Mapping):
        return not above
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    return listed and len(value) > 0 and all(isinstance(each, Mapping) for each in value)


def _key(name: str) -> str:
    return name if name and set(name) <= _BARE else _text(name, name)


def _value(value: Any, where: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value, where)
    if isinstance(value, int):
        if not -_INT64 <= value < _INT64:
            raise InvalidInput(where, f"{value} is beyond the whole numbers of TOML, which have 64 bits")
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        inside = (f"{_key(key)} = {_value(each, f'{where}.{key}')}" for key, each in value.items() if each is not None)
        return "{" + ", ".join(inside) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_value(each, where) for each in value) + "]"
    raise InvalidInput(where, f"{type(value).__name__} cannot be written as TOML")


def _text(value: str, where: str) -> str:
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidInput(where, "holds a lone surrogate, which no file of text can")
    # TOML's basic strings are JSON's, but for one control character that JSON lets through.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
