"""`spaniel index build` and `spaniel index add`."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from . import values
from .chunk_options import chunk_options, chunks_of
from .console import Console, printable, with_console
from .dense_options import (
    MODEL_NAMES,
    STORE_NAMES,
    encoder_option,
    given_among,
    model_options,
    open_elsewhere,
    open_model,
    places_of,
    store_of,
    store_options,
    tell_cut,
    tell_language,
)
from .progress import ProgressLine
from .sizes import counted, index_size

if TYPE_CHECKING:
    from spaniel.index.progress import Progress

__all__ = ["add", "build", "show_progress"]

Command = TypeVar("Command", bound=Callable[..., Any])
_SHOWN_PROBLEMS = 20


_READING_OPTIONS = [
    click.option("--id-field", metavar="NAME", help="Field with the id; common names are found without it."),
    click.option("--text-field", metavar="NAME", help="Field with the text; likewise."),
    click.option("--title-field", metavar="NAME", help="Field with the title; likewise."),
    click.option(
        "--on-duplicate",
        type=click.Choice(["fail", "replace", "skip"]),
        default="fail",
        show_default=True,
        help="What a second document of the same id does.",
    ),
    click.option(
        "--on-error",
        type=click.Choice(["fail", "skip"]),
        default="fail",
        show_default=True,
        help="What a malformed record does; skipped ones are named and counted.",
    ),
    click.option(
        "--memory",
        "memory_bytes",
        metavar="SIZE",
        default="512M",
        show_default=True,
        callback=values.read_by(values.memory),
        help="How much to hold before spilling to disk.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        metavar="N",
        help="At most so many: of the model, and for text two, one of which reads ahead [model: all cores; text: 1].",
    ),
]


def _reading_options(command: Command) -> Command:
    """Options of everything that reads documents."""
    for option in reversed(_READING_OPTIONS):
        command = option(command)
    return chunk_options(command)


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.argument("index")
@click.option(
    "--language",
    metavar="NAME",
    default="english",
    show_default=True,
    help="How text becomes words: a language, `cjk` or `whitespace`.",
)
@click.option(
    "--fields",
    metavar="FIELD:WEIGHT,...",
    callback=values.read_by(values.fields),
    help="Search title and text as fields of their own, such as title:2,text:1.",
)
@click.option(
    "--columns",
    metavar="NAME:TYPE,...",
    callback=values.read_by(values.columns),
    help="Metadata that --where uses often, such as year:integer.",
)
@click.option("--vectors", is_flag=True, help="SOURCE are .jsonl files of a learned sparse model's token weights.")
@click.option(
    "--dense", metavar="MODEL", help="Keep vectors of this model too: minilm, a folder, hub:owner/name, or a URL."
)
@click.option("--dense-name", metavar="NAME", help="What to call these vectors [the model's name].")
@store_options
@model_options
@click.option("--overwrite", is_flag=True, help="Replace an index that is there; it stays whole until the new one is.")
@_reading_options
@with_console
def build(console: Console, sources: tuple[str, ...], index: str, vectors: bool, **options: Any) -> None:
    """Build an index from files or folders.

    SOURCE is a file or folder: .jsonl, .csv, .tsv (each also .gz), .txt, .md, .html, .pdf, .docx, program code, or a
    BEIR folder. Files of text are cut into passages, records are not. INDEX is the folder to make. A killed or
    interrupted build leaves no half index behind, and the same command goes on where it stopped, with what was encoded.
    """
    if vectors:
        from spaniel.index.vectors import build_vectors

        _run(console, build_vectors, sources, index, _options_of_vectors(options))
        return
    from spaniel.index.build import build as build_index

    problems = _Problems(console)
    options["chunks"] = chunks_of(options)
    with _encoder_of(console, options):
        _run(console, build_index, sources, index, {**options, "on_problem": problems.take}, problems)


@contextmanager
def _encoder_of(console: Console, options: dict[str, Any]) -> Iterator[None]:
    """Put the encoder and the store that the options name in their place, as `build` takes them; close it after."""
    model = options["dense"]
    if model is None:
        if given := given_among(("dense_name", *STORE_NAMES, *MODEL_NAMES)):
            raise click.UsageError(f"{given[0]} belongs to vectors; give --dense MODEL with it")
        for name in (*STORE_NAMES, *MODEL_NAMES):
            del options[name]
        yield
        return
    options["store"] = store_of(options)
    with open_model(console, model, options, threads=options["threads"]) as encoder:
        options["dense"] = encoder
        tell_language(console, encoder.card, options["language"] or "english")
        try:
            yield
        finally:  # of an interrupted build too: the one that goes on does not encode these texts again
            tell_cut(console, encoder)


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.argument("index")
@encoder_option
@_reading_options
@with_console
def add(console: Console, sources: tuple[str, ...], index: str, encoder: Sequence[str] | None, **options: Any) -> None:
    """Add documents to an index.

    They become a new segment, in one commit. Readers go on with what they opened; analyser, fields and models are those
    the index was built with, and an index of token weights (`build --vectors`) takes more of them.
    """
    from spaniel.index.build import add as add_to_index
    from spaniel.index.index import open_index
    from spaniel.index.vectors import add_vectors

    with open_index(index) as opened, ExitStack() as stack:
        holds_texts = opened.settings.analyzer is not None
        if encoder is not None:
            threads = options["threads"]
            options["encoder"] = {
                name: stack.enter_context(open_elsewhere(console, opened, name, place, threads=threads))
                for name, place in places_of(opened, encoder).items()
            }
        kept = stack.pop_all()
    if not holds_texts:
        _run(console, add_vectors, sources, index, _options_of_vectors(options))
        return
    problems = _Problems(console)
    options["chunks"] = chunks_of(options)
    with kept:
        _run(console, add_to_index, sources, index, {**options, "on_problem": problems.take}, problems)


def _options_of_vectors(options: dict[str, Any]) -> dict[str, Any]:
    """Those that mean something for token weights; another that was given is an error."""
    context = click.get_current_context()
    known = {"on_duplicate", "memory_bytes", "overwrite"}
    for name in options.keys() - known:
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError(f"--{name.replace('_', '-')} means nothing for token weights")
    return {name: value for name, value in options.items() if name in known}


class _Problems:
    """Counts malformed records and keeps the first few, so that a broken file of millions costs no memory."""

    def __init__(self, console: Console) -> None:
        self._console, self._first, self.n = console, list[str](), 0

    def take(self, problem: object) -> None:
        """One more."""
        self.n += 1
        if self.n <= _SHOWN_PROBLEMS:
            self._first.append(str(problem))

    def tell(self) -> None:
        """Warn of the first, by file and line, and say how many there were."""
        for problem in self._first:
            self._console.warn(problem)
        if self.n:
            self._console.warn(f"{self.n:,} malformed records skipped")


def _run(
    console: Console,
    work: Callable[..., Any],
    sources: tuple[str, ...],
    path: str,
    options: dict[str, Any],
    problems: _Problems | None = None,
) -> None:
    """Do it with a progress line, then say what there is now."""
    given = {name: value for name, value in options.items() if value is not None}
    start = time.perf_counter()
    with console.progress() as line:
        index = work(list(sources), path, on_progress=partial(show_progress, console, line), **given)
    seconds = time.perf_counter() - start
    n_skipped = problems.n if problems else 0
    if problems:
        problems.tell()
    with index:
        info = index.info()
    counts = f"{counted(info['passages'], 'passage')} of {counted(info['documents'], 'document')}"
    text = f"{path}: {counts}, {index_size(info)}, {seconds:.1f} s"
    console.emit({"path": path, **info, "skipped": n_skipped, "seconds": round(seconds, 3)}, text)


def show_progress(console: Console, line: ProgressLine, progress: "Progress") -> None:
    """Move the line on; a note is a sentence that stays."""
    if progress.note:
        line.clear()
        console.note(printable(progress.note))
    if progress.total_documents:
        line.update(progress.stage, progress.documents, progress.total_documents, progress.documents)
        return
    line.update(progress.stage, progress.bytes_read, progress.total_bytes, progress.documents)
