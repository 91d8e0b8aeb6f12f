"""From a folder to a model for ONNX Runtime: its card, and the graph that is there or made now.

Everything that can be wrong is found before the graph is read into memory, which `OnnxModel.open` does.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from spaniel.models.card import ModelCard
from spaniel.models.folder import ModelFolder, Prompts
from spaniel.models.graph.config import CannotExport, read_config, read_json
from spaniel.models.graph.export import FORMAT, GRAPHS, export
from spaniel.models.graph.modules import Modules, leaves_prompt_out, read_modules
from spaniel.models.hub import Located
from spaniel.models.identity import folder_identity
from spaniel.models.kept import kept_export
from spaniel.models.session import check_provider
from spaniel.models.towers import plain_tower
from spaniel.retrieval.errors import InvalidInput, ModelError

from .base import Encoder
from .onnx import OnnxEncoder, OnnxFiles
from .options import Options

__all__ = ["OnnxModel", "no_layers_left_out", "onnx_model", "prompts_of"]


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A model for ONNX Runtime, known but not open: its card, the files, which are there and checked, the options."""

    card: ModelCard
    files: OnnxFiles
    options: Options

    def open(self) -> Encoder:
        """Read the graph."""
        asked = self.options
        return OnnxEncoder(self.card, self.files, threads=asked.threads, device=asked.device, budget=asked.budget)


def onnx_model(located: Located, folder: ModelFolder, options: Options) -> OnnxModel:
    """The model of a folder; its graph is made when it is not there.

    Args:
        located: where its name, and how to find it again, are from; `folder` may be a part of it.

    Raises:
        CannotExport: what it is has no graph, or more than a graph has.
        ModelError: a file that is damaged, missing or another than its manifest says.
        InvalidInput: an option that does not fit it.
    """
    if folder.exported is None and not folder.exportable and not folder.foreign_graph():
        read_config(folder.path)  # names what it is that has no graph
    check_provider(options.device, options.precision)
    sha256 = folder_identity(folder, options.cache, "onnx")
    modules = _modules(folder, options)
    graph, dimension = _graph(folder, modules, sha256, options)
    prompts = prompts_of(located, folder, options)
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
    return OnnxModel(card, OnnxFiles(graph, folder.tokenizer, folder.padding, folder.lower), options)


def no_layers_left_out(folder: ModelFolder, modules: Modules) -> None:
    """Linear layers go into graphs that are made here; one of somebody else ends before them.

    Raises:
        CannotExport: there are some, and no graph is made here, or their weights are no safetensors.
    """
    if modules.dense and not folder.exportable:
        raise CannotExport(f"{folder.path}: a linear layer behind a graph that is not made here")
    if missing := [name for name in modules.weight_files if not (folder.path / name).is_file()]:
        raise CannotExport(f"{folder.path}: no {missing[0]}")


def _modules(folder: ModelFolder, options: Options) -> Modules:
    """Pooling and normalisation: what was asked for, else what the folder says."""
    if folder.exported is not None and folder.exported.head != "pool":
        raise ModelError(f"{folder.path}: was exported with --head {folder.exported.head}, and gives no embeddings")
    if folder.exported is None:
        found = read_modules(folder.path)
        no_layers_left_out(folder, found)
    else:
        found = Modules(folder.exported.pooling, folder.exported.normalised)
    normalise = found.normalise if options.normalise is None else options.normalise
    asked = replace(found, pooling=options.pooling or found.pooling, normalise=normalise)
    if folder.exported is not None and asked != found:
        raise InvalidInput(str(folder.path), "was exported with other pooling or normalisation", "export it anew")
    return asked


def _max_length(folder: ModelFolder, options: Options) -> int:
    if options.max_length and folder.longest and options.max_length > folder.longest:
        raise InvalidInput("max_length", f"{options.max_length}; this model reads at most {folder.longest} tokens")
    return options.max_length or folder.max_length


def prompts_of(located: Located, folder: ModelFolder, options: Options) -> Prompts:
    """What was asked for, else what known.toml says, else the files.

    Raises:
        ModelError: there is one, and the model's pooling leaves it out.
    """
    known = located.known
    query = (options.query_prompt, known.query_prompt if known else None, folder.prompts[0])
    passage = (options.passage_prompt, known.passage_prompt if known else None, folder.prompts[1])
    found = next(one for one in query if one is not None), next(one for one in passage if one is not None)
    if any(found) and leaves_prompt_out(folder.path):
        error = ModelError(f"{located.name}: its pooling leaves out the prompt, which cannot be done here")
        error.hint = "without prompts it can be used, at a loss: query_prompt='' and passage_prompt=''"
        raise error
    return found


def _graph(folder: ModelFolder, modules: Modules, sha256: str, options: Options) -> tuple[Path, int]:
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


def _foreign(folder: ModelFolder, options: Options) -> tuple[Path, int]:
    config = read_json(folder.path / "config.json")
    graph = folder.foreign_graph()
    sizes = [config.get(name) for name in ("hidden_size", "dim", "d_model")]
    dimension = next((size for size in sizes if type(size) is int and size > 0), None)
    if graph is None or dimension is None or options.precision != "fp32":
        raise ModelError(
            f"{folder.path}: {config.get('model_type')!r} cannot be exported, and has no graph that will do"
        )
    return graph, dimension


def _exported(folder: ModelFolder, modules: Modules, sha256: str, options: Options) -> ModelFolder:
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


def _export(folder: Path, out: Path, modules: Modules, options: Options) -> None:
    export(
        folder,
        out,
        pooling=modules.pooling,
        normalise=modules.normalise,
        precision=options.precision,
        on_progress=options.say,
    )
