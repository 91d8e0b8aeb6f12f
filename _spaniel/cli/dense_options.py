"""Options that name a model and a store: of `index build --dense`, `index add-dense` and `encode`.

Names and meanings are those of `open_encoder` and `StoreSettings`. What is not given is left to them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from spaniel.retrieval.errors import require

from .console import Console
from .progress import ProgressLine

if TYPE_CHECKING:
    from spaniel.index.dense.settings import StoreSettings
    from spaniel.index.index import Index
    from spaniel.models.card import ModelCard
    from spaniel.models.encoders.base import Encoder

__all__ = [
    "CODES",
    "MODEL_NAMES",
    "RESCORE",
    "STORES",
    "STORE_NAMES",
    "encoder_option",
    "given_among",
    "model_options",
    "open_elsewhere",
    "open_model",
    "places_of",
    "query_model_option",
    "store_of",
    "store_options",
    "tell_cut",
    "tell_language",
    "tell_long_questions",
]

Command = TypeVar("Command", bound=Callable[..., Any])

# Spelled out here, for reading them from the library would make --help import NumPy; a test compares the two.
STORES = ("binary", "float32", "float16", "int8", "hnsw", "ivf", "pq", "rabitq")
CODES = ("learned", "itq", "rotation", "centred", "sign")
RESCORE = ("int8", "float16", "float32", "none")

STORE_NAMES = ("store", "codes", "factor", "rescore", "lists")
"""Parameters of `store_options`; `store` is the store's kind."""
MODEL_NAMES = ("precision", "max_length", "pooling", "query_prompt", "passage_prompt", "offline")
"""Parameters of `model_options`, called as `open_encoder` calls them."""

_STORE = [
    click.option(
        "--store",
        type=click.Choice(STORES),
        help="How vectors are kept: a bit a dimension; all of them; FAISS's kinds [binary].",
    ),
    click.option(
        "--codes",
        type=click.Choice(CODES),
        help="Of the binary store: how its bits are made [as trained, else learned].",
    ),
    click.option(
        "--factor/--no-factor",
        default=None,
        help="Of the binary store: 2 more bytes a passage, which correct its estimates, or not [--factor].",
    ),
    click.option(
        "--rescore",
        type=click.Choice(RESCORE),
        help="Vectors on disk against which the best are scored again; only `binary` can do without [int8].",
    ),
    click.option(
        "--lists",
        type=click.IntRange(min=0),
        metavar="N",
        help="Of binary and ivf: lists of an inverted file, of which a search visits some [binary: none].",
    ),
]

_MODEL = [
    click.option(
        "--precision",
        type=click.Choice(["fp32", "int8"]),
        help="Of the model's own arithmetic; int8 is faster and close to fp32 [fp32].",
    ),
    click.option("--max-length", type=click.IntRange(min=1), metavar="N", help="Tokens after which a text is cut."),
    click.option("--pooling", type=click.Choice(["mean", "cls", "last"]), help="Tokens' vectors to one [the model's]."),
    click.option("--query-prompt", metavar="TEXT", help="Put before each question [the model's]."),
    click.option("--passage-prompt", metavar="TEXT", help="Put before each passage [the model's]."),
    click.option("--offline", is_flag=True, help="Fetch nothing: a model that is not on this machine is an error."),
]


def store_options(command: Command) -> Command:
    """Options of everything that makes a store."""
    for option in reversed(_STORE):
        command = option(command)
    return command


def model_options(command: Command) -> Command:
    """Options of everything that opens a model."""
    for option in reversed(_MODEL):
        command = option(command)
    return command


def given_among(names: Iterable[str]) -> list[str]:
    """Those of the present command's parameters that the user wrote, as options: `--max-length`."""
    context = click.get_current_context()
    return [
        f"--{name.replace('_', '-')}"
        for name in names
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]


def store_of(options: dict[str, Any]) -> "StoreSettings":
    """The store that the options ask for; `options` loses them.

    Raises:
        InvalidInput: they do not go together.
        click.UsageError: an option of another kind of store.
        MissingExtra: FAISS is not installed.
    """
    from spaniel.index.dense.settings import FLAT, KINDS_OF, StoreSettings

    taken = {name: options.pop(name) for name in STORE_NAMES}
    kind: Any = taken.pop("store") or "binary"
    for name, kinds in KINDS_OF.items():
        if taken[name] is not None and kind not in kinds:
            raise click.UsageError(f"--{name} belongs to --store {' or '.join(kinds)}, not to {kind}")
    if taken["rescore"] not in (None, "none") and kind in FLAT:
        raise click.UsageError(f"--rescore means nothing for --store {kind}, which keeps the vectors themselves")
    if kind in ("hnsw", "ivf", "pq", "rabitq"):
        require("faiss", extra="cpu")  # better now than when all is encoded
    return StoreSettings(kind, **{name: value for name, value in taken.items() if value is not None})


