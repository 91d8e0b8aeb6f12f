"""`open_pair_model`: from a folder or a name on the hub to a cross-encoder that is ready.

A folder whose architecture can be exported becomes an ONNX graph once, kept in the cache folder under the hash of its
weights; another with an ONNX graph of its own runs that.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

from spaniel.models.folder import ModelFolder, read_folder
from spaniel.models.graph.config import read_config
from spaniel.models.graph.export import FORMAT, GRAPHS, Head, export
from spaniel.models.hub import locate
from spaniel.models.identity import folder_identity
from spaniel.models.kept import kept_export
from spaniel.models.session import Provider, check_provider
from spaniel.retrieval.cache import cache_folder
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.types import JSON

from .base import PairModel
from .onnx import OnnxPairModel, PairFiles

__all__ = ["Precision", "open_pair_model"]

Precision = Literal["fp32", "int8"]
_HEAD: Head = "classify"


def open_pair_model(
    model: str | os.PathLike[str],
    *,
    precision: Precision = "fp32",
    provider: Provider = "cpu",
    threads: int | None = None,
    max_length: int | None = None,
    query_room: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    offline: bool = False,
    on_progress: Callable[[str], None] | None = None,
) -> PairModel:
    """Open a cross-encoder on ONNX Runtime.

    Args:
        model: a folder in hub format (such as that of cross-encoder/ms-marco-MiniLM-L6-v2 or BAAI/bge-reranker-base),
            one that `spaniel rerank export` wrote, or "owner/name" on the hub.
        precision: "fp32" or "int8", which is faster and has passed a gate (`graph/export.py`).
        provider: what runs the graph: "cpu", "cuda", "tensorrt" or "openvino"; never another than this.
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
    if precision not in get_args(Precision):
        raise InvalidInput("precision", f"{precision!r} is not one of {', '.join(get_args(Precision))}")
    _check(threads=threads, max_length=max_length, query_room=query_room)
    check_provider(provider)
    say, place = on_progress or (lambda stage: None), cache_folder(cache)
    located = locate(model, cache=place, offline=offline, on_progress=say)
    folder = read_folder(located.folder)
    sha256 = folder_identity(folder, place, "onnx")
    graph, _ = _graph(folder, sha256, precision, place, say)
    files = PairFiles(
        name=located.name,
        sha256=sha256,
        graph=graph,
        tokenizer=folder.tokenizer,
        max_length=_max_length(folder, max_length),
        query_room=query_room,
        padding=folder.padding,
        lower=folder.lower,
    )
    info: dict[str, JSON] = {
        "architecture": folder.model_type,
        "labels": 1,
        "precision": precision,
        "provider": provider,
        "source": located.source,
    }
    return OnnxPairModel(files, info, provider=provider, threads=threads or 1, engines=place / "models" / "engines")


def _check(**numbers: int | None) -> None:
    for name, value in numbers.items():
        if value is not None and (type(value) is not int or not 1 <= value <= 1 << 20):
            raise InvalidInput(name, f"{value!r} must be a whole number from 1 to {1 << 20}")


def _max_length(folder: ModelFolder, asked: int | None) -> int:
    if asked and folder.longest and asked > folder.longest:
        raise InvalidInput("max_length", f"{asked}; this model reads at most {folder.longest} tokens")
    return asked or folder.max_length


def _graph(
    folder: ModelFolder, sha256: str, precision: Precision, cache: Path, say: Callable[[str], None]
) -> tuple[Path, ModelFolder | None]:
    """(ONNX file, the export it is of) of a model: its own export's, one made now, or one that came with it."""
    if folder.exported is None and not folder.exportable:
        return _foreign(folder, precision), None
    exported = folder if folder.exported is not None else _exported(folder, sha256, precision, cache, say)
    manifest = exported.exported
    if manifest is None or manifest.head != _HEAD:
        raise ModelError(f"{exported.path}: an export of an encoder, which gives vectors and no scores")
    if manifest.dimension != 1:
        raise ModelError(f"{folder.path}: gives {manifest.dimension} numbers a pair; a reranker gives one")
    graph = exported.path / GRAPHS[precision]
    if not graph.is_file():
        raise ModelError(
            f"{graph}: not there; export the model again" + (" with --int8" if precision == "int8" else "")
        )
    return graph, exported


def _foreign(folder: ModelFolder, precision: Precision) -> Path:
    graph = folder.foreign_graph()
    if graph is None:
        read_config(folder.path)  # names what it is that has no graph
        raise ModelError(f"{folder.path}: no model.safetensors and no onnx/model.onnx")
    if precision != "fp32":
        raise ModelError(f"{folder.path}: its ONNX graph is somebody else's; int8 is made from safetensors")
    return graph


def _exported(
    folder: ModelFolder, sha256: str, precision: Precision, cache: Path, say: Callable[[str], None]
) -> ModelFolder:
    """The export of a folder in the cache, made when it is not there."""
    config = read_config(folder.path)
    if config.labels != 1:
        raise ModelError(f"{folder.path}: config.json has {config.labels} labels; a reranker has one")

    def make(out: Path) -> None:
        say(f"making the ONNX graph of {folder.path}")
        export(folder.path, out, head=_HEAD, precision=precision, on_progress=say)

    out = cache / "models" / f"{sha256[:32]}-{_HEAD}-{precision}"
    return kept_export(out, make, format=FORMAT, graph=GRAPHS[precision], cache=cache)
