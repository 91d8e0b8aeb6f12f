"""The SHA-256 of a model: over every file that decides its vectors and is about to be opened, and over no other.

    exported here, or to be    the safetensors, tokenizer.json, and what config.json says of the architecture; of linear
                               layers behind the pooling their safetensors and what they do
    a graph of somebody else   the graph, its external data, tokenizer.json, config.json
    sentence-transformers      the safetensors, tokenizer.json, config.json; where modules.json asks for more than
                               pooling and normalisation, that file and every file of the folders it names

Pooling, normalisation, lengths and prompts are compared by themselves (`card.py`). Of config.json the values count and
not the bytes, without what only tells where it comes from, so that files saved anew by another version of the authors'
tools are the same model.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from spaniel.retrieval.errors import ModelError

from .folder import GRAPHS, ModelFolder
from .graph.config import read_config, read_json
from .graph.modules import LAYERS, Modules, read_modules
from .graph.weights import weight_files
from .hashing import file_sha256, identity
from .manifest import Manifest
from .onnx_safety import check_graph, external_files

__all__ = ["folder_identity"]

_ORIGIN = ("_name_or_path", "_commit_hash", "architectures", "dtype", "torch_dtype", "transformers_version")
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_MAX_FILES = 1000


def folder_identity(folder: ModelFolder, cache: Path, runtime: str) -> str:
    """The model's SHA-256, hexadecimal; an export has that of what it was made from.

    Args:
        cache: where hashes of files are remembered.
        runtime: "onnx" or "sentence-transformers", for they open other files where the graph is somebody else's.

    Raises:
        ModelError: no weights that can be read, weights that only a pickle holds, a module that is none of
            sentence-transformers' own or lies outside the folder, a graph that reaches out of it, or a file of an
            export that is not what its manifest says.
    """
    if folder.exported is not None:
        hashes = _exported_hashes(folder.path, folder.exported, cache)
    else:
        hashes = {name: file_sha256(folder.path / name, cache) for name in _opened(folder, runtime)}
        hashes |= _layers(folder, runtime)
    lower = {"do_lower_case": "true"} if folder.lower else {}
    return identity(hashes | lower | {"config.json": _config_sha256(folder.path)})


def _opened(folder: ModelFolder, runtime: str) -> list[str]:
    """Names of the files, but for config.json."""
    if runtime == "onnx" and not folder.exportable:
        return ["tokenizer.json", *_graph_files(folder)]
    if runtime == "onnx":
        return ["tokenizer.json", *weight_files(folder.path), *read_modules(folder.path).weight_files]
    further = list(_further_files(folder.path))
    held = any(name.endswith(".safetensors") for name in further)
    weights = () if held and not folder.safetensors else weight_files(folder.path)
    return ["tokenizer.json", *weights, *further]


def _layers(folder: ModelFolder, runtime: str) -> dict[str, str]:
    """What linear layers do in a graph that is made here; sentence-transformers reads it from files hashed whole."""
    modules = read_modules(folder.path) if runtime == "onnx" and folder.exportable else Modules()
    return {LAYERS: modules.sha256} if modules.dense else {}


def _graph_files(folder: ModelFolder) -> list[str]:
    graph = folder.foreign_graph()
    if graph is None:
        error = ModelError(f"{folder.path}: no model.safetensors and no model.onnx")
        error.hint = (
            "save the weights anew: SentenceTransformer(FOLDER).save_pretrained(NEW); pickled ones are not read"
        )
        raise error
    check_graph(graph)
    held = {graph.parent / name for name in external_files(graph)}
    return [path.relative_to(folder.path).as_posix() for path in (graph, *sorted(held))]


def _further_files(folder: Path) -> Iterator[str]:
    """What sentence-transformers opens for modules that no graph of ours has: modules.json and their folders' files."""
    if (folder / "adapter_config.json").is_file():
        raise _with_hint(f"{folder}: an adapter, which is not read", "merge it into its model and save that")
    try:
        if not read_modules(folder).dense:
            return
    except ModelError:
        pass
    parts = _module_folders(folder)
    yield "modules.json"
    for part in parts:
        files = [path for path in (folder / part).rglob("*") if path.is_file()] if part else []
        if len(files) > _MAX_FILES:
            raise ModelError(f"{folder / part}: more than {_MAX_FILES} files in the folder of a module")
        for place in {folder / part, *(path.parent for path in files)}:
            _refuse_pickles(place)
        readable = (path for path in files if not any(path.match(pattern) for pattern in _PICKLED))
        yield from sorted(path.relative_to(folder).as_posix() for path in readable)


def _module_folders(folder: Path) -> list[str]:
    """The folders that modules.json names, "" for the model's own, each once."""
    path = folder / "modules.json"
    listed = read_json(path)
    if not isinstance(listed, list) or not all(isinstance(module, dict) for module in listed):
        raise ModelError(f"{path}: no list of modules")
    for module in listed:
        if not str(module.get("type")).startswith("sentence_transformers."):
            raise ModelError(f"{path}: {module.get('type')!r} is code of the model's own, which is not run")
        part = module.get("path")
        if type(part) is not str or Path(part).name != part or part == "..":
            raise ModelError(f"{path}: {part!r} is no folder inside the model's")
    return sorted({module["path"] for module in listed})


def _refuse_pickles(place: Path) -> None:
    """sentence-transformers reads a pickle where a folder has no safetensors."""
    if any(place.glob("model*.safetensors")):
        return
    if found := sorted(path.name for pattern in _PICKLED for path in place.glob(pattern)):
        raise _with_hint(
            f"{place / found[0]}: pickled weights without a model.safetensors beside them; they are not read",
            "save the model anew where you trust it: SentenceTransformer(FOLDER).save_pretrained(NEW)",
        )


def _exported_hashes(folder: Path, manifest: Manifest, cache: Path) -> dict[str, str]:
    """Hashes of the files the export was made from, after a look at those that are used now."""
    graphs = [name for name in manifest.files if name in GRAPHS]
    for name in ("tokenizer.json", "config.json", *graphs):
        _check_exported(folder, name, manifest, cache)
    for graph in graphs:
        for name in sorted(external_files(folder / graph)):
            _check_exported(folder, name, manifest, cache)
    return dict(manifest.source)


def _check_exported(folder: Path, name: str, manifest: Manifest, cache: Path) -> None:
    if name not in manifest.files or file_sha256(folder / name, cache) != manifest.files[name]:
        hint = "export the model again; in the cache, remove the folder and it is made anew"
        raise _with_hint(f"{folder / name}: not the file that was exported", hint)


def _config_sha256(folder: Path) -> str:
    """Of what config.json says: the shape of an architecture that we build, else all but where it comes from."""
    try:
        said = asdict(read_config(folder))
        del said["labels"]  # of a head that an encoder does not have
    except ModelError:
        found = read_json(folder / "config.json")
        said = {name: value for name, value in found.items() if name not in _ORIGIN} if isinstance(found, dict) else {}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _with_hint(message: str, hint: str) -> ModelError:
    error = ModelError(message)
    error.hint = hint
    return error
