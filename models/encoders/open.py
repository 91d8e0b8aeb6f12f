"""`open_encoder`: from a name, a folder, a URL or a card to an encoder that is ready.

A folder whose architecture can be exported becomes an ONNX graph once, kept in the cache folder under the hash of its
weights; another with an ONNX graph of its own runs that; anything else goes to sentence-transformers.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from spaniel.models.card import ModelCard, Pooling, check_same
from spaniel.models.cpus import usable_cpus
from spaniel.models.folder import ModelFolder, read_folder
from spaniel.models.graph.config import CannotExport, read_config
from spaniel.models.graph.modules import Modules, read_modules
from spaniel.models.hub import Located, locate
from spaniel.models.identity import folder_identity
from spaniel.models.session import Device
from spaniel.models.tokens import Tokenizer
from spaniel.models.towers import Towers, read_towers
from spaniel.retrieval.cache import cache_folder
from spaniel.retrieval.errors import InvalidInput, MissingExtra, ModelError

from .base import Encoder
from .endpoint import EndpointEncoder, check_trusted, endpoint_key, endpoint_url, is_listed, probe_dimension
from .http_json import Poster
from .open_onnx import OnnxModel, no_layers_left_out, onnx_model, prompts_of
from .options import Options, Precision
from .sentence_transformer import SentenceTransformersEncoder, load
from .towers import TwoTowers

__all__ = ["Precision", "open_encoder"]

_RUNTIMES = ("onnx", "sentence-transformers", "endpoint")


def open_encoder(
    model: str | os.PathLike[str] | ModelCard,
    *,
    precision: Precision | None = None,
    runtime: str | None = None,
    max_length: int | None = None,
    pooling: Pooling | None = None,
    normalise: bool | None = None,
    query_prompt: str | None = None,
    passage_prompt: str | None = None,
    threads: int | None = None,
    budget: int | None = None,
    device: Device = "cpu",
    cache: str | os.PathLike[str] | None = None,
    offline: bool = False,
    on_progress: Callable[[str], None] | None = None,
) -> Encoder:
    """Open a model that turns texts into vectors.

    Args:
        model: "minilm" or another short name; a folder in hub format; "owner/name" on the hub; the URL of an
            OpenAI-compatible endpoint with the model's name behind a #; or the card of an index, which opens the same
            model again with the same settings.
        precision: "fp32" (default) or "int8", twice as fast and a quarter of the size.
        runtime: "onnx", "sentence-transformers" or "endpoint"; chosen by the model when None.
        max_length, pooling, normalise, query_prompt, passage_prompt: instead of what the model's files say.
        threads: batches of passages that run at once; as many as this process may use cores when None. A query takes
            one.
        budget: tokens of a batch of passages, instead of what was measured to be best; ONNX Runtime only.
        device: "cuda" needs the GPU packages.
        cache: for exported graphs and downloads; $SPANIEL_CACHE by default.
        offline: never use the network.
        on_progress: called with what is being done: fetching, exporting.

    Raises:
        ModelError: no such model, or one that cannot be used; for a card, one that is not the same.
        InvalidInput: an argument that cannot be.
        MissingExtra: a package that the model needs is not installed.
    """
    options = Options(
        precision or "fp32", runtime, max_length, pooling, normalise, query_prompt, passage_prompt, None,
        threads or usable_cpus(), budget, device, cache_folder(cache), offline,
        on_progress or (lambda stage: None),
    )  # fmt: skip
    _check(options)
    if not isinstance(model, ModelCard):
        return _open(model, options)
    if model.runtime == "endpoint" or model.source.startswith(("http://", "https://")):
        check_trusted(model.source)
    encoder = _open(model.source, _as_card(model, options, precision))
    check_same(model, encoder.card, model.source)
    return encoder


def _check(options: Options) -> None:
    if options.precision not in ("fp32", "int8"):
        raise InvalidInput("precision", f"{options.precision!r} is not fp32 or int8")
    if options.runtime not in (None, *_RUNTIMES):
        raise InvalidInput("runtime", f"{options.runtime!r} is not one of {', '.join(_RUNTIMES)}")
    if options.pooling not in (None, "mean", "cls", "last"):
        raise InvalidInput("pooling", f"{options.pooling!r} is not mean, cls or last")
    for name in ("max_length", "threads", "budget"):
        value = getattr(options, name)
        if value is not None and (type(value) is not int or not 1 <= value <= 1 << 20):
            raise InvalidInput(name, f"{value!r} must be a whole number from 1 to {1 << 20}")


def _as_card(card: ModelCard, options: Options, precision: Precision | None) -> Options:
    """What opens the model of a card as it was."""
    if card.runtime == "vectors":
        error = ModelError(f"{card.name}: its vectors were made elsewhere; nothing here can encode a text for it")
        error.hint = "search with Query(id, text, vector=...)"
        raise error
    return replace(
        options,
        precision=precision or card.precision,
        runtime=options.runtime or card.runtime,
        max_length=card.max_length or None,
        pooling=card.pooling or None,
        normalise=card.normalised,
        query_prompt=card.query_prompt,
        passage_prompt=card.passage_prompt,
        dimension=card.dimension,
        of_an_index=True,
    )


def _open(model: str | os.PathLike[str], options: Options) -> Encoder:
    text = os.fspath(model)
    if text.startswith(("http://", "https://")) or options.runtime == "endpoint":
        return _open_endpoint(text, options)
    located = locate(model, cache=options.cache, offline=options.offline, on_progress=options.say)
    if (towers := read_towers(located.folder)) is not None:
        return _open_towers(located, towers, options)
    folder = read_folder(located.folder)
    reason = None if options.runtime else _why_notonnx_model(folder)
    if options.runtime == "onnx" or (options.runtime is None and reason is None):
        return onnx_model(located, folder, options).open()
    if reason is not None:
        options.say(f"{reason}: sentence-transformers runs it")
    try:
        return _open_torch(located, folder, options)
    except MissingExtra as missing:
        missing.hint += f"; it runs models that ONNX Runtime cannot: {reason}" if reason is not None else ""
        raise


def _open_towers(located: Located, towers: Towers, options: Options) -> Encoder:
    """What training wrote; its two towers as one encoder, where it has two."""
    if options.runtime not in (None, "onnx"):
        raise InvalidInput("runtime", f"{options.runtime!r}: {located.folder} was trained here, and is run by onnx")
    options = replace(options, trained=towers)
    passage = _tower(located, towers, towers.passage, options)
    if towers.query is None:
        encoder = passage.open()
    else:
        encoder = TwoTowers(passage.card, passage.open, _tower(located, towers, towers.query, options).open())
    encoder.codes = towers.codes
    return encoder


def _tower(located: Located, towers: Towers, tower: Path, options: Options) -> "OnnxModel":
    towers.check(tower, options.cache)
    return onnx_model(located, read_folder(tower), options)


def _open_endpoint(source: str, options: Options) -> Encoder:
    if options.runtime not in (None, "endpoint"):
        raise InvalidInput("runtime", f"{options.runtime!r} does not fit a URL")
    if options.offline:
        raise ModelError(f"{source}: the network is not to be used")
    url, model = endpoint_url(source)
    key = endpoint_key(url) if not options.of_an_index or is_listed(source) else ""
    poster = Poster(url, key, later="try again later; a build goes on where it stopped")
    card = ModelCard(
        name=model,
        source=source,
        runtime="endpoint",
        sha256="",
        dimension=options.dimension or probe_dimension(poster, model),
        normalised=options.normalise is not False,
        query_prompt=options.query_prompt or "",
        passage_prompt=options.passage_prompt or "",
    )
    return EndpointEncoder(card, poster, threads=options.threads)


def _open_torch(located: Located, folder: ModelFolder, options: Options) -> Encoder:
    modules = _known_modules(folder)
    pooling: Pooling = modules.pooling if modules is not None else ""
    if options.precision != "fp32" or options.pooling not in (None, pooling):
        raise InvalidInput("open_encoder", "int8 and another pooling need the runtime onnx")
    sha256 = folder_identity(folder, options.cache, "sentence-transformers")  # before anything of it is opened
    bare = not (folder.path / "modules.json").is_file()  # then it does not look for a length either
    asked = options.max_length or (folder.max_length if bare else None)
    model = load(folder.path, device=options.device, max_length=asked)
    prompts = prompts_of(located, folder, options)
    named = type(list(model)[-1]).__name__ == "Normalize"  # one before a linear layer gives no vectors of length 1
    normalises = modules.normalise if modules is not None else named  # a folder without modules.json says nothing
    card = ModelCard(
        name=located.name,
        source=located.source,
        runtime="sentence-transformers",
        sha256=sha256,
        dimension=int(model.get_embedding_dimension()),
        pooling=pooling,
        normalised=normalises if options.normalise is None else options.normalise,
        max_length=int(model.max_seq_length or 0),
        query_prompt=prompts[0],
        passage_prompt=prompts[1],
    )
    counting = Tokenizer(folder.tokenizer, card.max_length, lower=folder.lower) if card.max_length else None
    return SentenceTransformersEncoder(card, model, counting)


def _why_notonnx_model(folder: ModelFolder) -> CannotExport | None:
    """Why ONNX Runtime cannot run the model of a folder, though others may; None when it can.

    Raises:
        ModelError: a file of it is damaged.
    """
    if folder.exported is not None:
        return None
    try:
        no_layers_left_out(folder, read_modules(folder.path))
        if not folder.exportable and not folder.foreign_graph():
            read_config(folder.path)
    except CannotExport as reason:
        return reason
    return None


def _known_modules(folder: ModelFolder) -> Modules | None:
    """What comes after the encoder; None when it is more than pooling and normalisation."""
    try:
        found = read_modules(folder.path)
    except CannotExport:
        return None
    return None if found.dense else found