def open_model(console: Console, model: str, options: dict[str, Any], **more: Any) -> "Encoder":
    """The encoder of this name or place; `options` loses those of `model_options`. Fetching and exporting are told.

    Args:
        more: further arguments of `open_encoder`.

    Raises:
        ModelError, MissingExtra, InvalidInput: see `open_encoder`.
    """
    from spaniel.models.encoders.open import open_encoder

    taken = {name: options.pop(name, None) for name in MODEL_NAMES}
    given = {name: value for name, value in taken.items() if value is not None}
    with console.progress() as line:
        return open_encoder(model, on_progress=_teller(console, line), **given, **more)


def open_elsewhere(
    console: Console, index: "Index", name: str, place: str, *, asks: bool = False, threads: int | None = None
) -> "Encoder":
    """The model of a dense part from another place than the index names, with the settings that it was made with.

    Args:
        asks: what encodes its questions is meant, where that is another model than made the vectors.
        threads: of the model; None for one a core.

    Raises:
        ModelError: it is another model; or as `open_encoder`.
    """
    from spaniel.models.encoders.open import open_encoder

    dense = index.settings.dense[name]
    card = replace(dense.asks if asks else dense.model, source=place)
    with console.progress() as line:
        return open_encoder(card, threads=threads, on_progress=_teller(console, line))


query_model_option = click.option(
    "--query-model",
    metavar="DIR",
    help="Encode questions by this model, trained over the same passages [what the index says].",
)

encoder_option = click.option(
    "--encoder",
    multiple=True,
    callback=lambda context, parameter, given: given or None,
    metavar="[NAME=]MODEL",
    help="Where a model is, if no longer where the index was made; it must be the same. Once for each of several.",
)


def places_of(index: "Index", given: Sequence[str], meant: str | None = None) -> dict[str, str]:
    """Name of vectors -> where their model is, from what `--encoder` was given.

    Args:
        meant: whose model one without a name is; that of the only vectors when None.

    Raises:
        click.UsageError: one without a name where the index holds several models or none, or two for one name.
    """
    names, found = index.dense_names, dict[str, str]()
    for each in given:
        name, equals, place = each.partition("=")
        if not equals or name not in names:  # a folder or a URL may have an = of its own
            if meant is None and len(names) != 1:
                there = f"; put NAME= before it, of {', '.join(names)}" if names else ""
                raise click.UsageError(f"--encoder {each}: the index holds {len(names)} models, not one{there}")
            name, place = meant or names[0], each
        if name in found:
            raise click.UsageError(f"--encoder: two places for the model of {name}")
        found[name] = place
    return found


def _teller(console: Console, line: ProgressLine) -> Callable[[str], None]:
    """What is told first stays, as a note; what comes after is shown on the line."""
    told = False

    def tell(stage: str) -> None:
        nonlocal told
        if not told:
            console.note(stage)
        else:
            line.update(stage, 0, 0)
        told = True

    return tell


def tell_cut(console: Console, encoder: "Encoder") -> None:
    """Say how many texts were longer than the model reads, for nothing else would show it."""
    if n_cut := encoder.usage()["truncated"]:
        length = f" than {encoder.card.max_length} tokens" if encoder.card.max_length else " than the model reads"
        texts = "text was" if n_cut == 1 else "texts were"
        console.note(
            f"{n_cut:,} {texts} longer{length}; what comes after was not encoded; split long ones to have it all"
        )


def tell_long_questions(console: Console, retriever: object) -> None:
    """Say how many questions were longer than the model reads, and how many passages than the reranker."""
    from spaniel.retrieval.pipeline import Pipeline

    source, later = (retriever.source, retriever.stages) if isinstance(retriever, Pipeline) else (retriever, ())
    n_cut = _cut_by(source)
    if n_cut == 1:
        console.note("the question is longer than the model reads: vectors see its beginning only")
    elif n_cut:
        console.note(f"{n_cut:,} questions are longer than the model reads: vectors see their beginnings only")
    if n_cut := sum(map(_cut_by, later)):
        console.note(
            f"{n_cut:,} {'text is' if n_cut == 1 else 'texts are'} longer than the reranker reads: ends were cut"
        )


def _cut_by(stage: object) -> int:
    from spaniel.retrieval.protocols import Metered

    return stage.usage().get("truncated", 0) if isinstance(stage, Metered) else 0


def tell_language(console: Console, card: "ModelCard", analyzer: str) -> None:
    """Say that a model was not trained on the language of an index, where both are known."""
    from spaniel.index.dense.languages import reads_only

    if reads := reads_only(card, analyzer):
        reason = f"{card.name} was trained on {', '.join(reads).title()}, and --language is {analyzer}"
        console.note(f"{reason}: expect worse of it than of words alone; multilingual-e5-small reads many languages")
