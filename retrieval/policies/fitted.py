"""Cut-off policies that are fitted to judged queries: kept as JSON, checked before use."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

import msgspec

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .cutting import CutPolicy
from .json_file import read_json, write_json

__all__ = ["FittedPolicy", "check_finite"]

_VERSION = 1
_MOST_BYTES = 1 << 20


class FittedPolicy(CutPolicy):
    """A policy whose fields were fitted. A subclass is a frozen dataclass that checks its fields when it is made."""

    __slots__ = ()

    def to_json(self) -> dict[str, JSON]:
        """Its fields, with "policy" and "version"."""
        return {"version": _VERSION, **self.settings()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The policy of `to_json`.

        Raises:
            InvalidInput: another policy or version; a field that is unknown, missing, of another type or out of range.
        """
        if value.get("policy") != cls.name or value.get("version") != _VERSION:
            found = f"{value.get('policy')!r} of version {value.get('version')!r}"
            raise InvalidInput(cls.name, f"this is {found}; {cls.name!r} of version {_VERSION} is read")
        rest = {key: each for key, each in value.items() if key not in ("policy", "version")}
        known = {each.name for each in fields(cls)}  # type: ignore[arg-type]
        if unknown := sorted(set(rest) - known):
            raise InvalidInput(cls.name, f"unknown key {unknown[0]!r}; there are {', '.join(sorted(known))}")
        try:
            return msgspec.convert(rest, cls)
        except msgspec.ValidationError as error:
            raise InvalidInput(cls.name, str(error)) from error

    def save(self, path: str | Path) -> None:
        """Write it as JSON, whole or not at all."""
        write_json(path, self.to_json(), indent=1)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The policy of a file that `save` wrote.

        Raises:
            InvalidInput: the file is missing, or holds something else.
            LimitExceeded: it is of more than 1 MiB.
        """
        value = read_json(path, "policy", most_bytes=_MOST_BYTES)
        if not isinstance(value, dict):
            raise InvalidInput(str(path), f"holds a {type(value).__name__}, no policy")
        try:
            return cls.from_json(value)
        except InvalidInput as error:
            raise InvalidInput(str(path), str(error)) from None


def check_finite(where: str, name: str, values: tuple[float, ...], *, n: int | None = None) -> None:
    """Refuse fitted numbers that are not finite, or not `n` of them."""
    if n is not None and len(values) != n:
        raise InvalidInput(where, f"{len(values)} {name}; there must be {n}")
    if not all(abs(value) < float("inf") for value in values):
        raise InvalidInput(where, f"a number of {name} is not finite")
