"""`spaniel eval compare`."""

import errno
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import Console, printable, with_console

if TYPE_CHECKING:
    from spaniel.eval.compare import Change, Comparison
    from spaniel.eval.report.table import Table

__all__ = ["compare"]

_SHOWN = 20


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option(
    "--pipeline", "pipelines", multiple=True, metavar="NAME",
    help="Which pipeline of the folders; given twice: of A, then of B.",
)  # fmt: skip
@click.option("--measure", "measures", multiple=True, metavar="NAME", help="Such as nDCG@10; may be repeated [all].")
@click.option("--collection", metavar="COLLECTION", help="For run files: the collection they answer.")
@click.option("--qrels", metavar="FILE", help="For run files: judgements, BEIR's form or TREC's.")
@click.option("--changes", type=click.IntRange(min=0), metavar="N", default=_SHOWN, show_default=True,
              help="How many queries to list each way.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), metavar="N", default=0, show_default=True, help="Of resampling.")
@with_console
def compare(console: Console, a: str, b: str, **options: Any) -> None:
    """Compare two pipelines query by query.

    A and B are results folders of `eval run`, with one pipeline each or chosen with --pipeline, or two run files (TREC
    or JSON lines) with --collection or --qrels. Shows the paired differences, B minus A, with interval, p-value, wins,
    ties and losses, and the smallest difference the queries can show; how much the rankings overlap; what each stage
    lost; and the queries that changed most.
    """
    for side in (a, b):
        if not Path(side).exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), side)
    are_runs = [not Path(side).is_dir() and not side.endswith(".json") for side in (a, b)]
    if are_runs[0] != are_runs[1]:
        raise click.UsageError("give two results folders, or two run files")
    comparison = _of_runs(a, b, options) if are_runs[0] else _of_folders(a, b, options)
    console.emit(comparison.to_dict(), _text(comparison, a, b, console))
    for warning in comparison.warnings:
        console.warn(warning)


def _of_folders(a: str, b: str, options: dict[str, Any]) -> "Comparison":
    if options["collection"] or options["qrels"]:
        raise click.UsageError("--collection and --qrels belong to run files; results folders bring their own")
    pipelines = options["pipelines"]
    if len(pipelines) > 2:
        raise click.UsageError("--pipeline can be given once, or twice: of A, then of B")
    from spaniel.eval.compare import compare_folders

    return compare_folders(
        a, b,
        pipeline_a=pipelines[0] if pipelines else None, pipeline_b=pipelines[-1] if pipelines else None,
        measures=options["measures"], n_changes=options["changes"], seed=options["seed"],
    )  # fmt: skip


def _of_runs(a: str, b: str, options: dict[str, Any]) -> "Comparison":
    if options["collection"] is not None and options["qrels"] is not None:
        raise click.UsageError("--collection and --qrels exclude each other")
    if options["collection"] is None and options["qrels"] is None:
        raise click.UsageError("run files need judgements: give --collection COLLECTION or --qrels FILE")
    if options["pipelines"]:
        raise click.UsageError("--pipeline belongs to results folders; a run file is one pipeline")
    from spaniel.eval.compare import compare_runs

    chosen = options["measures"]
    rest: dict[str, Any] = {"n_changes": options["changes"], "seed": options["seed"]}
    if options["qrels"] is not None:
        from spaniel.eval.collections.judgements import read_judgements

        qrels = read_judgements(Path(options["qrels"])).qrels
        return compare_runs(a, b, qrels, measures=chosen or ("nDCG@10", "R@100"), **rest)
    from spaniel.eval.collections import collection

    found = collection(options["collection"])
    official = tuple(dict.fromkeys((found.info.official_measure, "nDCG@10", "R@100")))
    rest |= {"relevance": found.info.relevance, "drop_self": found.info.drop_self}
    return compare_runs(a, b, found.qrels, measures=chosen or official, texts=found.queries, **rest)


def _text(comparison: "Comparison", a: str, b: str, console: Console) -> str:
    """Who is who, then the tables one below the other."""
    from spaniel.eval.report.numbers import signed
    from spaniel.eval.report.text import text_table

    sides = [f"{side}: {name} ({path})" for side, name, path in (("A", comparison.a, a), ("B", comparison.b, b))]
    head = "\n".join(map(printable, [*sides, f"{comparison.n_queries:,} queries"]))
    parts = [head, text_table(_measures(comparison), width=console.width)]
    if comparison.overlap:
        parts.append(text_table(_overlaps(comparison), width=console.width))
    if comparison.transitions:
        parts.append(text_table(_transitions(comparison), width=console.width))
    for heading, changes in (("gained", comparison.gained), ("lost", comparison.lost)):
        if changes:
            lines = [f"{signed(one.difference):>8}  {one.a:.4f} → {one.b:.4f}  {_said(one)}" for one in changes]
            lines = [console.fill(line, indent=10) for line in lines]
            parts.append("\n".join([f"Queries that {heading} most, {comparison.main}:", *lines]))
    return "\n\n".join(parts)


def _said(change: "Change") -> str:
    """The query, and which relevant documents made the difference where one side lost them."""
    words = f"{change.query_id}: {change.text}" if change.text else change.query_id
    lost = [f"{side} lost {id_} ({stage})" for side, gone in (("A", change.lost_by_a), ("B", change.lost_by_b))
            for id_, stage in gone.items()]  # fmt: skip
    more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
    return printable(f"{words[:90]}{'  [' + ', '.join(lost[:3]) + more + ']' if lost else ''}")


def _measures(comparison: "Comparison") -> "Table":
    from spaniel.eval.report.numbers import NOTHING, count, fraction, interval, p_value, signed
    from spaniel.eval.report.table import Cell, Column, Row, Table

    rows = []
    for name, (a, b, paired, p) in comparison.measures.items():
        known = not math.isnan(paired.low)
        words = [Cell(name), Cell(fraction(a)), Cell(fraction(b)), Cell(signed(paired.difference)),
                 Cell(interval(paired.low, paired.high, sign=True) if known else NOTHING), Cell(p_value(paired.p)),
                 Cell(p_value(p)), *(Cell(count(n)) for n in (paired.wins, paired.ties, paired.losses)),
                 Cell(NOTHING if math.isnan(paired.mde) else fraction(paired.mde))]  # fmt: skip
        rows.append(Row(tuple(words)))
    heads = ("A", "B", "B − A", "95% interval", "p", "p adjusted", "Wins", "Ties", "Losses", "MDE")
    return Table("measures", "", [Column("Measure", numeric=False), *map(Column, heads)], rows)


def _overlaps(comparison: "Comparison") -> "Table":
    from spaniel.eval.report.table import Cell, Column, Row, Table

    rows = [
        Row((Cell(f"first {one.k}"), Cell(f"{100 * one.share:.1f}%"), Cell(f"{one.identical:,}")))
        for one in comparison.overlap
    ]
    columns = [Column("Rankings", numeric=False), Column("in common"), Column("identical")]
    return Table("overlap", "", columns, rows)


def _transitions(comparison: "Comparison") -> "Table":
    from spaniel.eval.report.table import Cell, Column, Row, Table

    def words(stage: str) -> str:
        return "kept" if stage == "kept" else f"lost by {stage}"

    rows = [Row((Cell(words(one.a)), Cell(words(one.b)), Cell(f"{one.n:,}"))) for one in comparison.transitions]
    columns = [Column("Relevant documents in A", numeric=False), Column("in B", numeric=False), Column("")]
    return Table("stages", "", columns, rows)
