"""`spaniel eval gate`."""

from typing import TYPE_CHECKING

import click

from .console import Console, with_console

if TYPE_CHECKING:
    from spaniel.eval.gate import Verdict
    from spaniel.eval.report.table import Table

__all__ = ["gate"]


@click.command()
@click.argument("results", metavar="DIR")
@click.option("--baseline", metavar="FILE", required=True, help="Accepted results: a results.json, or its folder.")
@click.option(
    "--max-drop",
    type=click.FloatRange(min=0),
    metavar="POINTS",
    default=0.5,
    show_default=True,
    help="How far a mean may fall, in hundredths.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
    metavar="P",
    default=0.05,
    show_default=True,
    help="A fall is significant when its adjusted p-value is at most this.",
)
@click.option("--measure", "measures", multiple=True, metavar="NAME", help="Gate only these; may be repeated.")
@click.option("--pipeline", "pipelines", multiple=True, metavar="NAME", help="Gate only these; may be repeated.")
@click.option("--update", is_flag=True, help="Take the results for the new baseline, whatever the verdict.")
@with_console
def gate(
    console: Console,
    results: str,
    baseline: str,
    max_drop: float,
    alpha: float,
    measures: tuple[str, ...],
    pipelines: tuple[str, ...],
    update: bool,
) -> int:
    """Fail when figures fell against a baseline.

    Exits with 1 when a mean of DIR fell by more than --max-drop points, or significantly: by a paired test with Holm's
    correction where both sides have a per-query.jsonl, else when the two intervals do not touch. Exits with 2 when the
    two cannot be compared: other collections, or a pipeline or measure that is no longer there. With --update, the
    results become the baseline: values of every query go into a folder, means and intervals alone into a .json file.
    """
    if update:
        return _update(console, results, baseline)
    from spaniel.eval.gate import gate as judge

    verdict = judge(results, baseline, max_drop=max_drop, alpha=alpha, measures=measures, pipelines=pipelines)
    console.emit(verdict.to_dict(), _text(verdict, console.width))
    for note in verdict.notes:
        console.warn(note)
    return 0 if verdict.ok else 1


def _update(console: Console, results: str, baseline: str) -> int:
    from spaniel.eval.accept import accept

    files = [str(file) for file in accept(results, baseline)]
    console.emit({"updated": files}, "\n".join(files))
    return 0


def _text(verdict: "Verdict", width: int | None) -> str:
    from spaniel.eval.report.text import text_table

    failed = sum(not row.ok for row in verdict.rows)
    end = f"failed: {failed} of {len(verdict.rows)}" if failed else f"passed: {len(verdict.rows)}"
    return f"{text_table(_table(verdict), width=width)}\n{end}"


def _table(verdict: "Verdict") -> "Table":
    from spaniel.eval.report.numbers import fraction
    from spaniel.eval.report.table import Cell, Column, Row, Table

    several = len({row.collection for row in verdict.rows}) > 1
    names = [Column(name, numeric=False) for name in ("", *["Collection"] * several, "Pipeline", "Measure")]
    columns = [*names, Column("Baseline"), Column("Now"), Column("Reason", numeric=False)]
    rows = []
    for row in verdict.rows:
        words = ["ok" if row.ok else "FAIL", *[row.collection] * several, row.pipeline, row.measure]
        words += [fraction(row.baseline), fraction(row.figure), row.reason]
        rows.append(Row(tuple(map(Cell, words))))
    return Table("gate", "Gate", columns, rows)
