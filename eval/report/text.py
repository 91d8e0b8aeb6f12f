"""Tables for a terminal: two lines a row, aligned by what characters take up, without control characters."""

import textwrap
import unicodedata
from collections.abc import Sequence

from .facts import warnings_of
from .svg import clipped
from .table import Cell, Row, Table
from .tables import Results, all_tables

__all__ = ["render_text", "text_table"]

_GAP = "  "
_MAX_DETAIL = 44


def render_text(results: Results, *, warnings: bool = True) -> str:
    """The tables of an evaluation for a terminal, warnings first if they are wanted; no trailing line feed."""
    said = [_line(f"warning: {warning}") for warning in warnings_of(results)] if warnings else []
    tables = [f"{text_table(table)}\n{_wrapped(table.caption)}" for table in all_tables(results)]
    return "\n\n".join(["\n".join(said), *tables] if said else tables)


def text_table(table: Table) -> str:
    """The table without its caption; details stand in a second line, rows of a group below its name.

    Example:
        >>> from spaniel.eval.report.table import Column
        >>> rows = [Row((Cell("bm25"), Cell("0.6789", "0.635–0.722")))]
        >>> print(text_table(Table("t", "T", [Column("Pipeline", numeric=False), Column("nDCG@10")], rows)))
        Pipeline      nDCG@10
        ─────────────────────
        bm25           0.6789
                  0.635–0.722
    """
    blocks = [_lines_of(row) for row in table.rows]
    rows = [tuple(column.heading for column in table.columns), *(line for block in blocks for line in block)]
    widths = [max(_width(row[place]) for row in rows) for place in range(len(table.columns))]
    rule = "─" * (sum(widths) + len(_GAP) * (len(widths) - 1))
    lines = [_aligned(rows[0], widths, table), rule]
    group = ""
    for row, block in zip(table.rows, blocks, strict=True):
        if row.group != group:
            group = row.group
            lines += [rule, group]
        lines += [_aligned(line, widths, table) for line in block]
    return "\n".join(line.rstrip() for line in lines)


def _lines_of(row: Row) -> list[tuple[str, ...]]:
    """One line, or two when a cell has a detail."""
    lines = [tuple(_line(_signs(cell)) for cell in row.cells)]
    if any(cell.detail for cell in row.cells):
        lines.append(tuple(clipped(_line(cell.detail_line), _MAX_DETAIL) for cell in row.cells))
    return lines


def _signs(cell: Cell) -> str:
    """The best of a column gets a star, for there is no bold in plain text."""
    return f"{cell.marked} *" if cell.strong else cell.marked


def _aligned(line: Sequence[str], widths: Sequence[int], table: Table) -> str:
    cells = []
    for text, width, column in zip(line, widths, table.columns, strict=True):
        blanks = " " * (width - _width(text))
        cells.append(blanks + text if column.numeric else text + blanks)
    return _GAP.join(cells)


def _width(text: str) -> int:
    """Cells of a terminal: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _line(text: str) -> str:
    """One line that cannot steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def _wrapped(text: str, width: int = 100) -> str:
    """The caption; what is bold elsewhere has a star here."""
    return textwrap.fill(_line(text).replace("Bold:", "*"), width)
