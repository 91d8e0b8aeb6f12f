"""`spaniel eval run`."""

import shlex
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import values
from .console import Console, printable, with_console
from .eval_options import check_above, check_cache, common_options
from .live import LiveTable
from .scoring import check_query_model

if TYPE_CHECKING:
    from spaniel.eval.collections import Collection, Published
    from spaniel.eval.evaluation import Evaluation
    from spaniel.eval.outcome import Outcome
    from spaniel.eval.results_format import MacroResults
    from spaniel.index.progress import Progress
    from spaniel.rag.pipelines.spec import PipelineSpec

__all__ = ["command_words", "report_evaluations", "run"]

_DEEPEST = 10_000_000


@click.command()
@click.argument("collections", nargs=-1, required=True, metavar="COLLECTION...")
@click.option(
    "--pipeline",
    "pipelines",
    multiple=True,
    metavar="NAME|FILE",
    default=["bm25"],
    show_default=False,
    help="What to run: a name (`spaniel eval pipelines`) or a .toml file; may be repeated [bm25].",
)
@click.option(
    "--measure",
    "measures",
    multiple=True,
    metavar="NAME",
    help="Such as nDCG@10; may be repeated [the official one...].",
)
@click.option(
    "--depth",
    type=click.IntRange(min=1, max=_DEEPEST),
    metavar="N",
    default=1000,
    show_default=True,
    help="Documents kept of a ranking.",
)
@click.option(
    "--language", metavar="NAME", help="Of text analysis, where the pipeline does not say [the collection's]."
)
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="For building and running [all cores].")
@click.option(
    "--timing",
    "timing_s",
    type=click.FloatRange(min=0),
    callback=values.finite,
    metavar="SECONDS",
    default=20.0,
    show_default=True,
    help="How long single queries are timed at most; 0: not at all.",
)
@common_options
@with_console
def run(console: Console, collections: tuple[str, ...], **options: Any) -> None:
    """Run pipelines over collections and report how good and how fast they are.

    COLLECTION is a folder or .zip in the form of BEIR, or the name of one that is known. Means come with intervals,
    differences with paired tests. Indexes and runs are kept in a cache: interrupted, the same command goes on where it
    stopped.
    """
    check_cache(options)
    from spaniel.eval.cache import cache_folder
    from spaniel.eval.results_folder import check_free
    from spaniel.rag.pipelines.named import find_pipeline

    if options["out"]:
        check_free(Path(options["out"]))
        check_above(Path(options["out"]))
    specs = [find_pipeline(name) for name in options["pipelines"]]
    _check_names([spec.name for spec in specs])
    check_query_model(options, *specs)
    with ExitStack() as stack:
        cache = cache_folder(options["cache"])
        work = Path(stack.enter_context(tempfile.TemporaryDirectory())) if options["no_cache"] else cache
        parts, published = _parts(collections, options, cache)
        if options["index"] and len(parts) > 1:
            raise click.UsageError("--index is of one collection; give only that one")
        table = stack.enter_context(LiveTable(console))
        job = _Job(console, table, specs, options, work, stack)
        evaluations = [job.evaluated(part) for part in parts]
        macro = _macro(evaluations, options, published) if len(evaluations) > 1 else None
        if options["out"]:
            _save(Path(options["out"]), evaluations, macro, table)
        table.show([])
        report_evaluations(console, evaluations, macro, options["out"])


def _check_names(names: list[str]) -> None:
    """Each fit for a run, and there once."""
    from spaniel.eval.evaluation import check_name
    from spaniel.retrieval.errors import InvalidInput

    for name in names:
        check_name(name)
        if names.count(name) > 1:
            hint = "name each pipeline once; files are called by their `name`, or by that of the file"
            raise InvalidInput("--pipeline", f"two pipelines are called {name!r}", hint=hint)


def _parts(
    collections: tuple[str, ...], options: dict[str, Any], cache: Path
) -> "tuple[list[Collection], tuple[Published, ...]]":
    """Every collection asked for, those of several parts taken apart; and what others report for the mean of them all.

    Raises:
        InvalidInput: a name is there twice.
    """
    from spaniel.eval.collections import collection
    from spaniel.retrieval.errors import InvalidInput

    found = [collection(name, split=options["split"], cache=cache, offline=options["offline"]) for name in collections]
    parts = [part for each in found for part in each.parts()]
    names = [part.name for part in parts]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InvalidInput("COLLECTION", f"{twice!r} is there twice")
    return parts, found[0].info.published if len(found) == 1 else ()


