"""Policies in files: JSON whose every value is checked before it is used.

A file is {"format", "version", "policy": its name, "settings": what it was made with, "state": what it has learned}.
Arrays are nested lists; their shapes must be those that the settings ask for, and no number so large that reckoning
with it would overflow.
"""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

__all__ = [
    "array_of",
    "check_number",
    "entry",
    "finite",
    "generator_of",
    "generator_state",
    "integer_of",
    "listed",
    "opened",
    "wrapped",
]

_FORMAT, _VERSION = "spaniel-policy", 1
_MOST = 1e100  # of any number in a state
_WHERE = "policy"


def wrapped(name: str, settings: Mapping[str, JSON], state: Mapping[str, JSON]) -> dict[str, JSON]:
    """The JSON of a policy."""
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "policy": name,
        "settings": dict(settings),
        "state": dict(state),
    }


def opened(value: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """(name, settings, state) of what `wrapped` made.

    Raises:
        InvalidInput: it is none, or of another version.
    """
    if not isinstance(value, Mapping) or value.get("format") != _FORMAT:
        raise InvalidInput(_WHERE, f"is no saved policy: its format is not {_FORMAT!r}")
    if value.get("version") != _VERSION:
        hint = "upgrade spaniel, or learn it anew"
        raise InvalidInput(_WHERE, f"has version {value.get('version')!r}; this release reads {_VERSION}", hint)
    name, settings, state = (value.get(key) for key in ("policy", "settings", "state"))
    if not (isinstance(name, str) and isinstance(settings, Mapping) and isinstance(state, Mapping)):
        raise InvalidInput(_WHERE, "needs policy (a name), settings and state (objects)")
    return name, dict(settings), dict(state)


def entry(state: Mapping[str, Any], key: str) -> Any:
    """A value of the state.

    Raises:
        InvalidInput: it is missing.
    """
    if key not in state:
        raise InvalidInput(_WHERE, f"its state has no {key!r}")
    return state[key]


def array_of(state: Mapping[str, Any], key: str, shape: Sequence[int]) -> NDArray[np.float64]:
    """float64 of this shape, from nested lists.

    Raises:
        InvalidInput: other lengths, or what is no number within 1e100.
    """
    value = entry(state, key)
    if not _fits(value, tuple(shape)):
        raise InvalidInput(_WHERE, f"{key} must be numbers within {_MOST:g} in lists of the shape {tuple(shape)}")
    return np.array(value, np.float64).reshape(tuple(shape))


def _fits(value: Any, shape: tuple[int, ...]) -> bool:
    if not shape:
        return finite(value) and abs(value) <= _MOST
    return isinstance(value, list) and len(value) == shape[0] and all(_fits(each, shape[1:]) for each in value)


def finite(value: Any) -> bool:
    """Whether it is a number (no bool), and finite as float64: whole numbers of JSON can be too large for that."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def listed(array: NDArray[Any]) -> JSON:
    """Nested lists of an array's numbers."""
    lists: JSON = array.tolist()
    return lists


def integer_of(state: Mapping[str, Any], key: str, most: int = 1 << 62) -> int:
    """A whole number, 0 to `most`.

    Raises:
        InvalidInput: it is none.
    """
    value = entry(state, key)
    if type(value) is not int or not 0 <= value <= most:
        raise InvalidInput(_WHERE, f"{key} is {value!r}; it must be a whole number, 0 or above")
    return value


def check_number(where: str, name: str, value: Any, low: float, high: float = math.inf) -> float:
    """The number, if it is one from `low` to `high`.

    Raises:
        InvalidInput: it is none, or lies outside.
    """
    if not finite(value) or not low <= value <= high:
        bounds = f"at least {low:g}" if math.isinf(high) else f"{low:g} to {high:g}"
        raise InvalidInput(where, f"{name} is {value!r}; it must be a number, {bounds}")
    return float(value)


def generator_state(rng: np.random.Generator) -> dict[str, JSON]:
    """Where a generator stands."""
    inside = rng.bit_generator.state
    return {"state": inside["state"]["state"], "inc": inside["state"]["inc"], "kind": inside["bit_generator"]}


def generator_of(value: Any) -> np.random.Generator:
    """The generator that stands where `generator_state` says.

    Raises:
        InvalidInput: it says nothing of the kind.
    """
    if not isinstance(value, Mapping) or value.get("kind") != "PCG64":
        raise InvalidInput(_WHERE, "rng must be the state of a PCG64 generator")
    numbers = {key: integer_of(value, key, (1 << 128) - 1) for key in ("state", "inc")}
    rng = np.random.default_rng(0)
    rng.bit_generator.state = {"bit_generator": "PCG64", "state": numbers, "has_uint32": 0, "uinteger": 0}
    return rng
