"""A table before it has a notation: what the terminal, Markdown, LaTeX and HTML all show."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["BETTER", "WORSE", "Cell", "Column", "Mark", "Row", "Table"]

Mark = Literal["", "better", "worse"]
BETTER, WORSE = "▲", "▼"


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place.

    Attributes:
        detail: smaller, below or after the text: an interval, a source; several parts each on a line.
        mark: whether it is significantly better or worse than the baseline.
        strong: the best of its column.
    """

    text: str
    detail: str = ""
    mark: Mark = ""
    strong: bool = False

    @property
    def detail_line(self) -> str:
        """The detail on one line."""
        return self.detail.replace("\n", ", ")

    @property
    def marked(self) -> str:
        """The text with its mark as a sign."""
        return {"": self.text, "better": f"{self.text} {BETTER}", "worse": f"{self.text} {WORSE}"}[self.mark]


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; columns of numbers stand to the right."""

    name: str
    numeric: bool = True
    unit: str = ""

    @property
    def heading(self) -> str:
        """The name with its unit."""
        return f"{self.name}, {self.unit}" if self.unit else self.name


@dataclass(frozen=True, slots=True)
class Row:
    """As many cells as there are columns; the first names the row. Rows of another `group` follow a rule."""

    cells: tuple[Cell, ...]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, rows, and what a reader has to know to understand them."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    caption: str = ""
    groups: Sequence[str] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        assert all(len(row.cells) == len(self.columns) for row in self.rows)