class _Job:
    """What is the same for every collection of a command."""

    def __init__(
        self,
        console: Console,
        table: LiveTable,
        specs: "list[PipelineSpec]",
        options: dict[str, Any],
        cache: Path,
        stack: ExitStack,
    ) -> None:
        self._console, self._table, self._specs = console, table, specs
        self._options, self._cache, self._stack = options, cache, stack
        self._done: list[list[str]] = []

    def evaluated(self, part: "Collection") -> "Evaluation":
        """Build what is needed, run, and compare; once more where an index of the cache turns out to be damaged."""
        from spaniel.rag.pipelines.cached import entry_of, forget
        from spaniel.retrieval.errors import IndexCorrupt

        n_done = len(self._done)
        try:
            return self._evaluated(part)
        except IndexCorrupt as error:
            entry = entry_of(error, self._cache)
            if entry is None:
                raise
            self._console.note(printable(f"an index in the cache is built anew: {error}"))
            forget(entry)
            del self._done[n_done:]
        return self._evaluated(part)

    def _evaluated(self, part: "Collection") -> "Evaluation":
        from spaniel.eval.evaluation import checked_measures, evaluate
        from spaniel.rag.pipelines.systems import systems

        options = self._options
        measures = checked_measures(part, options["measures"])
        ready = systems(
            self._specs,
            part,
            self._stack,
            cache=self._cache,
            index=options["index"],
            query_model=options["query_model"],
            language=options["language"],
            depth=options["depth"],
            threads=options["threads"] or 2,
            on_progress=partial(self._building, part.name),
        )
        return evaluate(
            ready,
            part,
            measures,
            baseline=options["baseline"],
            all_pairs=options["all_pairs"],
            depth=options["depth"],
            seed=options["seed"],
            threads=options["threads"],
            timing_s=options["timing_s"],
            cache=self._cache,
            command=command_words(),
            on_progress=self._running,
            on_outcome=partial(self._finished, part),
        )

    def _building(self, name: str, progress: "Progress") -> None:
        if progress.note:
            self._console.note(printable(progress.note))
        stage = f"{name}: {progress.stage}"
        self._table.progress.update(stage, progress.bytes_read, progress.total_bytes, progress.documents)

    def _running(self, pipeline: str, what: str, done: int, total: int) -> None:
        self._table.progress.update(f"{pipeline}: {what}", done, total, done, "queries")

    def _finished(self, part: "Collection", each: "Outcome") -> None:
        """One more line of the live table."""
        values = {name: f"{each.scores.mean(name):.4f}" for name in each.scores.values}
        p50 = f"{each.latency.p50:.3g}" if each.latency else "-"
        self._done.append([part.name, each.name, *values.values(), p50])
        self._table.show(_aligned([["collection", "pipeline", *values, "p50 ms"], *self._done]))
        if each.executed and each.executed.n_resumed:
            n, total = each.executed.n_resumed, len(each.run.query_ids)
            said = "its run" if n == total else f"{n:,} of {total:,} queries"
            self._console.note(f"{part.name}, {each.name}: {said} taken from the cache")


def _aligned(rows: list[list[str]]) -> list[str]:
    """Columns of one width each."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def command_words() -> list[str]:
    """The words that were typed."""
    words = click.get_current_context().find_root().obj
    return ["spaniel", *map(str, words or sys.argv[1:])]


def _macro(
    evaluations: "list[Evaluation]", options: dict[str, Any], published: "tuple[Published, ...]"
) -> "MacroResults":
    from spaniel.eval.macro import macro_results

    return macro_results(
        evaluations,
        baseline=options["baseline"],
        all_pairs=options["all_pairs"],
        published=published,
        command=command_words(),
    )


def _save(folder: Path, evaluations: "list[Evaluation]", macro: "MacroResults | None", table: LiveTable) -> None:
    """The results folder with its reports: of one collection, or one folder for each and the macro mean above."""
    from spaniel.eval.results import save_all

    save_all(folder, evaluations, macro, on_progress=table.progress.update)


def _heading(each: "Evaluation") -> str:
    facts = each.results.collection
    asked = "questions" if any(pipeline.abstention for pipeline in each.results.pipelines) else "judged queries"
    counts = f"{facts.documents:,} documents, {facts.queries:,} {asked}, {facts.judgements:,} judgements"
    return f"{facts.name} ({facts.split}): {counts}"


def report_evaluations(
    console: Console, evaluations: "list[Evaluation]", macro: "MacroResults | None", out: str | None
) -> None:
    """Tables or JSON on stdout, warnings on stderr."""
    import msgspec

    from spaniel.eval.report.facts import warnings_of
    from spaniel.eval.report.text import render_text

    if not console.json:
        for each in evaluations:
            for text in warnings_of(each.results):
                console.warn(f"{each.collection.name}: {text}")
    tables = [
        f"{console.fill(_heading(each))}\n\n{render_text(each.results, warnings=False, width=console.width)}"
        for each in evaluations
    ]
    data: Any = evaluations[0].to_dict()
    if macro is not None:
        tables.append(f"{', '.join(macro.collections)}\n\n{render_text(macro, warnings=False, width=console.width)}")
        data = {**msgspec.to_builtins(macro), "results": [each.to_dict() for each in evaluations]}
    console.emit(data, "\n\n".join(tables))
    if out:
        console.note(f"written to {shlex.quote(out)}")
