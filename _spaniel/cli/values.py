"""Option values that are more than a word: sizes, field weights, columns, filters.

Each function reads one text and raises `ValueError` with what is wrong; `read_by` makes a click callback of it.
"""

import json
import math
import re
from collections.abc import Callable
from typing import TypeVar

import click

__all__ = ["columns", "fields", "finite", "is_text", "memory", "read_by", "where"]

T = TypeVar("T")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_COLUMN_TYPES = ("text", "integer", "real")


def read_by(read: Callable[[str], T]) -> Callable[[click.Context, click.Parameter, str | None], T | None]:
    """A click callback that reads an option's text with `read`; an option not given stays None."""

    def callback(ctx: click.Context, param: click.Parameter, value: str | None) -> T | None:
        try:
            return None if value is None else read(value)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from error

    return callback


def finite(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """A click callback: the number, which must be one if there is any; "nan" passes click's own ranges."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a number of finite size", ctx, param)
    return value


def memory(text: str) -> int:
    """Bytes in `512M`, `2G` or a plain number; the units are powers of 1024.

    Example:
        >>> memory("512M")
        536870912
    """
    found = re.fullmatch(r"(\d{1,15})\s*([KMG]?)(i?B)?", text.strip(), re.IGNORECASE | re.ASCII)
    if not found or int(found[1]) == 0:
        raise ValueError(f"{text!r} is not a size; write 512M or 2G")
    return int(found[1]) * _UNITS[found[2].upper()]


def fields(text: str) -> dict[str, float]:
    """How much a word counts in each field.

    Example:
        >>> fields("title:2,text")
        {'title': 2.0, 'text': 1.0}
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        field, _, number = part.strip().partition(":")
        weight = _number(number or "1")
        if not field or not (math.isfinite(weight) and weight > 0) or field in weights:
            raise ValueError(f"{part.strip()!r} is not field:weight (weight above 0, each field once)")
        weights[field] = weight
    return weights


def columns(text: str) -> dict[str, str]:
    """Metadata fields that filters use often, with their types.

    Example:
        >>> columns("year:integer,section:text")
        {'year': 'integer', 'section': 'text'}
    """
    found: dict[str, str] = {}
    for part in text.split(","):
        name, _, kind = part.strip().rpartition(":")
        if not name or kind not in _COLUMN_TYPES or name in found:
            raise ValueError(f"{part.strip()!r} is not name:type (types: {', '.join(_COLUMN_TYPES)}; each name once)")
        found[name] = kind
    return found


def where(text: str) -> dict[str, object]:
    """A filter written as JSON.

    Example:
        >>> where('{"year": {"$gte": 2024}}')
        {'year': {'$gte': 2024}}
    """
    example = '{"year": {"$gte": 2024}}'
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON ({error}); write it like '{example}'") from error
    if not isinstance(found, dict):
        raise ValueError(f"{text!r} is not a JSON object like '{example}'")
    return found


def is_text(words: str) -> bool:
    """Bytes on the command line that are no text become lone surrogates, which nothing can print."""
    return not any("\ud800" <= char <= "\udfff" for char in words)


def _number(text: str) -> float:
    """The number, or nan for what is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
