"""Dataclasses as tables of a file: what `reading.py` reads back equal. What is at its default is left out."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from spaniel.retrieval.errors import InvalidInput

from .stages import STAGES

__all__ = ["stage_table", "table_of"]


def stage_table(stage: object) -> dict[str, Any]:
    """A stage, `type` first, the stages in it under their own keys."""
    names = [name for name, kind in STAGES.items() if type(stage) is kind]
    if not names:
        raise InvalidInput("pipeline", f"{type(stage).__name__} is not in the table of stages, so no file can name it")
    return {"type": names[0], **table_of(stage)}


def table_of(values: object) -> dict[str, Any]:
    """The fields of a dataclass that are not at their defaults; a trailing `_` of a name is not written.

    Raises:
        InvalidInput: a field is None whose default is not: TOML has no way to say so.
    """
    assert is_dataclass(values)
    table: dict[str, Any] = {}
    for field in fields(values):
        value = getattr(values, field.name)
        if _is_default(field, value):
            continue
        if value is None:
            raise InvalidInput(field.name, "is None, which no TOML file can say")
        table[field.name.rstrip("_")] = _plain(value)
    return table


def _is_default(field: Field[Any], value: Any) -> bool:
    """Whether a field is what it is without being given; True and 1 are not the same."""
    default = field.default if field.default_factory is MISSING else field.default_factory()
    return type(default) is type(value) and bool(default == value)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [stage_table(each) if is_dataclass(each) else _plain(each) for each in value]
    return dict(value) if isinstance(value, Mapping) else value
