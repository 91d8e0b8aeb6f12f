"""Tables for a terminal: two lines a row, aligned by what characters take up, without control characters."""

import textwrap
from collections.abc import Sequence

from .facts import warnings_of
from .fold import MAX_DETAIL, fold, printed_width
from .svg import clipped
from .table import Cell, Row, Table
from .tables import Results, all_tables

__all__ = ["render_text", "text_table"]

_GAP = "  "
_CAPTION = 100
_NARROWEST = 16  # what a column of words is wrapped to at least


def render_text(results: Results, *, warnings: bool = True, width: int | None = None) -> str:
    """The tables of an evaluation for a terminal, warnings first if they are wanted; no trailing line feed.

    Args:
        width: characters a line; None for as many as the tables take.
    """
    said = [_line(f"warning: {warning}") for warning in warnings_of(results)] if warnings else []
    wrap = min(width or _CAPTION, _CAPTION)
    tables = [f"{text_table(table, width=width)}\n{_wrapped(table.caption, wrap)}" for table in all_tables(results)]
    return "\n\n".join(["\n".join(said), *tables] if said else tables)


def text_table(table: Table, *, width: int | None = None) -> str:
    """The table without its caption; details stand in a second line, rows of a group below its name.

    Args:
        width: characters a line. What does not fit is wrapped (words) or folded into blocks below each other, each
            with the names of the rows; None for as many as it takes.

    Example:
        >>> from spaniel.eval.report.table import Column
        >>> rows = [Row((Cell("bm25"), Cell("0.6789", "0.635–0.722")))]
        >>> print(text_table(Table("t", "T", [Column("Pipeline", numeric=False), Column("nDCG@10")], rows)))
        Pipeline      nDCG@10
        ─────────────────────
        bm25           0.6789
                  0.635–0.722
    """
    if width is None:
        return _block(table, None)
    if _wraps(table, width):
        return _block(table, width)
    blocks, notes = fold(table, width)
    shown = [_block(block, width) for block in blocks]
    return "\n\n".join(shown) + "".join(f"\n{_wrapped(note, width)}" for note in notes)


def _wraps(table: Table, width: int) -> bool:
    """Whether wrapping its last column, of words, makes it fit with a line that can be read."""
    if table.columns[-1].numeric:
        return False
    widths = _widths(table, [line for row in table.rows for line in _lines_of(row)])
    others = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    return others + max(_NARROWEST, printed_width(table.columns[-1].heading)) <= width


def _block(table: Table, limit: int | None) -> str:
    """One table; where `limit` is given, its widest column of words is wrapped to keep lines within it."""
    blocks = [_lines_of(row) for row in table.rows]
    widths = _widths(table, [line for block in blocks for line in block])
    excess = 0 if limit is None else sum(widths) + len(_GAP) * (len(widths) - 1) - limit
    words = [place for place, column in enumerate(table.columns) if not column.numeric]
    if excess > 0 and words:
        widest = max(words, key=lambda place: widths[place])
        narrow = max(widths[widest] - excess, _NARROWEST)
        blocks = [[each for line in block for each in _wrapped_cell(line, widest, narrow)] for block in blocks]
        widths = _widths(table, [line for block in blocks for line in block])
    rule = "─" * (sum(widths) + len(_GAP) * (len(widths) - 1))
    lines = [_aligned([column.heading for column in table.columns], widths, table), rule]
    group = ""
    for row, block in zip(table.rows, blocks, strict=True):
        if row.group != group:
            group = row.group
            lines += [rule, group]
        lines += [_aligned(line, widths, table) for line in block]
    return "\n".join(line.rstrip() for line in lines)


def _widths(table: Table, lines: Sequence[Sequence[str]]) -> list[int]:
    rows = [[column.heading for column in table.columns], *lines]
    return [max(printed_width(row[place]) for row in rows) for place in range(len(table.columns))]


def _wrapped_cell(line: Sequence[str], place: int, width: int) -> list[tuple[str, ...]]:
    """The line as several, one cell wrapped and the others only in the first."""
    parts = textwrap.wrap(line[place], width) or [""]
    blank = [""] * len(line)
    rows = [list(line), *(list(blank) for _ in parts[1:])]
    for row, part in zip(rows, parts, strict=True):
        row[place] = part
    return [tuple(row) for row in rows]


def _lines_of(row: Row) -> list[tuple[str, ...]]:
    """One line, or two when a cell has a detail."""
    lines = [tuple(_line(_signs(cell)) for cell in row.cells)]
    if any(cell.detail for cell in row.cells):
        lines.append(tuple(clipped(_line(cell.detail_line), MAX_DETAIL) for cell in row.cells))
    return lines


def _signs(cell: Cell) -> str:
    """The best of a column gets a star, for there is no bold in plain text."""
    return f"{cell.marked} *" if cell.strong else cell.marked


def _aligned(line: Sequence[str], widths: Sequence[int], table: Table) -> str:
    cells = []
    for text, width, column in zip(line, widths, table.columns, strict=True):
        blanks = " " * (width - printed_width(text))
        cells.append(blanks + text if column.numeric else text + blanks)
    return _GAP.join(cells)


def _line(text: str) -> str:
    """One line that cannot steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def _wrapped(text: str, width: int) -> str:
    """The caption; what is bold elsewhere has a star here."""
    return textwrap.fill(_line(text).replace("Bold:", "*"), width)
