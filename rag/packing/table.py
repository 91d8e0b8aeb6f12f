"""Packers and set scorers by name: the closed tables that TOML and the command line go by."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from spaniel.rerank.judges.base import Judge
from spaniel.retrieval.converted import converted
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import Encoder
from spaniel.retrieval.types import JSON

from .base import Packer
from .carrot import Carrot
from .coverage import Coverage
from .greedy import Greedy
from .judged_sets import JudgedSets
from .knapsack import Knapsack
from .mmr import MmrPacker
from .sentences import SentencePacker
from .sets import SetScorer
from .top_k import TopK
from .vector_coverage import VectorCoverage

__all__ = ["PACKERS", "SCORERS", "make_packer", "make_scorer", "settings_of"]

PACKERS: Mapping[str, type[Any]] = {
    each.name: each for each in (TopK, SentencePacker, Greedy, MmrPacker, Knapsack, Carrot)
}
"""Name -> dataclass."""

SCORERS: Mapping[str, type[Any]] = {each.name: each for each in (Coverage, VectorCoverage, JudgedSets)}
"""Name -> dataclass."""

_PARTS = ("encoder", "judge")
"""Fields that are objects: they come by keyword, not from TOML."""


def make_packer(name: str, *, encoder: Encoder | None = None, judge: Judge | None = None, **settings: Any) -> Packer:
    """A packer from its name and fields.

    Args:
        encoder, judge: for those that compare vectors or ask a judge; others do without.
        settings: fields. A `scorer` is an object, a name, or a table `{"type": name, field: value}`.

    Raises:
        InvalidInput: a name or setting that is not there (the nearest is named), a value that cannot be, or a scorer
            whose encoder or judge is missing.

    Example:
        >>> make_packer("top-k", order="edges")
        TopK(full='cut', max_passages=None, order='edges')
    """
    for key, part, kind in (("encoder", encoder, Encoder), ("judge", judge, Judge)):
        # A string has a method `encode` of its own.
        if part is not None and (isinstance(part, str) or not isinstance(part, kind)):
            raise InvalidInput(f"packer {name}", f"{key} is {part!r}; it is an object, which only Python can give")
    if "scorer" in settings:
        settings["scorer"] = make_scorer(settings["scorer"], encoder=encoder, judge=judge)
    made: Packer = _made("packer", PACKERS, name, settings, {"encoder": encoder})
    return made


def make_scorer(
    given: SetScorer | str | Mapping[str, Any], *, encoder: Encoder | None = None, judge: Judge | None = None
) -> SetScorer:
    """A set scorer from its name, from a table, or itself.

    Raises:
        InvalidInput: see `make_packer`.
    """
    if not isinstance(given, str | Mapping):
        if not isinstance(given, SetScorer):
            raise InvalidInput("scorer", f"is {type(given).__name__}; give a set scorer or the name of one")
        return given
    table = {"type": given} if isinstance(given, str) else dict(given)
    name = table.pop("type", None)
    made: SetScorer = _made("scorer", SCORERS, name, table, {"encoder": encoder, "judge": judge})
    return made


def settings_of(made: Packer | SetScorer) -> dict[str, JSON]:
    """What `make_packer` takes to make it again; what is at its default is left out, and so are encoders and judges.

    Example:
        >>> settings_of(TopK(max_passages=5))
        {'max_passages': 5}
        >>> settings_of(Greedy(Coverage(links=0.0)))
        {'scorer': {'type': 'coverage', 'links': 0.0}}
    """
    written: dict[str, JSON] = {}
    for each in fields(made):  # type: ignore[arg-type]
        value = getattr(made, each.name)
        if each.name in _PARTS or value == each.default:
            continue
        written[each.name] = {"type": value.name, **settings_of(value)} if each.name == "scorer" else value
    return written


def _made(
    what: str, table: Mapping[str, type[Any]], name: object, settings: Mapping[str, Any], parts: Mapping[str, object]
) -> Any:
    """An object of the table."""
    if not isinstance(name, str) or name not in table:
        raise InvalidInput(what, f"no {what} is called {name!r}; {_nearest(str(name), table)}")
    kind = table[name]
    hints = get_type_hints(kind)
    known = {each.name: each for each in fields(kind)}
    values: dict[str, Any] = {}
    for key in (key for key in _PARTS if key in known):
        part = parts.get(key)
        if part is None and known[key].default is not None:
            raise InvalidInput(f"{what} {name}", f"needs {key}=; it cannot be had from a name alone")
        values[key] = part
    for key, value in settings.items():
        if key not in known or key in _PARTS:
            raise InvalidInput(f"{what} {name}", f"no setting {key!r}; {_nearest(key, known)}")
        try:
            values[key] = value if key == "scorer" else converted(value, hints[key])
        except ValueError as error:
            raise InvalidInput(f"{what} {name}", f"{key} = {value!r}: {error}") from None
    return kind(**values)


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
