"""`open_encoder`: from a name, a folder, a URL or a card to an encoder that is ready.

A folder whose architecture can be exported becomes an ONNX graph once, kept in the cache folder under the hash of its
weights; another with an ONNX graph of its own runs that; anything else goes to sentence-transformers.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from spaniel.models.card import ModelCard, Pooling, check_same
from spaniel.models.cpus import usable_cpus
from spaniel.models.folder import ModelFolder, Prompts, read_folder
from spaniel.models.graph.config import CannotExport, read_config, read_json
from spaniel.models.graph.export import FORMAT, GRAPHS, export
from spaniel.models.graph.modules import Modules, leaves_prompt_out, read_modules
from spaniel.models.hub import Located, locate
from spaniel.models.identity import folder_identity
from spaniel.models.kept import kept_export
from spaniel.models.session import Device, check_provider
from spaniel.models.tokens import Tokenizer
from spaniel.models.towers import Towers, plain_tower, read_towers
from spaniel.retrieval.cache import cache_folder
from spaniel.retrieval.errors import InvalidInput, MissingExtra, ModelError

from .base import Encoder
from .endpoint import EndpointEncoder, check_trusted, endpoint_key, endpoint_url, is_listed, probe_dimension
from .http_json import Poster
from .onnx import OnnxEncoder, OnnxFiles
from .sentence_transformer import SentenceTransformersEncoder, load
from .towers import TwoTowers

__all__ = ["Precision", "open_encoder"]

Precision = Literal["fp32", "int8"]
_RUNTIMES = ("onnx", "sentence-transformers", "endpoint")


@dataclass(frozen=True, slots=True)
class _Options:
    """The arguments of `open_encoder`, with its words."""

    precision: Precision
    runtime: str | None
    max_length: int | None
    pooling: Pooling | None
    normalise: bool | None
    query_prompt: str | None
    passage_prompt: str | None
    dimension: int | None
    threads: int
    budget: int | None
    device: Device
    cache: Path
    offline: bool
    say: Callable[[str], None]
    of_an_index: bool = False
    trained: Towers | None = None


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
    options = _Options(
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


def _check(options: _Options) -> None:
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


def _as_card(card: ModelCard, options: _Options, precision: Precision | None) -> _Options:
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


def _open(model: str | os.PathLike[str], options: _Options) -> Encoder:
    text = os.fspath(model)
    if text.startswith(("http://", "https://")) or options.runtime == "endpoint":
        return _open_endpoint(text, options)
    located = locate(model, cache=options.cache, offline=options.offline, on_progress=options.say)
    if (towers := read_towers(located.folder)) is not None:
        return _open_towers(located, towers, options)
    folder = read_folder(located.folder)
    reason = None if options.runtime else _why_not_onnx(folder)
    if options.runtime == "onnx" or (options.runtime is None and reason is None):
        return _onnx(located, folder, options).open()
    if reason is not None:
        options.say(f"{reason}: sentence-transformers runs it")
    try:
        return _open_torch(located, folder, options)
    except MissingExtra as missing:
        missing.hint += f"; it runs models that ONNX Runtime cannot: {reason}" if reason is not None else ""
        raise


def _open_towers(located: Located, towers: Towers, options: _Options) -> Encoder:
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


def _tower(located: Located, towers: Towers, tower: Path, options: _Options) -> "_Onnx":
    towers.check(tower, options.cache)
    return _onnx(located, read_folder(tower), options)


def _open_endpoint(source: str, options: _Options) -> Encoder:
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


def _open_torch(located: Located, folder: ModelFolder, options: _Options) -> Encoder:
    modules = _known_modules(folder)
    pooling: Pooling = modules.pooling if modules is not None else ""
    if options.precision != "fp32" or options.pooling not in (None, pooling):
        raise InvalidInput("open_encoder", "int8 and another pooling need the runtime onnx")
    sha256 = folder_identity(folder, options.cache, "sentence-transformers")  # before anything of it is opened
    bare = not (folder.path / "modules.json").is_file()  # then it does not look for a length either
    asked = options.max_length or (folder.max_length if bare else None)
    model = load(folder.path, device=options.device, max_length=asked)
    prompts = _prompts(located, folder, options)
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


def _why_not_onnx(folder: ModelFolder) -> CannotExport | None:
    """Why ONNX Runtime cannot run the model of a folder, though others may; None when it can.

    Raises:
        ModelError: a file of it is damaged.
    """
    if folder.exported is not None:
        return None
    try:
        _no_layers_left_out(folder, read_modules(folder.path))
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


def _no_layers_left_out(folder: ModelFolder, modules: Modules) -> None:
    """Linear layers go into graphs that are made here; one of somebody else ends before them."""
    if modules.dense and not folder.exportable:
        raise CannotExport(f"{folder.path}: a linear layer behind a graph that is not made here")
    if missing := [name for name in modules.weight_files if not (folder.path / name).is_file()]:
        raise CannotExport(f"{folder.path}: no {missing[0]}")


@dataclass(frozen=True, slots=True)
class _Onnx:
    """A model for ONNX Runtime, known but not open: its card, the files, which are there and checked, the options."""

    card: ModelCard
    files: OnnxFiles
    options: _Options

    def open(self) -> Encoder:
        """Read the graph."""
        asked = self.options
        return OnnxEncoder(self.card, self.files, threads=asked.threads, device=asked.device, budget=asked.budget)


def _onnx(located: Located, folder: ModelFolder, options: _Options) -> _Onnx:
    if folder.exported is None and not folder.exportable and not folder.foreign_graph():
        read_config(folder.path)  # names what it is that has no graph
    check_provider(options.device, options.precision)
    sha256 = folder_identity(folder, options.cache, "onnx")
    modules = _modules(folder, options)
    graph, dimension = _graph(folder, modules, sha256, options)
    prompts = _prompts(located, folder, options)
    card = ModelCard(
        name=located.name,
        source=located.source,
        runtime="onnx",
        sha256=sha256,
        dimension=dimension,
        pooling=modules.pooling,
        normalised=modules.normalise,
        max_length=_max_length(folder, options),
        query_prompt=prompts[0],
        passage_prompt=prompts[1],
        precision=options.precision,
    )
    return _Onnx(card, OnnxFiles(graph, folder.tokenizer, folder.padding, folder.lower), options)


def _modules(folder: ModelFolder, options: _Options) -> Modules:
    """Pooling and normalisation: what was asked for, else what the folder says."""
    if folder.exported is not None and folder.exported.head != "pool":
        raise ModelError(f"{folder.path}: was exported with --head {folder.exported.head}, and gives no embeddings")
    if folder.exported is None:
        found = read_modules(folder.path)
        _no_layers_left_out(folder, found)
    else:
        found = Modules(folder.exported.pooling, folder.exported.normalised)
    normalise = found.normalise if options.normalise is None else options.normalise
    asked = replace(found, pooling=options.pooling or found.pooling, normalise=normalise)
    if folder.exported is not None and asked != found:
        raise InvalidInput(str(folder.path), "was exported with other pooling or normalisation", "export it anew")
    return asked


def _max_length(folder: ModelFolder, options: _Options) -> int:
    if options.max_length and folder.longest and options.max_length > folder.longest:
        raise InvalidInput("max_length", f"{options.max_length}; this model reads at most {folder.longest} tokens")
    return options.max_length or folder.max_length


def _prompts(located: Located, folder: ModelFolder, options: _Options) -> Prompts:
    """What was asked for, else what known.toml says, else the files."""
    known = located.known
    query = (options.query_prompt, known.query_prompt if known else None, folder.prompts[0])
    passage = (options.passage_prompt, known.passage_prompt if known else None, folder.prompts[1])
    found = next(one for one in query if one is not None), next(one for one in passage if one is not None)
    if any(found) and leaves_prompt_out(folder.path):
        error = ModelError(f"{located.name}: its pooling leaves out the prompt, which cannot be done here")
        error.hint = "without prompts it can be used, at a loss: query_prompt='' and passage_prompt=''"
        raise error
    return found


def _graph(folder: ModelFolder, modules: Modules, sha256: str, options: _Options) -> tuple[Path, int]:
    """(ONNX file, dimension) of a model: its export's, one exported now, or one that came with it."""
    if folder.exported is None and not folder.exportable:
        return _foreign(folder, options)
    graph = folder.path / GRAPHS[options.precision]
    made = folder.exported is not None and (graph.is_file() or options.trained is None)
    exported = folder if made else _exported(folder, modules, sha256, options)
    graph = exported.path / GRAPHS[options.precision]
    if not graph.is_file() or exported.exported is None:
        raise ModelError(f"{graph}: not there; export the model with --precision {options.precision}")
    return graph, exported.exported.dimension


