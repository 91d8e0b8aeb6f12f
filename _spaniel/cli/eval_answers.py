"""`spaniel eval answers`."""

import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import Console, printable, with_console
from .eval_options import check_above, check_cache, common_options
from .live import LiveTable
from .scoring import check_query_model

if TYPE_CHECKING:
    from spaniel.index.progress import Progress

__all__ = ["answers"]


@click.command()
@click.argument("collection_name", metavar="COLLECTION")
@click.option(
    "--config",
    "configs",
    multiple=True,
    metavar="NAME|FILE",
    default=["bm25"],
    show_default=False,
    help="Who answers: a .toml file, or a pipeline's name for the embedded generator over it; may be repeated [bm25].",
)
@click.option("--questions", type=click.IntRange(min=1), metavar="N", help="A sample of so many questions [all].")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    default=1,
    show_default=True,
    help="Questions asked at once; several pay with a model elsewhere.",
)
@common_options
@with_console
def answers(console: Console, collection_name: str, **options: Any) -> None:
    """Answer a collection's questions and report how good, how well cited and how sure the answers are.

    COLLECTION has answers.jsonl beside its queries. F1 and exact match stand beside citations held against judgements
    and documents, the risk-coverage curve of confidences, and tokens, passages and searches for each question.
    """
    check_cache(options)
    from spaniel.eval.answering.evaluate import evaluate_answers
    from spaniel.eval.answering.gold import gold_of
    from spaniel.eval.cache import cache_folder
    from spaniel.eval.collections import collection
    from spaniel.eval.results import save_all
    from spaniel.eval.results_folder import check_free
    from spaniel.rag.pipelines.answerers import answerers, find_engine

    from .eval_run import command_words, report_evaluations

    if options["out"]:
        check_free(Path(options["out"]))
        check_above(Path(options["out"]))
    specs = [find_engine(name) for name in options["configs"]]
    if options["query_model"] is not None:
        check_query_model(options, *(each for spec in specs for each in spec.pipelines))
    with ExitStack() as stack:
        cache = cache_folder(options["cache"])
        work = Path(stack.enter_context(tempfile.TemporaryDirectory())) if options["no_cache"] else cache
        asked = collection(collection_name, split=options["split"], all=True, cache=cache, offline=options["offline"])
        gold_of(asked)  # refuses a collection without answers before an index is built for it
        table = stack.enter_context(LiveTable(console))
        ready = answerers(
            specs,
            asked,
            stack,
            cache=work,
            index=options["index"],
            query_model=options["query_model"],
            threads=max(options["threads"], 2),
            on_progress=partial(_building, console, table, asked.name),
        )

        def told(name: str, what: str, done: int, total: int) -> None:
            table.progress.update(f"{name}: {what}", done, total, done, "questions")

        evaluation = evaluate_answers(
            ready,
            asked,
            questions=options["questions"],
            baseline=options["baseline"],
            all_pairs=options["all_pairs"],
            seed=options["seed"],
            threads=options["threads"],
            command=command_words(),
            on_progress=told,
        )
        if options["out"]:
            save_all(Path(options["out"]), [evaluation], on_progress=table.progress.update)
        table.show([])
        report_evaluations(console, [evaluation], None, options["out"])


def _building(console: Console, table: LiveTable, name: str, progress: "Progress") -> None:
    if progress.note:
        console.note(printable(progress.note))
    table.progress.update(f"{name}: {progress.stage}", progress.bytes_read, progress.total_bytes, progress.documents)
