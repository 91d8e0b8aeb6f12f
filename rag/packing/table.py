"""Packers by name: the closed table that TOML and the command line go by."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from spaniel.retrieval.converted import converted
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .base import Packer
from .top_k import TopK

__all__ = ["PACKERS", "make_packer", "settings_of"]

_ALL: tuple[type[Any], ...] = (TopK,)

PACKERS: Mapping[str, type[Any]] = {each.name: each for each in _ALL}
"""Name -> dataclass."""


def make_packer(name: str, **settings: Any) -> Packer:
    """A packer from its name and fields.

    Raises:
        InvalidInput: a name or setting that is not there (the nearest is named), or a value that cannot be.

    Example:
        >>> make_packer("top-k", order="edges")
        TopK(full='skip', max_passages=None, order='edges')
    """
    if name not in PACKERS:
        raise InvalidInput("packer", f"no packer is called {name!r}; {_nearest(name, PACKERS)}")
    kind = PACKERS[name]
    hints = get_type_hints(kind)
    keys = [each.name for each in fields(kind)]
    values = {}
    for key, value in settings.items():
        if key not in keys:
            raise InvalidInput(f"packer {name}", f"no setting {key!r}; {_nearest(key, keys)}")
        try:
            values[key] = converted(value, hints[key])
        except ValueError as error:
            raise InvalidInput(f"packer {name}", f"{key} = {value!r}: {error}") from None
    made: Packer = kind(**values)
    return made


def settings_of(packer: Packer) -> dict[str, JSON]:
    """What `make_packer` takes to make it again; what is at its default is left out.

    Example:
        >>> settings_of(TopK(max_passages=5))
        {'max_passages': 5}
    """
    plain = type(packer)()
    keys = [each.name for each in fields(packer)]  # type: ignore[arg-type]
    return {key: getattr(packer, key) for key in keys if getattr(packer, key) != getattr(plain, key)}


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
