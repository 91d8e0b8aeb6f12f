"""Filters on passages: a small Mongo-like dict, parsed strictly.

    {"year": {"$gte": 2020}, "tags": "physics", "$or": [{"lang": "en"}, {"lang": {"$exists": False}}]}

Operators: `$eq` (what a bare value means), `$ne`, `$gt`, `$gte`, `$lt`, `$lte`, `$in`, `$nin`, `$exists`, `$and`,
`$or`, `$not`. Keys name fields of `meta`, dots go into nested objects; `id`, `doc_id` and `title` name the passage's
own. The rules:

- values compare only within their kind: numbers with numbers, strings with strings (by code point), booleans with
  booleans; a value of another kind does not match, it is no error;
- a list in `meta` matches when one of its elements does;
- `None` equals null and a missing field; `$ne`, `$nin` and `$not` are plain negations, so they match a missing field.

`parse` makes the tree and rejects everything it does not know; `matches` reads the rules in plain Python, and is the
reference that `where_sql.py` is tested against. Left out on purpose: regular expressions and paths into elements of
lists.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spaniel.retrieval.errors import InvalidQuery, LimitExceeded

__all__ = [
    "MAX_CLAUSES",
    "MAX_DEPTH",
    "MAX_VALUES",
    "OWN_FIELDS",
    "All",
    "AnyOf",
    "Compare",
    "Equals",
    "Exists",
    "Node",
    "Not",
    "check_field",
    "matches",
    "parse",
]

Scalar = None | bool | int | float | str

MAX_DEPTH = 16
MAX_CLAUSES = 256
MAX_VALUES = 10_000
_MAX_FIELD_CHARS = 256
OWN_FIELDS = ("id", "doc_id", "title")
_SYMBOLS = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_FIELD_OPERATORS = ("$eq", "$ne", *_SYMBOLS, "$in", "$nin", "$exists", "$not")
_TREE_OPERATORS = ("$and", "$or", "$not")
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class All:
    """Every child matches; true when there is none."""

    children: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One child matches."""

    children: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The child does not match."""

    child: "Node"


@dataclass(frozen=True, slots=True)
class Equals:
    """The field equals one of the values."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """`field symbol value`; the value is a number or a string."""

    field: str
    symbol: str
    value: int | float | str


@dataclass(frozen=True, slots=True)
class Exists:
    """The field is there, even as null."""

    field: str


Node = All | AnyOf | Not | Equals | Compare | Exists


def parse(where: Mapping[str, object]) -> Node:
    """Check a filter and turn it into a tree.

    Raises:
        InvalidQuery: an unknown operator (the nearest one is named), a value that does not fit its operator, a key
            that cannot be looked up.
        LimitExceeded: deeper than `MAX_DEPTH`, more than `MAX_CLAUSES` conditions or `MAX_VALUES` values.
    """
    return _Parser().tree(where, depth=1)


def check_field(field: object) -> str:
    """The field name itself, when it can be looked up in JSON and named in SQL.

    Raises:
        InvalidQuery: not a string, empty, too long, an empty part, or a quote, backslash or control character.
    """
    if not isinstance(field, str) or not field:
        raise InvalidQuery(f"a filter's keys are names of fields, got {field!r}")
    if len(field) > _MAX_FIELD_CHARS:
        raise LimitExceeded("characters of a field name in a filter", len(field), _MAX_FIELD_CHARS)
    if not all(field.split(".")):
        raise InvalidQuery(f"field {field!r} has an empty part; dots go into nested objects")
    if any(char in '"\\' or ord(char) < 0x20 or 0xD800 <= ord(char) < 0xE000 for char in field):
        raise InvalidQuery(f"field {field!r} has a quote, backslash, control or surrogate character")
    return field


class _Parser:
    """Counts what it has seen, so that the limits hold over the whole filter."""

    def __init__(self) -> None:
        self.n_clauses = self.n_values = 0

    def tree(self, where: object, depth: int) -> Node:
        if not isinstance(where, Mapping):
            raise InvalidQuery(f'a filter is a dict such as {{"year": {{"$gte": 2020}}}}, got {where!r}')
        if depth > MAX_DEPTH:
            raise LimitExceeded("depth of the filter", depth, MAX_DEPTH)
        return _all([self.entry(key, value, depth) for key, value in where.items()])

    def entry(self, key: object, value: object, depth: int) -> Node:
        if not (isinstance(key, str) and key.startswith("$")):
            return self.field(check_field(key), value, depth)
        if key == "$not":
            return Not(self.tree(value, depth + 1))
        if key not in ("$and", "$or"):
            raise InvalidQuery(_unknown(key, _TREE_OPERATORS, "between fields"))
        if not isinstance(value, list | tuple) or not value:
            raise InvalidQuery(f"{key} takes a list of at least one filter, got {value!r}")
        children = [self.tree(child, depth + 1) for child in value]
        return _all(children) if key == "$and" else AnyOf(tuple(children))

    def field(self, field: str, value: object, depth: int) -> Node:
        if not isinstance(value, Mapping):
            return self.operator(field, "$eq", value, depth)
        if not value:
            raise InvalidQuery(f'field {field!r} has an empty condition; for "is there" write {{"$exists": true}}')
        return _all([self.operator(field, name, operand, depth) for name, operand in value.items()])

    def operator(self, field: str, name: object, operand: object, depth: int) -> Node:
        self.n_clauses += 1
        if self.n_clauses > MAX_CLAUSES:
            raise LimitExceeded("conditions in the filter", self.n_clauses, MAX_CLAUSES)
        if name in ("$eq", "$ne", "$in", "$nin"):
            return self.equality(field, str(name), operand)
        if isinstance(name, str) and name in _SYMBOLS:
            value = self.scalar(field, name, operand)
            if value is None or isinstance(value, bool):
                raise InvalidQuery(f"{name} of field {field!r} takes a number or a string, got {value!r}")
            return Compare(field, _SYMBOLS[name], value)
        if name == "$exists":
            if not isinstance(operand, bool):
                raise InvalidQuery(f"$exists of field {field!r} takes true or false, got {operand!r}")
            return Exists(field) if operand else Not(Exists(field))
        if name == "$not":
            if not isinstance(operand, Mapping):
                raise InvalidQuery(f"$not of field {field!r} takes operators; for a plain value write $ne")
            if depth >= MAX_DEPTH:
                raise LimitExceeded("depth of the filter", depth + 1, MAX_DEPTH)
            return Not(self.field(field, operand, depth + 1))
        raise InvalidQuery(_unknown(name, _FIELD_OPERATORS, f"of field {field!r}"))

    def equality(self, field: str, name: str, operand: object) -> Node:
        if name in ("$in", "$nin"):
            if not isinstance(operand, list | tuple | set | frozenset):
                raise InvalidQuery(f"{name} of field {field!r} takes a list, got {operand!r}")
            values = tuple(self.scalar(field, name, value) for value in operand)
        else:
            values = (self.scalar(field, name, operand),)
        node = Equals(field, values)
        return Not(node) if name in ("$ne", "$nin") else node

    def scalar(self, field: str, name: str, value: object) -> Scalar:
        self.n_values += 1
        if self.n_values > MAX_VALUES:
            raise LimitExceeded("values in the filter", self.n_values, MAX_VALUES)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            if any(char == "\0" or 0xD800 <= ord(char) < 0xE000 for char in value):
                raise InvalidQuery(f"{name} of field {field!r}: {value!r} has a NUL or surrogate, which is no text")
            return value
        if isinstance(value, int) and value in _INT64:
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        advice = "; use $in for one of several" if isinstance(value, list | tuple | set) else ""
        raise InvalidQuery(
            f"{name} of field {field!r} takes null, a boolean, a 64-bit or finite number or a string, "
            f"got {value!r}{advice}"
        )


def _all(children: list[Node]) -> Node:
    return children[0] if len(children) == 1 else All(tuple(children))


def _unknown(name: object, known: Sequence[str], place: str) -> str:
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.65)
    advice = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
    return f"unknown operator {name!r} {place} in the filter{advice}"


def matches(node: Node, own: Mapping[str, str], meta: Mapping[str, object]) -> bool:
    """Whether one passage matches; the plain reading of the rules in the module's docstring.

    Args:
        own: the passage's `id`, `doc_id` and `title`.
        meta: its meta, as JSON values.
    """
    if isinstance(node, All):
        return all(matches(child, own, meta) for child in node.children)
    if isinstance(node, AnyOf):
        return any(matches(child, own, meta) for child in node.children)
    if isinstance(node, Not):
        return not matches(node.child, own, meta)
    found, value = (True, own[node.field]) if node.field in OWN_FIELDS else _look_up(meta, node.field.split("."))
    if isinstance(node, Exists):
        return found
    if not found:
        return isinstance(node, Equals) and None in node.values
    return any(_one_matches(node, item) for item in (value if isinstance(value, list | tuple) else [value]))


def _look_up(meta: object, parts: Sequence[str]) -> tuple[bool, object]:
    for part in parts:
        if not isinstance(meta, Mapping) or part not in meta:
            return False, None
        meta = meta[part]
    return True, meta


def _one_matches(node: Equals | Compare, value: object) -> bool:
    if isinstance(node, Equals):
        return any(_kind(wanted) == _kind(value) and wanted == value for wanted in node.values)
    if _kind(value) != _kind(node.value):
        return False
    order = (value > node.value) - (value < node.value)  # type: ignore[operator]
    return {">": order > 0, ">=": order >= 0, "<": order < 0, "<=": order <= 0}[node.symbol]


def _kind(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "none of these"
