"""Tables for a paper: LaTeX with booktabs, one `table` float each, ready for \\input."""

import re
from collections.abc import Mapping

from spaniel.eval.results_format import CollectionResults

from .fold import fold
from .table import Cell, Row, Table
from .tables import Results, all_tables, parts_table

__all__ = ["escape", "latex_table", "render_latex"]

_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "–": "--", "−": "$-$", "▲": r"$\uparrow$", "▼": r"$\downarrow$",
}  # fmt: skip
_SPECIAL = re.compile("|".join(map(re.escape, _ESCAPES)))
_MARKS = {"": "", "better": r"$^{\uparrow}$", "worse": r"$^{\downarrow}$"}
_NEEDS = "% Needs \\usepackage{booktabs} and \\usepackage[T1]{fontenc}; fits the column of `article`, 345 pt.\n"
# Characters a line: of the 8 pt digits of \footnotesize 81 fit beside each other, less what stands between columns.
_PAGE = 68


def render_latex(results: Results, parts: Mapping[str, CollectionResults] | None = None) -> str:
    """Every table as a float with its caption and label; everything that comes from data is escaped."""
    tables = [*all_tables(results), *([parts_table(parts)] if parts else [])]
    return _NEEDS + "\n".join(map(latex_table, tables))


def escape(text: str) -> str:
    r"""Text that LaTeX prints as it stands, on one line; other scripts are left to the engine.

    Example:
        >>> print(escape("50% of A_1 & B^2 {x}"))
        50\% of A\_1 \& B\textasciicircum{}2 \{x\}
    """
    flat = "".join(char if char.isprintable() else " " for char in text)
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], flat)


def latex_table(table: Table) -> str:
    """One float; intervals stand below their means in small type, columns that do not fit in a second tabular."""
    blocks, notes = fold(table, _PAGE)
    lines = [
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{escape(f'{table.title}. {table.caption}').strip()}}}",
        rf"\label{{tab:{table.name}}}",
        r"\footnotesize\setlength{\tabcolsep}{3pt}",
        "\n\n\\medskip\n".join(_tabular(block) for block in blocks),
        *(rf"\par\smallskip {escape(note)}" for note in notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _tabular(table: Table) -> str:
    columns = "".join("r" if column.numeric else "l" for column in table.columns)
    lines = [
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _line([escape(column.heading) for column in table.columns]),
        r"\midrule",
        *_body(table),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines)


def _body(table: Table) -> list[str]:
    lines, group = [], ""
    for row in table.rows:
        if row.group != group:
            group = row.group
            lines += [r"\midrule", rf"\multicolumn{{{len(table.columns)}}}{{l}}{{\emph{{{escape(group)}}}}} \\"]
        lines += _rows(row)
    return lines


def _rows(row: Row) -> list[str]:
    lines = [_line([_cell(cell) for cell in row.cells])]
    if any(cell.detail for cell in row.cells):
        lines.append(
            _line([rf"{{\scriptsize {escape(cell.detail_line)}}}" if cell.detail else "" for cell in row.cells])
        )
    return lines


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    return (rf"\textbf{{{text}}}" if cell.strong else text) + _MARKS[cell.mark]


def _line(cells: list[str]) -> str:
    # A row that begins with a bracket would be read as the length of the line break before it.
    return " & ".join(f"{{{cell}}}" if cell.startswith("[") else cell for cell in cells) + r" \\"
