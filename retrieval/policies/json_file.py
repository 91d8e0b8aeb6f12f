"""JSON files of policies and calibrations: written whole or not at all, and read within a bound."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spaniel.retrieval.atomic import written_whole
from spaniel.retrieval.errors import InvalidInput, LimitExceeded
from spaniel.retrieval.types import JSON

__all__ = ["read_json", "write_json"]


def write_json(path: str | Path, value: Mapping[str, JSON], *, indent: int | None = None) -> None:
    """Write it; numbers that JSON does not have (NaN, infinity) are an error."""
    with written_whole(path) as stream:
        stream.write(json.dumps(value, indent=indent, allow_nan=False) + "\n")


def read_json(path: str | Path, what: str, *, most_bytes: int) -> Any:
    """What stands in a file; `what` names it in errors.

    Raises:
        InvalidInput: it is missing, or holds no JSON.
        LimitExceeded: it is larger.
    """
    try:
        with Path(path).open("rb") as stream:
            text = stream.read(most_bytes + 1)
        value = json.loads(text) if len(text) <= most_bytes else None
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(str(path), f"no {what} can be read ({error})") from error
    if len(text) > most_bytes:
        raise LimitExceeded(f"bytes of {path}", Path(path).stat().st_size, most_bytes)
    return value
