"""The scorer of a search, as options: `--scorer`, and the parameters that go with it.

Names and meanings are those of `Index.bm25` and `Index.likelihood`. A parameter that the scorer does not have is an
error, never ignored.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from spaniel.index.index import Index
    from spaniel.index.sparse.likelihood import LikelihoodRetriever
    from spaniel.index.sparse.retriever import Bm25Retriever
    from spaniel.retrieval.pipeline import Pipeline

__all__ = ["LIKELIHOODS", "METHODS", "retriever_of", "scoring_options"]

Command = TypeVar("Command", bound=Callable[..., Any])

_BM25 = ("lucene", "robertson", "atire", "bm25l", "bm25+")
# Spelled out here, for reading them from the library would make --help import NumPy.
METHODS = (*_BM25, "tfidf")
LIKELIHOODS = ("dirichlet", "dirichlet-lucene", "jelinek-mercer")

_TAKEN_BY = {
    "k1": _BM25,
    "b": _BM25,
    "delta": ("bm25l", "bm25+"),
    "mu": ("dirichlet", "dirichlet-lucene"),
    "lambda_": ("jelinek-mercer",),
}

_PIPELINE_DEPTH = 1000

_OPTIONS = [
    click.option(
        "--pipeline", metavar="NAME|FILE", help="A pipeline by name (`spaniel eval pipelines`) or from a .toml file."
    ),
    click.option(
        "--scorer",
        type=click.Choice([*METHODS, *LIKELIHOODS]),
        help="A variant of BM25, TF-IDF, or a smoothing of query likelihood [the index's: lucene].",
    ),
    click.option("--k1", type=float, metavar="X", help="BM25: how soon a word's count saturates [the index's: 0.9]."),
    click.option("--b", type=float, metavar="X", help="BM25: how much length counts, 0 to 1 [the index's: 0.4]."),
    click.option("--delta", type=float, metavar="X", help="Lower bound of bm25l and bm25+ [the index's: 0.5]."),
    click.option("--mu", type=float, metavar="X", help="Smoothing of the dirichlet kinds, in words [1000]."),
    click.option("--lambda", "lambda_", type=float, metavar="X", help="Smoothing of jelinek-mercer, 0 to 1 [0.1]."),
]


def scoring_options(command: Command) -> Command:
    """Options of everything that scores."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def retriever_of(
    index: "Index", options: dict[str, Any], *, k: int, threads: int | None = 1
) -> "Bm25Retriever | LikelihoodRetriever | Pipeline":
    """The retriever that the options ask for; a pipeline's sources search 1000 deep, or as deep as k.

    Args:
        options: of the command; `pipeline`, `scorer` and the parameters are looked at, what is None was not given.
        k, threads: see `Index.bm25`.

    Raises:
        click.UsageError: a parameter that the scorer does not have, or token weights, which leave nothing to choose.
        InvalidInput: a parameter out of range, a pipeline that is not there or does not fit the index.
    """
    given = {name: options[name] for name in _TAKEN_BY if options[name] is not None}
    if options["pipeline"]:
        for name in ("scorer", *_TAKEN_BY, "threads"):
            if options[name] is not None:
                raise click.UsageError(f"--{name.rstrip('_')} and --pipeline exclude each other")
        from spaniel.rag.pipelines.named import find_pipeline

        return find_pipeline(options["pipeline"]).make(index, depth=max(k, _PIPELINE_DEPTH))
    chosen = options["scorer"]
    if index.settings.analyzer is None and (given or chosen):
        name = next(iter(given), "scorer").rstrip("_")
        raise click.UsageError(f"--{name} means nothing for an index of token weights, which are added up as they are")
    scorer: Any = chosen or index.settings.scorer.method
    for name in given:
        if scorer not in _TAKEN_BY[name]:
            raise click.UsageError(f"--{name.rstrip('_')} belongs to {', '.join(_TAKEN_BY[name])}, not to {scorer}")
    if scorer in LIKELIHOODS:
        if options["threads"] is not None:
            raise click.UsageError(f"--threads belongs to BM25 and TF-IDF; {scorer} uses one")
        return index.likelihood(k=k, smoothing=scorer, **given)
    return index.bm25(k=k, method=chosen, threads=threads, **given)
