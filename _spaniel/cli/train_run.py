"""`spaniel train dense` and `spaniel train binary`."""

import shlex
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from .console import Console, printable, with_console
from .eval_run import command_words
from .train_options import dev_of, pairs_of, settings_of, train_options

if TYPE_CHECKING:
    from spaniel.training.table import Trains

__all__ = ["binary", "dense"]

# Spelled out here, for reading them from the library would make --help import NumPy; a test compares the two.
DENSE = ("adore", "star", "in-batch")
BINARY = ("adore", "bpr")


def _method(names: tuple[str, ...], what: str) -> Any:
    return click.option("--method", type=click.Choice(names), help=f"{what} [adore].")


@click.command()
@train_options(
    _method(DENSE, "adore: the query side alone, against the index as it is; star, in-batch: both sides, index anew")
)
@with_console
def dense(console: Console, **options: Any) -> int:
    """Train an encoder against the index that it will search.

    Learns from questions of --train and the passages that answer them, and keeps the state that is best on questions
    held out. The index is never changed. What is written to --out is opened by `--query-model DIR` (adore, with the
    index as it is) or by `--dense DIR` (for an index made anew). Exits with 1 when nothing was gained on the questions
    held out.
    """
    return _train(console, "dense", options)


@click.command()
@train_options(
    _method(BINARY, "adore: the query side alone, against the index as it is; bpr: a hash layer too, index anew")
)
@with_console
def binary(console: Console, **options: Any) -> int:
    """Train an encoder for vectors of a bit a dimension.

    As `train dense`, through codes: adore asks an index of `--store binary`, and trains what ranks there: the codes
    where it was made with `--rescore none`, else the vectors beside them, as `train dense` does. bpr writes a model
    whose index is made with `--dense DIR --store binary`. Exits with 1 when nothing was gained on the questions held
    out.
    """
    return _train(console, "binary", options)


def _train(console: Console, trains: "Trains", options: dict[str, Any]) -> int:
    pairs = pairs_of(options.pop("indexes"), options.pop("collections"))
    settings, dev = settings_of(options), dev_of(options.pop("dev"))
    dry_run, resume, out = options.pop("dry_run"), options["resume"], options.pop("out")
    from spaniel.training.job import opened_job
    from spaniel.training.train import run_job

    from .train_progress import Telling, plan_text, tell_sets, trained_text

    with ExitStack() as stack:
        line = stack.enter_context(console.progress())
        line.update("opening", 0, 0)
        job = opened_job(pairs, out, stack, trains=trains, dev=dev, settings=settings, **options)
        line.clear()
        tell_sets(console, list(job.sets))
        for note in job.notes:
            console.note(printable(note))
        if dry_run:
            from spaniel.training.plan import plan_of

            plan = plan_of(job)
            said = plan.to_json() | {"notes": [*job.notes, *plan.notes]}
            console.emit({"out": str(job.out), **said}, plan_text(plan))
            return 0
        trained = run_job(job, resume=resume, on_event=Telling(console, line), command=command_words())
    console.emit(trained.to_json(), trained_text(trained))
    if not trained.dev:
        console.note("no question was held out: nothing says whether it gained; a test split does (eval run, compare)")
    if not trained.gained:
        console.warn("nothing was gained on the questions held out: what was written is the model that it began with")
        return 1
    _tell_next(console, trains, trained.method, str(trained.path), pairs[0][0])
    return 0


def _tell_next(console: Console, trains: "Trains", method: str, path: str, index: str) -> None:
    """How to search with it."""
    folder, there = shlex.quote(path), shlex.quote(index)
    if method == "adore":
        console.note(f"search with it: spaniel search {there} 'a question' --query-model {folder}")
    else:
        store = " --store binary" if trains == "binary" else ""
        console.note(f"passages are encoded anew: spaniel index add-dense {there} {folder}{store}")
