"""Tables and the whole report as Markdown (the dialect of GitHub: pipes)."""

import re
from collections.abc import Iterable, Mapping

from spaniel.eval.results_format import CollectionResults

from .facts import all_warnings, command_of, facts_of, finding, hashes_of, origin_of, title_of
from .table import Cell, Table
from .tables import Results, all_tables, parts_table

__all__ = ["markdown_table", "render_markdown"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!$])")


def render_markdown(results: Results, parts: Mapping[str, CollectionResults] | None = None) -> str:
    """Warnings, tables, facts and the command; everything that comes from data is escaped.

    Args:
        parts: of several collections, each one's results by name.

    Example:
        >>> escape("a|b *c*")
        'a\\\\|b \\\\*c\\\\*'
    """
    blocks = [f"# {escape(title_of(results))}", escape(finding(results))]
    if warnings := all_warnings(results, parts or {}):
        blocks.append("\n".join(f"> **Warning:** {escape(warning)}" for warning in warnings))
    tables = [*all_tables(results), *([parts_table(parts)] if parts else [])]
    for table in tables:
        blocks += [f"## {table.title}", markdown_table(table), escape(table.caption)]
    blocks += ["## Collection", _list(facts_of(results)), _list((f"sha256 {k}", v) for k, v in hashes_of(results))]
    blocks += ["## How to reproduce", _code(command_of(results)), _list(origin_of(results))]
    return "\n\n".join(block for block in blocks if block) + "\n"


def escape(text: str) -> str:
    """Text that Markdown and the HTML inside it leave alone, on one line."""
    flat = "".join(char if char.isprintable() else " " for char in text)
    return _SPECIAL.sub(r"\\\1", flat)


def markdown_table(table: Table) -> str:
    """A row a line; a detail follows in small type."""
    heads = [escape(column.heading) for column in table.columns]
    lines = [_row(heads), _row("---:" if column.numeric else "---" for column in table.columns)]
    group = ""
    for row in table.rows:
        if row.group != group:
            group = row.group
            lines.append(_row([f"*{escape(group)}*", *[""] * (len(heads) - 1)]))
        lines.append(_row(map(_cell, row.cells)))
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _list(facts: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- {escape(name)}: {escape(value)}" for name, value in facts)


def _code(text: str) -> str:
    """A fenced block whose fence is longer than any in the text."""
    flat = "".join(char if char.isprintable() else " " for char in text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", flat)), default=0))
    return f"{fence}text\n{flat}\n{fence}" if flat else ""


def _cell(cell: Cell) -> str:
    text = escape(cell.marked)
    if cell.strong:
        text = f"**{text}**"
    return f"{text}<br><small>{escape(cell.detail_line)}</small>" if cell.detail else text
