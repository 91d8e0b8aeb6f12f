"""Tables of a file as dataclasses: every key is a field, and one that is not there is told with the nearest."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from spaniel.retrieval.converted import converted
from spaniel.retrieval.errors import InvalidInput

from .stages import STAGES, StageSpec

__all__ = ["check_keys", "filled", "nearest", "read_table", "stage_of", "tables_of", "too_deep", "within"]

_MAX_BYTES = 1 << 20


def read_table(path: str | Path) -> dict[str, Any]:
    """What stands in a TOML file.

    Raises:
        InvalidInput: it cannot be read, is not TOML, too long, or nested too deeply.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput(str(file), f"cannot be read as TOML: {error.strerror or error}") from None
    if len(raw) > _MAX_BYTES:
        raise InvalidInput(str(file), f"is longer than {_MAX_BYTES} bytes, which no pipeline is")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except ValueError as error:  # UnicodeDecodeError and TOMLDecodeError both
        raise InvalidInput(str(file), f"is not TOML: {error}") from None
    except RecursionError:
        raise too_deep(file) from None


def too_deep(file: Path) -> InvalidInput:
    """What is said of tables that no one could have meant."""
    return InvalidInput(str(file), "its tables or lists are nested too deeply", hint="no pipeline needs that")


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or all there is."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"there are {', '.join(names)}"


def stage_of(table: Mapping[str, Any], where: str) -> StageSpec:
    """A stage from its table, by its `type`."""
    name = table.get("type")
    if not isinstance(name, str) or name not in STAGES:
        said = "has no type" if name is None else f"no stage is of type {name!r}"
        raise InvalidInput(where, f"{said}; {nearest(str(name), STAGES)}")
    rest = {key: value for key, value in table.items() if key != "type"}
    made: StageSpec = filled(STAGES[name], rest, f"{where} ({name})")
    return made


def filled(kind: type[Any], table: Any, where: str) -> Any:
    """An object of a dataclass from the keys of a table; a trailing `_` of a field's name (`lambda_`) is not typed."""
    if not isinstance(table, dict):
        raise InvalidInput(where, f"is {table!r}; it must be a table")
    by_key = {each.name.rstrip("_"): each.name for each in fields(kind)}
    check_keys(table, by_key, where)
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = by_key[key]
        if hints[name] == tuple[StageSpec, ...]:
            several = tables_of(table, key, where)
            values[name] = tuple(stage_of(each, f"{where}.{key}[{place}]") for place, each in enumerate(several))
            continue
        try:
            values[name] = converted(value, hints[name])
        except ValueError as error:
            raise InvalidInput(where, f"{key} = {value!r}: {error}") from None
    try:
        return kind(**values)
    except InvalidInput as error:
        raise within(where, error) from None


def within(where: str, error: InvalidInput) -> InvalidInput:
    """An error told with the table that it is about, which is named once.

    Example:
        >>> print(within("mine.toml: answer", InvalidInput("answer", "k is 0")))
        mine.toml: answer: k is 0
    """
    named = where.endswith((f": {error.where}", f"({error.where})"))
    return InvalidInput(where, error.what if named else str(error), hint=error.hint)


def check_keys(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Refuse a key that is not known.

    Raises:
        InvalidInput: the first such key, and the nearest one that there is.
    """
    names = list(known)
    for key in table:
        if key not in names:
            raise InvalidInput(where, f"no key {key!r}; {nearest(key, names)}")


def tables_of(table: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    """The tables under a key; none where it is not there."""
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InvalidInput(where, f"{key} must be tables, each begun with [[{key}]]")
    return found
