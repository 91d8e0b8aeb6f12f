"""Who searches and how it scores, as options: `--retriever`, `--pipeline`, `--scorer`, and what goes with each.

Names and meanings are those of `Index.bm25`, `Index.likelihood`, `Index.dense` and `Index.hybrid`. A parameter that
means nothing for the retriever is an error, never ignored.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spaniel.retrieval.errors import MissingExtra, ModelError

from .console import Console
from .dense_options import encoder_option, open_elsewhere, places_of, query_model_option

if TYPE_CHECKING:
    from spaniel.index.index import Index
    from spaniel.index.sparse.likelihood import LikelihoodRetriever
    from spaniel.index.sparse.retriever import Bm25Retriever
    from spaniel.rag.pipelines.spec import PipelineSpec
    from spaniel.retrieval.pipeline import Pipeline
    from spaniel.retrieval.protocols import Retriever

__all__ = [
    "LIKELIHOODS",
    "METHODS",
    "RETRIEVERS",
    "asked_by",
    "check_query_model",
    "retriever_of",
    "scoring_options",
    "words_instead",
]

Command = TypeVar("Command", bound=Callable[..., Any])

_BM25 = ("lucene", "robertson", "atire", "bm25l", "bm25+")
# Spelled out here, for reading them from the library would make --help import NumPy.
METHODS = (*_BM25, "tfidf")
LIKELIHOODS = ("dirichlet", "dirichlet-lucene", "jelinek-mercer")
RETRIEVERS = ("bm25", "dense", "binary", "hybrid")

_TAKEN_BY = {
    "k1": _BM25,
    "b": _BM25,
    "delta": ("bm25l", "bm25+"),
    "mu": ("dirichlet", "dirichlet-lucene"),
    "lambda_": ("jelinek-mercer",),
}
_SPARSE = ("scorer", *_TAKEN_BY)
_DENSE = ("model", "encoder", "candidates", "nprobe", "ef")
_WITH_VECTORS = (*_DENSE, "query_model")

_PIPELINE_DEPTH = 1000

_OPTIONS = [
    click.option(
        "--retriever",
        type=click.Choice(RETRIEVERS),
        help="Words, vectors (binary: only if so kept), or both [hybrid where the index holds vectors, else bm25].",
    ),
    click.option("--model", metavar="NAME", help="Which vectors, where the index holds several [those added first]."),
    encoder_option,
    query_model_option,
    click.option(
        "--candidates",
        type=click.IntRange(min=1),
        metavar="N",
        help="Vectors: how many are scored again against the second tier [100].",
    ),
    click.option("--nprobe", type=click.IntRange(min=1), metavar="N", help="Vectors: lists visited, where there are."),
    click.option("--ef", type=click.IntRange(min=1), metavar="N", help="Vectors: breadth of a search of hnsw."),
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


def asked_by(options: dict[str, Any]) -> str | None:
    """The query model for `open_index`: that of a pipeline. A retriever of its own is asked by it alone."""
    return options["query_model"] if options["pipeline"] else None


def retriever_of(
    console: Console, index: "Index", options: dict[str, Any], *, k: int, threads: int | None = 1
) -> "Retriever":
    """The retriever that the options ask for; a pipeline's sources search 1000 deep, or as deep as k.

    Args:
        options: of the command; those of `scoring_options` are looked at, what is None was not given.
        k, threads: see `Index.bm25`.

    Raises:
        click.UsageError: an option that the retriever does not have, or token weights, which leave nothing to choose.
        InvalidInput: a parameter out of range, a pipeline that is not there or does not fit the index.
    """
    if options["pipeline"]:
        _refuse(options, ("retriever", *_DENSE, *_SPARSE, "threads"), "--{} and --pipeline exclude each other")
        from spaniel.rag.pipelines.named import find_pipeline

        spec = find_pipeline(options["pipeline"])
        check_query_model(options, spec)
        return spec.make(index, depth=max(k, _PIPELINE_DEPTH))
    chosen = options["retriever"] or _default(index, options)
    if chosen == "bm25":
        _refuse(options, _WITH_VECTORS, "--{} belongs to vectors: --retriever dense or hybrid")
        return _sparse(index, options, k, threads)
    _refuse(options, _SPARSE, f"--{{}} belongs to --retriever bm25, not to {chosen}")
    return _with_vectors(console, index, chosen, options, k, threads)


def check_query_model(options: dict[str, Any], *pipelines: "PipelineSpec | None") -> None:
    """A usage error for a `--query-model` that nobody would ask, or that would not be asked though it was given.

    Args:
        options: of the command.
        pipelines: those that search; None for what the index offers.
    """
    from spaniel.rag.pipelines.dense_stages import query_models_named

    if options["query_model"] is None:
        return
    named = [[None] if each is None else query_models_named(*each.stages) for each in pipelines]
    if not any(named):
        raise click.UsageError("--query-model belongs to pipelines that search vectors, and none of these does")
    for pipeline, models in zip(pipelines, named, strict=True):
        if pipeline is not None and (own := next(filter(None, models), None)) is not None:
            said = f"pipeline {pipeline.name!r} names a query model itself, {own!r}"
            raise click.UsageError(f"--query-model: {said}; leave out one of the two")


@contextmanager
def words_instead(options: dict[str, Any]) -> Iterator[None]:
    """Errors of a model that the user did not ask for by name say how to search without it."""
    try:
        yield
    except (MissingExtra, ModelError) as error:
        if options["retriever"] is None and options["pipeline"] is None:
            error.hint = "; ".join(part for part in (error.hint, "or search words alone: --retriever bm25") if part)
        raise


def _refuse(options: dict[str, Any], names: tuple[str, ...], why: str) -> None:
    """A usage error for the first of these that was given."""
    for name in names:
        if options[name] is not None:
            raise click.UsageError(why.format(name.rstrip("_").replace("_", "-")))


def _default(index: "Index", options: dict[str, Any]) -> str:
    """What is meant when nobody says: whatever the other options belong to, else what `Index.search` does."""
    if index.settings.analyzer is None or any(options[name] is not None for name in _SPARSE):
        return "bm25"
    asked = any(options[name] is not None for name in ("model", "encoder", "query_model"))
    return "hybrid" if index.is_hybrid or asked else "bm25"


def _sparse(
    index: "Index", options: dict[str, Any], k: int, threads: int | None
) -> "Bm25Retriever | LikelihoodRetriever":
    given = {name: options[name] for name in _TAKEN_BY if options[name] is not None}
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


def _with_vectors(
    console: Console, index: "Index", chosen: str, options: dict[str, Any], k: int, threads: int | None
) -> "Retriever | Pipeline":
    name = _part(index, options["model"], binary=chosen == "binary")
    given = {option: options[option] for option in ("candidates", "nprobe", "ef") if options[option] is not None}
    if options["query_model"] is not None:
        _refuse(options, ("encoder",), "--{} and --query-model exclude each other")
        given["query_model"] = options["query_model"]
    if (place := places_of(index, options["encoder"] or (), name).get(name)) is not None:
        given["encoder"] = open_elsewhere(console, index, name, place, asks=True)
    if chosen == "hybrid":
        return index.hybrid(k, dense=name, threads=threads, **given)
    return index.dense(name, k, threads=threads, **given)


def _part(index: "Index", asked: str | None, *, binary: bool) -> str:
    """The name of the vectors that are meant: those asked for, else those added first.

    Raises:
        click.UsageError: there are none, or none of this name or kind.
    """
    kinds = {name: settings.store.kind for name, settings in index.settings.dense.items()}
    names = [name for name, kind in kinds.items() if kind == "binary"] if binary else list(kinds)
    if asked is not None:
        if asked not in kinds:
            there = ", ".join(kinds) or "none"
            raise click.UsageError(f"--model: the index holds no vectors called {asked!r}; there are: {there}")
        if asked not in names:
            raise click.UsageError(f"--retriever binary: {asked!r} is kept as {kinds[asked]}; use --retriever dense")
        return asked
    if not names:
        if kinds:
            more = "or keep more of them so with `spaniel index add-dense INDEX MODEL --name NAME`"
            raise click.UsageError(f"the index holds no binary vectors; use --retriever dense, {more}")
        raise click.UsageError("the index holds no vectors; make some with `spaniel index add-dense INDEX minilm`")
    return names[0]
