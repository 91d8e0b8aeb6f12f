"""Schedules by name: the closed table that TOML, the command line and traces go by.

A schedule is written as its name, or with parameters: `"window"`, `"window:window=20,step=10"`; the parameters are the
fields of its dataclass, and what is left out is the default.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from spaniel.retrieval.converted import converted
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .allpair import Allpair
from .base import Schedule
from .blitzrank import BlitzRank
from .heapsort import Heapsort
from .jointrank import JointRank
from .knockout import Knockout
from .mohajer import Mohajer
from .pointwise import Pointwise
from .quicksort import Quicksort
from .sampled import Sampled
from .setwise_heap import SetwiseHeap
from .setwise_insertion import SetwiseInsertion
from .sliding import Sliding
from .tdpart import TDPart
from .tourrank import TourRank
from .window import Window

__all__ = ["SCHEDULES", "as_schedule", "make_schedule", "read_schedule", "shown", "written"]

_ALL: tuple[type[Any], ...] = (
    Pointwise,
    # pairs
    Allpair,
    Sampled,
    Heapsort,
    Quicksort,
    Sliding,
    Mohajer,
    Knockout,
    # lists
    Window,
    SetwiseHeap,
    SetwiseInsertion,
    TDPart,
    TourRank,
    BlitzRank,
    JointRank,
)

SCHEDULES: Mapping[str, type[Any]] = {each.name: each for each in _ALL}
"""Name -> dataclass."""


def as_schedule(given: Schedule | str | None) -> Schedule:
    """A schedule as arguments take it: itself, by name, or pointwise when None.

    Raises:
        InvalidInput: see `read_schedule`; or it is something else.
    """
    if given is None:
        return Pointwise()
    if isinstance(given, str):
        return read_schedule(given)
    if not isinstance(given, Schedule) or isinstance(given, type):
        what = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
        raise InvalidInput("schedule", f"is {what}; give a schedule, such as Window(), or the name of one")
    return given


def read_schedule(text: str) -> Schedule:
    """A schedule as one writes it: `name`, or `name:key=value,key=value`.

    Raises:
        InvalidInput: a name or key that is not in the table (the nearest is named), or a value that cannot be.

    Example:
        >>> read_schedule("pointwise")
        Pointwise()
    """
    name, _, rest = text.partition(":")
    settings: dict[str, JSON] = {}
    for part in filter(None, (each.strip() for each in rest.split(","))):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise InvalidInput(
                f"schedule {text!r}", f"{part!r} is not key=value", hint="write window:window=20,step=10"
            )
        if key.strip() in settings:
            raise InvalidInput(f"schedule {text!r}", f"{key.strip()!r} is there twice")
        settings[key.strip()] = value.strip()
    return make_schedule(name.strip(), settings)


def make_schedule(name: str, settings: Mapping[str, JSON]) -> Schedule:
    """A schedule from its name and fields; values may be strings, as on a command line.

    Raises:
        InvalidInput: see `read_schedule`.
    """
    if name not in SCHEDULES:
        raise InvalidInput("schedule", f"no schedule is called {name!r}; {_nearest(name, SCHEDULES)}")
    kind = SCHEDULES[name]
    hints = get_type_hints(kind)
    keys = [each.name for each in fields(kind)]
    values = {}
    for key, value in settings.items():
        if key not in keys:
            raise InvalidInput(f"schedule {name}", f"no setting {key!r}; {_nearest(key, keys)}")
        try:
            values[key] = converted(value, hints[key], strict=not isinstance(value, str))
        except ValueError as error:
            raise InvalidInput(f"schedule {name}", f"{key} = {value!r}: {error}") from None
    made: Schedule = kind(**values)
    return made


def written(schedule: Schedule) -> str:
    """The schedule as `read_schedule` takes it; what is at its default is left out.

    Example:
        >>> written(Pointwise())
        'pointwise'
    """
    plain = type(schedule)()
    changed = {
        each.name: getattr(schedule, each.name)
        for each in fields(schedule)  # type: ignore[arg-type]
        if getattr(schedule, each.name) != getattr(plain, each.name)
    }
    settings = ",".join(f"{name}={shown(value)}" for name, value in changed.items())
    return f"{schedule.name}:{settings}" if settings else schedule.name


def shown(value: object) -> str:
    """A setting as one writes it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if not names:
        return "it has no settings"
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
