"""A model folder in hub format -> the same folder with ONNX graphs in place of its weights.

    out/model.onnx        fp32; embedding, logits or hidden
    out/spaniel.json      what it was made from and with, and the sha256 of every file
    out/tokenizer.json, config.json, modules.json, ...   as they were

The folder is written beside `out` under another name and renamed when it is whole, so that `out` is there whole or not
at all. An export that is there already, of the same files with the same options, is left as it is.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from spaniel.models.card import Pooling
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.types import JSON

from .builder import Graph
from .config import Config, read_config, read_json
from .encoder import Encoder
from .heads import pooled
from .modules import Modules, read_modules
from .weights import Weights

__all__ = ["MANIFEST", "Exported", "Head", "export"]

Head = Literal["pool", "classify", "hidden"]
Progress = Callable[[str], None]

MANIFEST = "spaniel.json"
_FORMAT = 1
_KEPT = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
)
_MAX_GRAPH_BYTES = (2 << 30) - (64 << 20)  # protobuf ends at 2 GiB


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported folder: where it is and what its manifest says."""

    path: Path
    manifest: Mapping[str, JSON]

    @property
    def graph(self) -> Path:
        """The fp32 graph."""
        return self.path / "model.onnx"


def export(
    directory: str | Path,
    out: str | Path,
    *,
    head: Head = "pool",
    pooling: Pooling | None = None,
    normalise: bool | None = None,
    on_progress: Progress | None = None,
) -> Exported:
    """Write the model in `directory` as ONNX into the folder `out`.

    Args:
        directory: config.json, tokenizer.json and model.safetensors; modules.json where there is one.
        out: made; what is there already must be an export of the same model with the same options.
        head: "pool" gives `embedding` float32 (n, dimension).
        pooling, normalise: instead of what modules.json says.
        on_progress: called with what is being done.

    Returns:
        The folder and its manifest.

    Raises:
        ModelError: the model cannot be exported; the message names what of it.
        InvalidInput: `out` is there and something else.
    """
    source, target, say = Path(directory), Path(out), on_progress or (lambda stage: None)
    config, modules = read_config(source), read_modules(source)
    modules = Modules(
        pooling or modules.pooling, modules.normalise if normalise is None else normalise, modules.folders
    )
    say("reading")
    with Weights(source) as weights:
        definition = _definition(source, weights, config, modules, head)
        if (there := _there(target, definition)) is not None:
            return there
        with _folder_whole(target) as folder:
            say("building the graph")
            model = _model(config, weights, modules)
            _write(model, folder / "model.onnx")
            names = ["model.onnx", *_copy(source, folder, modules)]
            manifest = definition | {"files": {name: _digest(folder / name) for name in names}}
            (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    return Exported(target, manifest)


def _definition(source: Path, weights: Weights, config: Config, modules: Modules, head: Head) -> dict[str, JSON]:
    """What decides the graphs: equal definitions, equal exports."""
    names = [*weights.files, "config.json", "tokenizer.json"]
    if not (source / "tokenizer.json").is_file():
        error = ModelError(f"{source}: no tokenizer.json")
        error.hint = "save the tokenizer as a fast one: AutoTokenizer.from_pretrained(...).save_pretrained(DIR)"
        raise error
    return {
        "format": _FORMAT,
        "architecture": config.model_type,
        "head": head,
        "pooling": modules.pooling,
        "normalised": modules.normalise,
        "dimension": config.hidden,
        "longest": config.longest,
        "source": {name: _digest(source / name) for name in names},
    }


def _model(config: Config, weights: Weights, modules: Modules) -> Any:
    graph = Graph()
    hidden = Encoder(graph, config, weights).hidden(token_types=False)
    graph.name_output(pooled(graph, hidden, modules.pooling, normalise=modules.normalise), "embedding")
    return graph.model(["input_ids", "attention_mask"], "embedding", ["n", config.hidden], producer="spaniel")


def _write(model: Any, path: Path) -> None:
    size = model.ByteSize()
    if size > _MAX_GRAPH_BYTES:
        raise ModelError(f"the graph has {size} bytes; {_MAX_GRAPH_BYTES} fit into one file")
    with path.open("xb") as stream:
        stream.write(model.SerializeToString())
        stream.flush()
        os.fsync(stream.fileno())


def _copy(source: Path, folder: Path, modules: Modules) -> list[str]:
    """Copy what belongs to the model beside its weights; the names copied."""
    names = [name for name in _KEPT if (source / name).is_file()]
    names += [f"{part}/config.json" for part in modules.folders]
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source / name, folder / name)
    return names


def _digest(path: Path) -> dict[str, JSON]:
    with path.open("rb") as stream:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def _there(target: Path, definition: Mapping[str, JSON]) -> Exported | None:
    """The export of this definition that `target` is; None when nothing is there.

    Raises:
        InvalidInput: it is something else.
    """
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return None
    if (target / MANIFEST).is_file():
        manifest = read_json(target / MANIFEST)
        if isinstance(manifest, dict) and all(manifest.get(key) == value for key, value in definition.items()):
            return Exported(target, cast(dict[str, JSON], manifest))
    raise InvalidInput(
        str(target), "is there already, and no export of this model with these options", "name another folder"
    )


@contextmanager
def _folder_whole(target: Path) -> Iterator[Path]:
    """A new folder that becomes `target` when the block ends well, and is removed when it does not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    pending = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(pending, ignore_errors=True)
    pending.mkdir()
    try:
        yield pending
        pending.replace(target)
    finally:
        shutil.rmtree(pending, ignore_errors=True)
