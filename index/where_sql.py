"""A parsed filter as SQL over the `passages` table: every value and every path is a bound parameter.

Fields of `meta` are looked up in the JSON (`json_type`, `json_extract`, and `json_each` for lists), or in a real column
when the field has one. Numbers in JSON are compared as SQLite reads them, so two that differ only in the sixteenth
digit may compare as equal; and a NUL character ends a string there.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from .where import All, AnyOf, Compare, Equals, Exists, Node, Not, Scalar

__all__ = ["ColumnType", "column_name", "to_sql"]

ColumnType = Literal["integer", "real", "text"]

_OWN_COLUMNS = {"id": "id", "doc_id": "coalesce(doc_id, id)", "title": "title"}


def column_name(field: str) -> str:
    """The real column that holds a named field of `meta`, quoted. `check_field` forbids the quote inside."""
    return f'"meta.{field}"'


def to_sql(node: Node, columns: Mapping[str, ColumnType]) -> tuple[str, dict[str, int | float | str]]:
    """A condition over the `passages` table, and the values to bind by name.

    Args:
        columns: fields of `meta` that have a real column, which is what makes a filter on them fast.

    A condition that is NULL counts as false; only a negation has to say so, because AND and OR keep it that way.
    """
    compiler = _Compiler(columns)
    return compiler.condition(node), compiler.bound


class _Compiler:
    def __init__(self, columns: Mapping[str, ColumnType]) -> None:
        self.columns = columns
        self.bound: dict[str, int | float | str] = {}

    def bind(self, value: int | float | str) -> str:
        name = f"v{len(self.bound)}"
        self.bound[name] = value
        return f":{name}"

    def condition(self, node: Node) -> str:
        if isinstance(node, All):
            return " AND ".join(f"({self.condition(child)})" for child in node.children) or "1"
        if isinstance(node, AnyOf):
            return " OR ".join(f"({self.condition(child)})" for child in node.children)
        if isinstance(node, Not):
            return f"NOT ifnull({self.condition(node.child)}, 0)"
        own = _OWN_COLUMNS.get(node.field)
        if isinstance(node, Exists):
            return "1" if own else f"json_type(meta, {self.bind(_json_path(node.field))}) IS NOT NULL"
        if own:
            return self.on_column(node, own, "text")
        if node.field in self.columns:
            return self.on_column(node, column_name(node.field), self.columns[node.field])
        return self.on_json(node)

    def on_column(self, node: Equals | Compare, column: str, kind: ColumnType) -> str:
        """A column holds values of one kind only, so values of another never match."""
        if isinstance(node, Compare):
            return (
                f"{column} {node.symbol} {self.bind(node.value)}" if _is_text(node.value) == (kind == "text") else "0"
            )
        numbers, strings = _by_kind(node.values)
        values = [self.bind(value) for value in (strings if kind == "text" else numbers)]
        parts = [f"{column} IN ({', '.join(values)})"] if values else []
        if None in node.values:
            parts.append(f"{column} IS NULL")
        return " OR ".join(parts) or "0"

    def on_json(self, node: Equals | Compare) -> str:
        path = self.bind(_json_path(node.field))
        test = self.test_of(node)
        kind, value = f"json_type(meta, {path})", f"json_extract(meta, {path})"
        missing = f" OR {kind} IS NULL" if isinstance(node, Equals) and None in node.values else ""
        return (
            f"CASE WHEN {kind} = 'array' THEN EXISTS "
            f"(SELECT 1 FROM json_each(meta, {path}) AS e WHERE {test.format(kind='e.type', value='e.atom')}) "
            f"ELSE {test.format(kind=kind, value=value)}{missing} END"
        )

    def test_of(self, node: Equals | Compare) -> str:
        """A condition on one JSON value, with places for the SQL of its `{kind}` and of its `{value}`."""
        if isinstance(node, Compare):
            kinds = "('text')" if _is_text(node.value) else "('integer', 'real')"
            return f"{{kind}} IN {kinds} AND {{value}} {node.symbol} {self.json_value(node.value)}"
        numbers, strings = _by_kind(node.values)
        parts = []
        if numbers:
            parts.append(f"({{kind}} IN ('integer', 'real') AND {{value}} IN ({self.json_list(numbers)}))")
        if strings:
            parts.append(f"({{kind}} = 'text' AND {{value}} IN ({self.json_list(strings)}))")
        for constant, name in ((True, "true"), (False, "false"), (None, "null")):
            if any(value is constant for value in node.values):
                parts.append(f"{{kind}} = '{name}'")
        return " OR ".join(parts) or "0"

    def json_list(self, values: Sequence[int | float | str]) -> str:
        return ", ".join(self.json_value(value) for value in values)

    def json_value(self, value: int | float | str) -> str:
        """A float goes in as JSON text: SQLite then reads it exactly as it reads the stored ones."""
        if isinstance(value, float):
            return f"json_extract({self.bind(json.dumps(value))}, '$')"
        return self.bind(value)


def _by_kind(values: Sequence[Scalar]) -> tuple[list[int | float], list[str]]:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return numbers, [value for value in values if isinstance(value, str)]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _json_path(field: str) -> str:
    return "$" + "".join(f'."{part}"' for part in field.split("."))
