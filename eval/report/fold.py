"""Tables narrower than their rows: notes for long sources, then the columns in several blocks below each other.

The columns that name a row (the leading ones of words) stand in every block. Used by the terminal and by LaTeX, where a
page cannot scroll.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from .table import Row, Table

__all__ = ["MAX_DETAIL", "fold", "natural_widths", "printed_width"]

MAX_DETAIL = 44
_GAP = 2


def fold(table: Table, width: int) -> tuple[list[Table], list[str]]:
    """(blocks, notes): the table itself where it fits into `width` characters, else parts of it.

    Details in columns of words become notes. A block has at least one column beside the names, however narrow the
    page: such a block is wider than it should be.
    """
    if _total(natural_widths(table)) <= width:
        return [table], []
    table, notes = _noted(table)
    widths = natural_widths(table)
    n_names = _n_names(table)
    names = list(range(n_names))
    if _total(widths) <= width or n_names == len(table.columns):
        return [table], notes
    blocks: list[list[int]] = []
    for place in range(n_names, len(table.columns)):
        if blocks and _total([widths[p] for p in [*names, *blocks[-1], place]]) <= width:
            blocks[-1].append(place)
        else:
            blocks.append([place])
    return [_part(table, [*names, *block]) for block in blocks], notes


def natural_widths(table: Table) -> list[int]:
    """Characters that each column takes, details clipped to `MAX_DETAIL`."""
    rows = [[column.heading for column in table.columns]]
    rows += [[f"{cell.marked} *" if cell.strong else cell.marked for cell in row.cells] for row in table.rows]
    rows += [[cell.detail_line[:MAX_DETAIL] for cell in row.cells] for row in table.rows]
    return [max(printed_width(row[place]) for row in rows) for place in range(len(table.columns))]


def printed_width(text: str) -> int:
    """Cells of a terminal: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _n_names(table: Table) -> int:
    """Leading columns of words."""
    numeric = (place for place, column in enumerate(table.columns) if column.numeric)
    return max(1, next(numeric, len(table.columns)))


def _noted(table: Table) -> tuple[Table, list[str]]:
    """Without details in columns of words, and those details as notes, each once."""
    notes: dict[str, None] = {}
    rows = []
    for row in table.rows:
        cells = list(row.cells)
        for place, (cell, column) in enumerate(zip(row.cells, table.columns, strict=True)):
            if cell.detail and not column.numeric:
                notes[f"{cell.text}: {cell.detail_line}"] = None
                cells[place] = replace(cell, detail="")
        rows.append(Row(tuple(cells), row.group))
    return replace(table, rows=rows), list(notes)


def _part(table: Table, places: Sequence[int]) -> Table:
    """Only these columns."""
    rows = [Row(tuple(row.cells[place] for place in places), row.group) for row in table.rows]
    return replace(table, columns=[table.columns[place] for place in places], rows=rows)