def _foreign(folder: ModelFolder, options: _Options) -> tuple[Path, int]:
    config = read_json(folder.path / "config.json")
    graph = folder.foreign_graph()
    sizes = [config.get(name) for name in ("hidden_size", "dim", "d_model")]
    dimension = next((size for size in sizes if type(size) is int and size > 0), None)
    if graph is None or dimension is None or options.precision != "fp32":
        raise ModelError(
            f"{folder.path}: {config.get('model_type')!r} cannot be exported, and has no graph that will do"
        )
    return graph, dimension


def _exported(folder: ModelFolder, modules: Modules, sha256: str, options: _Options) -> ModelFolder:
    """The export of a folder in the cache, made when it is not there."""
    kind = f"{modules.pooling}-{'unit' if modules.normalise else 'raw'}-{options.precision}"
    out = options.cache / "models" / f"{sha256[:32]}-{kind}"
    graph = GRAPHS[options.precision]

    def make(place: Path) -> None:
        options.say(f"making the ONNX graph of {folder.path}")
        if options.trained is None:
            _export(folder.path, place, modules, options)
            return
        with plain_tower(options.trained, folder.path) as plain:
            _export(plain, place, modules, options)

    return kept_export(out, make, format=FORMAT, graph=graph, cache=options.cache)


def _export(folder: Path, out: Path, modules: Modules, options: _Options) -> None:
    export(
        folder,
        out,
        pooling=modules.pooling,
        normalise=modules.normalise,
        precision=options.precision,
        on_progress=options.say,
    )
