"""`open_pair_model`: from a folder or a name on the hub to a cross-encoder that is ready.

A folder whose architecture can be exported becomes an ONNX graph once, kept in the cache folder under the hash of its
weights; another with an ONNX graph of its own runs that; anything else goes to sentence-transformers.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from spaniel.models.folder import ModelFolder, read_folder
from spaniel.models.graph.config import CannotExport, read_config, read_json
from spaniel.models.graph.export import FORMAT, GRAPHS, Head, export
from spaniel.models.hub import Located, UnknownModel, locate
from spaniel.models.identity import folder_identity
from spaniel.models.kept import kept_export
from spaniel.models.manifest import Manifest
from spaniel.models.session import Provider, check_provider
from spaniel.retrieval.cache import cache_folder
from spaniel.retrieval.errors import InvalidInput, MissingExtra, ModelError
from spaniel.retrieval.types import JSON

from .base import PairModel
from .onnx import OnnxPairModel, PairFiles
from .sentence_transformer import TorchPairModel, load_cross_encoder

__all__ = ["WHERE_FROM", "Precision", "open_pair_model"]

WHERE_FROM = "give a folder in hub format, one that `spaniel rerank export` wrote, or hub:owner/name"
"""The hint for a model that is not found: names known elsewhere are those of encoders, which cannot rerank."""

Precision = Literal["fp32", "int8"]
Runtime = Literal["onnx", "sentence-transformers"]
_HEAD: Head = "classify"


@dataclass(frozen=True, slots=True)
class _Options:
    """The arguments of `open_pair_model`, with its words."""

    precision: Precision
    provider: Provider
    runtime: Runtime | None
    threads: int
    max_length: int | None
    query_room: int | None
    cache: Path
    offline: bool
    say: Callable[[str], None]


def open_pair_model(
    model: str | os.PathLike[str],
    *,
    precision: Precision = "fp32",
    provider: Provider = "cpu",
    runtime: Runtime | None = None,
    threads: int | None = None,
    max_length: int | None = None,
    query_room: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    offline: bool = False,
    on_progress: Callable[[str], None] | None = None,
) -> PairModel:
    """Open a cross-encoder.

    Args:
        model: a folder in hub format (such as that of cross-encoder/ms-marco-MiniLM-L6-v2 or BAAI/bge-reranker-base),
            one that `spaniel rerank export` wrote, or "owner/name" on the hub.
        precision: "fp32" or "int8", which is faster, has passed a gate (`graph/export.py`), and runs on the CPU alone.
        provider: what runs the graph: "cpu", "cuda", "tensorrt" or "openvino"; never another than this.
        runtime: "onnx" or "sentence-transformers" (torch, fp32, cpu or cuda); by the model when None.
        threads: inside one run; 1 when None. More batches at once is what threads of the caller are for.
        max_length: tokens of a pair; what the model's files say when None.
        query_room: tokens that a query keeps whatever the passage needs; half of the room when None.
        cache: for exported graphs and downloads; $SPANIEL_CACHE by default.
        offline: never use the network.
        on_progress: called with what is being done: fetching, exporting.

    Raises:
        ModelError: no such model, or one that cannot be used.
        InvalidInput: an argument that cannot be.
        MissingExtra: a package that the model needs is not installed.
    """
    options = _Options(
        precision, provider, runtime, threads or 1, max_length, query_room,
        cache_folder(cache), offline, on_progress or (lambda stage: None),
    )  # fmt: skip
    _check(options, threads)
    try:
        located = locate(model, cache=options.cache, offline=offline, on_progress=options.say)
    except UnknownModel as error:
        error.hint = WHERE_FROM
        raise
    folder = read_folder(located.folder)
    reason = None if runtime else _why_not_onnx(folder)
    if runtime == "onnx" or (runtime is None and reason is None):
        return _open_onnx(located, folder, options)
    if reason is not None:
        options.say(f"{reason}: sentence-transformers runs it")
    try:
        return _open_torch(located, folder, options)
    except MissingExtra as missing:
        missing.hint += f"; it runs models that ONNX Runtime cannot: {reason}" if reason is not None else ""
        raise


def _open_onnx(located: Located, folder: ModelFolder, options: _Options) -> PairModel:
    check_provider(options.provider, options.precision)
    sha256 = folder_identity(folder, options.cache, "onnx")
    graph, exported = _graph(folder, sha256, options)
    files = PairFiles(
        name=located.name,
        sha256=sha256,
        graph=graph,
        tokenizer=folder.tokenizer,
        max_length=_max_length(folder, options),
        query_room=options.query_room,
        padding=folder.padding,
        lower=folder.lower,
        typed=folder.typed,
    )
    gate = exported.parity if exported is not None and options.precision == "int8" else {}
    info = _info(located, folder, options, "onnx") | ({"gate": dict(gate)} if gate else {})
    engines = options.cache / "models" / "engines"
    return OnnxPairModel(files, info, provider=options.provider, threads=options.threads, engines=engines)


def _open_torch(located: Located, folder: ModelFolder, options: _Options) -> PairModel:
    if options.precision != "fp32" or options.provider not in ("cpu", "cuda") or options.query_room is not None:
        raise InvalidInput("open_pair_model", "int8, other providers and query_room need the runtime onnx")
    sha256 = folder_identity(folder, options.cache, "sentence-transformers")  # before anything of it is opened
    model = load_cross_encoder(folder.path, device=options.provider)
    info = _info(located, folder, options, "sentence-transformers")
    return TorchPairModel(model, located.name, sha256, info, max_length=_max_length(folder, options))


def _info(located: Located, folder: ModelFolder, options: _Options, runtime: str) -> dict[str, JSON]:
    return {
        "architecture": folder.model_type,
        "labels": 1,
        "runtime": runtime,
        "precision": options.precision,
        "provider": options.provider,
        "source": located.source,
        "activation": _activation(folder),
    }


def _activation(folder: ModelFolder) -> str:
    """What sentence-transformers' predict would put on the logits, such as "Sigmoid"; nothing is put on them here."""
    config = read_json(folder.path / "config.json")
    nested = config.get("sentence_transformers")
    named = nested.get("activation_fn") if isinstance(nested, dict) else None
    named = named or config.get("sbert_ce_default_activation_function")
    return named.rpartition(".")[2][:64] if isinstance(named, str) else "Sigmoid"


