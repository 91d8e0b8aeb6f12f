"""A table as HTML: caption, scoped headings, marks that are also said in words."""

from .markup import Markup, joined, tag
from .table import BETTER, WORSE, Cell, Column, Table
from .tables import Results, figures_table

__all__ = ["html_table", "render_html"]

# Notebooks bring their own style; this only puts intervals below their means.
_NOTEBOOK = "margin:0;font-size:.8em;opacity:.7"


def render_html(results: Results) -> str:
    """The table of figures as a fragment, for notebooks; the whole page is `page.render_page`."""
    return html_table(figures_table(results), notebook=True)


def html_table(table: Table, *, notebook: bool = False) -> Markup:
    """The table with its caption; with `notebook`, styles stand on the elements."""
    heads = [
        tag("th", column.name, tag("span", f" {column.unit}", class_="unit") if column.unit else None,
            scope="col", class_="n" if column.numeric else None)
        for column in table.columns
    ]  # fmt: skip
    return tag(
        "table",
        tag("caption", table.caption) if table.caption else None,
        tag("thead", tag("tr", heads)),
        _bodies(table, notebook),
    )


def _bodies(table: Table, notebook: bool) -> list[Markup]:
    """A tbody a group; a named one begins with its heading."""
    bodies: list[Markup] = []
    for group in dict.fromkeys(row.group for row in table.rows):
        rows = [
            tag("tr", (_cell(cell, column, place == 0, notebook)
                for place, (cell, column) in enumerate(zip(row.cells, table.columns, strict=True))))
            for row in table.rows if row.group == group
        ]  # fmt: skip
        if group:
            head = tag("th", group, scope="rowgroup", colspan=len(table.columns))
            rows.insert(0, tag("tr", head, class_="group"))
        bodies.append(tag("tbody", rows, class_="aside" if group else None))
    return bodies


def _cell(cell: Cell, column: Column, first: bool, notebook: bool) -> Markup:
    text = tag("strong", cell.text) if cell.strong else cell.text
    style = _NOTEBOOK if notebook else None
    detail = tag("div", cell.detail, class_="detail", style=style) if cell.detail else None
    content = joined(text, _mark(cell), detail)
    if first:
        return tag("th", content, scope="row")
    return tag("td", content, class_="n" if column.numeric else None)


def _mark(cell: Cell) -> Markup | None:
    if not cell.mark:
        return None
    sign = BETTER if cell.mark == "better" else WORSE
    said = f"significantly {cell.mark} than the baseline"
    return joined(" ", tag("span", sign, class_=f"mark {cell.mark}", role="img", aria_label=said, title=said))
