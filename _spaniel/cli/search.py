"""`spaniel search`: one question for a person, or a file of them for a TREC run."""

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from . import values
from .console import Console, with_console
from .dense_options import tell_long_questions
from .scoring import LIKELIHOODS, asked_by, retriever_of, scoring_options, words_instead

if TYPE_CHECKING:
    from spaniel.index.index import Index
    from spaniel.retrieval.protocols import Retriever
    from spaniel.retrieval.results import Results
    from spaniel.retrieval.types import JSON

__all__ = ["search"]

_K, _K_BATCH = 10, 1000


@click.command()
@click.argument("index")
@click.argument("query", required=False)
@click.option("-k", "k", type=click.IntRange(min=1), metavar="N", help=f"How many hits [{_K}; {_K_BATCH} in a batch].")
@click.option("--where", metavar="JSON", callback=values.read_by(values.where), help="Only passages that match.")
@click.option("--explain", is_flag=True, help="Show where each score or place comes from, and the time of each stage.")
@click.option("--queries", "file", metavar="FILE|COLLECTION", help="Many queries: .jsonl or .tsv, plain or .gz.")
@click.option("--run", "run_file", metavar="OUT", help="Where a batch's TREC run goes (.gz is compressed) [stdout].")
@click.option("--tag", metavar="NAME", default="spaniel", show_default=True, help="Name of the run, its last column.")
@scoring_options
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Threads of a batch [all cores].")
@with_console
def search(console: Console, index: str, query: str | None, file: str | None, **options: Any) -> int:
    """Search an index: one question, or a file of them.

    Give one QUERY, or a file with --queries. Exits with 1 when nothing is found.
    """
    if (query is None) == (file is None):
        raise click.UsageError("give one QUERY, or --queries FILE")
    if query is not None and not values.is_text(query):
        raise click.UsageError("QUERY is not UTF-8")
    from spaniel.index.index import open_index

    if file is not None and options["explain"]:
        raise click.UsageError("--explain belongs to one QUERY, not to a batch")
    with open_index(index, query_model=asked_by(options)) as opened, words_instead(options):
        if file is None:
            assert query is not None
            return _one(console, opened, query, options)
        from .batch import search_batch

        k = options["k"] or _K_BATCH
        return search_batch(
            console,
            opened,
            file,
            run_file=options["run_file"],
            retriever=retriever_of(console, opened, options, k=k, threads=options["threads"]),
            k=k,
            where=options["where"],
            tag=options["tag"],
        )


def _one(console: Console, index: "Index", query: str, options: dict[str, Any]) -> int:
    """Search for one query and show what was found."""
    context = click.get_current_context()
    for name in ("run_file", "threads", "tag"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.removesuffix('_file')} belongs to a batch; give --queries FILE with it")
    from spaniel.retrieval.pipeline import Pipeline

    from .show import plain_lines, show_on_terminal

    if index.settings.analyzer is None and options["retriever"] not in ("dense", "binary"):
        raise click.UsageError(
            "an index of token weights is searched with such weights: --queries FILE, one `vector` a line"
        )
    if options["explain"] and options["scorer"] in LIKELIHOODS:
        raise click.UsageError(f"--explain takes scores of BM25 and TF-IDF apart, not of {options['scorer']}")
    k = options["k"] or _K
    retriever = retriever_of(console, index, options, k=k)
    results = Pipeline(retriever)(query, k=k, where=options["where"])
    tell_long_questions(console, retriever)
    reasons = _reasons(index, query, results, retriever) if options["explain"] else []
    if console.json:
        found = results.to_dict()
        if options["explain"]:
            found["explain"] = {"scores": [*reasons], "stages": results.explain()}
        console.emit(found)
    elif console.rich:
        show_on_terminal(results, reasons)
    else:
        console.emit(None, "\n".join(plain_lines(results, reasons)))
    if not results:
        console.note("nothing found")
    return 0 if results else 1


def _reasons(index: "Index", query: str, results: "Results", retriever: "Retriever") -> list[dict[str, "JSON"]]:
    """For each hit the terms of its score where BM25 gave it, else where it stood after each stage."""
    from spaniel.index.sparse.retriever import Bm25Retriever

    if isinstance(retriever, Bm25Retriever):
        return [index.explain_score(query, hit.id, retriever) for hit in results]
    return [
        {"id": hit.id, "stages": [{"stage": at.stage, "rank": at.rank, "score": at.score} for at in hit.stages]}
        for hit in results
    ]