def _check(options: _Options, threads: int | None) -> None:
    for name, value, words in (
        ("precision", options.precision, get_args(Precision)),
        ("provider", options.provider, get_args(Provider)),
        ("runtime", options.runtime, (None, *get_args(Runtime))),
    ):
        if value not in words:
            raise InvalidInput(name, f"{value!r} is not one of {', '.join(word for word in words if word)}")
    numbers = {"threads": threads, "max_length": options.max_length, "query_room": options.query_room}
    for name, number in numbers.items():
        if number is not None and (type(number) is not int or not 1 <= number <= 1 << 20):
            raise InvalidInput(name, f"{number!r} must be a whole number from 1 to {1 << 20}")


def _why_not_onnx(folder: ModelFolder) -> CannotExport | None:
    """Why ONNX Runtime cannot run the model of a folder, though torch may; None when it can."""
    if folder.exported is not None or folder.exportable or folder.foreign_graph() is not None:
        return None
    try:
        read_config(folder.path)
    except CannotExport as reason:
        return reason
    return None


def _max_length(folder: ModelFolder, options: _Options) -> int:
    asked = options.max_length
    if asked and folder.longest and asked > folder.longest:
        raise InvalidInput("max_length", f"{asked}; this model reads at most {folder.longest} tokens")
    return asked or folder.max_length


def _graph(folder: ModelFolder, sha256: str, options: _Options) -> tuple[Path, Manifest | None]:
    """(ONNX file, manifest of the export it is of) of a model: its own export's, one made now, or one that came with
    it."""
    if folder.exported is None and not folder.exportable:
        return _foreign(folder, options.precision), None
    exported = folder if folder.exported is not None else _exported(folder, sha256, options)
    manifest = exported.exported
    if manifest is None or manifest.head != _HEAD:
        raise ModelError(f"{exported.path}: an export of an encoder, which gives vectors and no scores")
    if manifest.dimension != 1:
        raise ModelError(f"{folder.path}: gives {manifest.dimension} numbers a pair; a reranker gives one")
    graph = exported.path / GRAPHS[options.precision]
    if not graph.is_file():
        error = ModelError(f"{graph}: not there")
        error.hint = (
            f"export the model again: spaniel rerank export MODEL DIR{' --int8' * (options.precision == 'int8')}"
        )
        raise error
    return graph, manifest


def _foreign(folder: ModelFolder, precision: Precision) -> Path:
    graph = folder.foreign_graph()
    if graph is None:
        read_config(folder.path)  # names what it is that has no graph
        raise ModelError(f"{folder.path}: no model.safetensors and no onnx/model.onnx")
    if precision != "fp32":
        raise ModelError(f"{folder.path}: its ONNX graph is somebody else's; int8 is made from safetensors")
    return graph


def _exported(folder: ModelFolder, sha256: str, options: _Options) -> ModelFolder:
    """The export of a folder in the cache, made when it is not there."""
    labels = read_config(folder.path).labels
    if labels != 1:
        raise ModelError(f"{folder.path}: config.json has {labels} labels; a reranker has one")

    def make(out: Path) -> None:
        options.say(f"making the ONNX graph of {folder.path}")
        export(folder.path, out, head=_HEAD, precision=options.precision, on_progress=options.say)

    out = options.cache / "models" / f"{sha256[:32]}-{_HEAD}-{options.precision}"
    return kept_export(out, make, format=FORMAT, graph=GRAPHS[options.precision], cache=options.cache)
