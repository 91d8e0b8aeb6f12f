"""A model folder in hub format -> the same folder with ONNX graphs in place of its weights.

    out/model.onnx        float32
    out/model.int8.onnx   int8, which has passed the parity gate (`models/parity.py`)
    out/*.onnx.data       the weights of a graph that would be larger than 2 GiB (`file.py`)
    out/spaniel.json      what they were made from and with, what the gate measured, and the sha256 of every file
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
from typing import Any, Literal, cast, get_args

import numpy as np

from spaniel.models.card import Pooling
from spaniel.models.folder import read_folder
from spaniel.models.pair_ranking import PairGate
from spaniel.models.parity import LEAST_COSINE
from spaniel.models.ranking import LEAST_NDCG
from spaniel.models.towers import read_towers
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.types import JSON

from .config import read_config, read_json
from .file import remove_graph, write_graph
from .gate import Gate
from .model import Head, Plan, plain, quantised, watched
from .modules import LAYERS, Modules, read_modules
from .weights import Weights

__all__ = ["FORMAT", "GRAPHS", "MANIFEST", "Exported", "Head", "Precision", "export"]

Precision = Literal["fp32", "int8", "both"]
Progress = Callable[[str], None]

MANIFEST = "spaniel.json"
GRAPHS = {"fp32": "model.onnx", "int8": "model.int8.onnx"}
FORMAT = 1
_KEPT = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
)


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported folder: where it is and what its manifest says."""

    path: Path
    manifest: Mapping[str, JSON]

    @property
    def graph(self) -> Path:
        """The fp32 graph."""
        return self.path / GRAPHS["fp32"]

    @property
    def int8_graph(self) -> Path:
        """The int8 graph."""
        return self.path / GRAPHS["int8"]


def export(
    directory: str | Path,
    out: str | Path,
    *,
    head: Head = "pool",
    pooling: Pooling | None = None,
    normalise: bool | None = None,
    precision: Precision = "fp32",
    least_cosine: float = LEAST_COSINE,
    least_ndcg: float = LEAST_NDCG,
    pairs: PairGate | None = None,
    max_length: int | None = None,
    check: Callable[[Path], object] | None = None,
    on_progress: Progress | None = None,
) -> Exported:
    """Write the model in `directory` as ONNX into the folder `out`.

    Args:
        directory: config.json, tokenizer.json and model.safetensors; modules.json where there is one.
        out: made; what is there already must be an export of the same model with the same options, whose int8 reaches
            what is asked for now.
        head: "pool" gives `embedding` float32 (n, dimension), "classify" `logits` (n, labels), "hidden" `hidden`
            (n, t, dimension).
        pooling, normalise: instead of what modules.json says; for the head "pool".
        precision: "fp32", "int8" or "both". int8 is compared with fp32 on a sample of texts and refused if a cosine is
            below `least_cosine` or, for the head "pool", its ranking of the sample's pieces has an nDCG@10 below
            `least_ndcg` (`ranking.py`); both stand in the manifest.
        pairs: what int8 has to reach with the head "classify" of one label (`pair_ranking.py`), in place of
            `least_cosine`.
        max_length: tokens after which whoever opens the export cuts, instead of what the model's files say.
        check: called with the whole folder before it gets its name; where it raises, nothing is left.
        on_progress: called with what is being done.

    Returns:
        The folder and its manifest.

    Raises:
        ModelError: the model cannot be exported; the message names what of it. Or int8 is too far from fp32.
        InvalidInput: `out` is there and something else, or an argument cannot be.
        MissingExtra: onnx, or for int8 onnxruntime, is not installed.

    Cost: a second for a model of 23 million weights in fp32, three more for int8. Weights are read one by one; the
    graph, as large as the weights in its precision, is in memory twice while it is written, once above 2 GiB.
    """
    _check(head, pooling, precision)
    source, target, say = Path(directory), Path(out), on_progress or (lambda stage: None)
    _check_one_tower(source)
    modules = read_modules(source) if head == "pool" else Modules()
    plan = Plan(
        read_config(source),
        head,
        pooling or modules.pooling,
        modules.normalise if normalise is None else normalise,
        modules.dense,
        source,
    )
    say("reading")
    with Weights(source) as weights:
        weights.check_layers(plan.config.layers)
        definition = _definition(source, weights, plan, modules, precision) | _cut(plan, max_length)
        gate = Gate(read_folder(source), plan, least_cosine, least_ndcg, pairs or PairGate())
        if (there := _there(target, definition, gate)) is not None:
            return there
        with _folder_whole(target) as folder:
            measured = _graphs(plan, weights, folder, gate, precision, say)
            _copy(source, folder, modules)
            files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
            manifest = definition | {
                "parity": measured,
                "files": {name: _digest(folder / name) for name in files},
            }
            (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
            if check is not None:
                say("opening what was written")
                check(folder)
    return Exported(target, manifest)


def _check(head: str, pooling: str | None, precision: str) -> None:
    """Words that a caller may have got wrong."""
    for name, value, allowed in (
        ("head", head, get_args(Head)),
        ("pooling", pooling or "mean", ("mean", "cls", "last")),
        ("precision", precision, get_args(Precision)),
    ):
        if value not in allowed:
            raise InvalidInput(name, f"{value!r} is not one of {', '.join(allowed)}")


def _check_one_tower(source: Path) -> None:
    """That the folder is one model.

    Raises:
        ModelError: training wrote two towers into it.
    """
    towers = read_towers(source)
    if towers is not None and towers.query is not None:
        error = ModelError(f"{source}: has two towers, and no graph of both can be made")
        error.hint = f"use it as it is, also with int8; its graphs are {towers.passage} and {towers.query}"
        raise error


def _graphs(
    plan: Plan, weights: Weights, folder: Path, gate: Gate, precision: Precision, say: Progress
) -> dict[str, JSON] | None:
    """Write the graphs that were asked for; what the gate measured if int8 is among them."""
    if precision != "int8":
        say("building the graph")
        write_graph(plain(plan, weights), folder / GRAPHS["fp32"])
    if precision == "fp32":
        return None
    # The watched graph is the fp32 graph with further outputs: it gives the reference and the peaks in one pass.
    say("watching a sample of texts")
    model, outputs = watched(plan, weights)
    write_graph(model, folder / "watched.onnx")
    del model
    reference, truth = gate.sample(folder / "watched.onnx"), gate.ranking(folder / "watched.onnx")
    remove_graph(folder / "watched.onnx")
    peaks = {layer: np.max([each[name] for each in reference], axis=0) for layer, name in outputs.items()}
    say("building the int8 graph")
    write_graph(quantised(plan, weights, peaks), folder / GRAPHS["int8"])
    say("comparing int8 with fp32")
    int8 = folder / GRAPHS["int8"]
    return gate.check((reference, truth), (gate.sample(int8), gate.ranking(int8)))


def _definition(source: Path, weights: Weights, plan: Plan, modules: Modules, precision: Precision) -> dict[str, JSON]:
    """What decides the graphs: equal definitions, equal exports."""
    names = [*weights.files, *modules.weight_files, "config.json", "tokenizer.json"]
    if not (source / "tokenizer.json").is_file():
        error = ModelError(f"{source}: no tokenizer.json")
        error.hint = "save the tokenizer as a fast one: AutoTokenizer.from_pretrained(...).save_pretrained(DIR)"
        raise error
    pooled = plan.head == "pool"
    return {
        "format": FORMAT,
        "architecture": plan.config.model_type,
        "head": plan.head,
        "pooling": plan.pooling if pooled else "",
        "normalised": plan.normalise and pooled,
        "dimension": plan.dimension,
        "longest": plan.config.longest,
        "precision": precision,
        "source": {**{name: _digest(source / name) for name in names}, **_layers(modules)},
    }


def _layers(modules: Modules) -> dict[str, dict[str, JSON]]:
    """What the linear layers do, as one more of the files that decide the vectors."""
    return {LAYERS: {"sha256": modules.sha256}} if modules.dense else {}


def _cut(plan: Plan, max_length: int | None) -> dict[str, JSON]:
    """The manifest's word on where texts are cut, where there is one.

    Raises:
        InvalidInput: longer than the model reads.
    """
    if max_length is None:
        return {}
    if not 8 <= max_length <= plan.config.longest:
        raise InvalidInput("max_length", f"{max_length}; it must be 8 to {plan.config.longest} tokens")
    return {"max_length": max_length}


def _copy(source: Path, folder: Path, modules: Modules) -> None:
    """Copy what belongs to the model beside its weights."""
    names = [name for name in _KEPT if (source / name).is_file()]
    names += [f"{part}/config.json" for part in modules.folders]
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source / name, folder / name)


def _digest(path: Path) -> dict[str, JSON]:
    with path.open("rb") as stream:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def _there(target: Path, definition: Mapping[str, JSON], gate: Gate) -> Exported | None:
    """The export of this definition that `target` is; None when nothing is there.

    Raises:
        InvalidInput: it is something else, or its int8 was not checked by the same judgements.
        ModelError: its int8, which may have been made with another gate, does not pass this one.
    """
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return None
    if (target / MANIFEST).is_file():
        manifest = read_json(target / MANIFEST)
        if isinstance(manifest, dict) and _same(manifest, definition) and _passed(manifest, gate):
            return Exported(target, cast(dict[str, JSON], manifest))
    raise InvalidInput(
        str(target), "is there already, and no export of this model with these options", "name another folder"
    )


def _same(manifest: Mapping[str, Any], definition: Mapping[str, JSON]) -> bool:
    """Whether a manifest, which may have been made elsewhere, is of this definition."""
    return all(manifest.get(key) == definition.get(key) for key in (*definition, "max_length"))


def _passed(manifest: Mapping[str, Any], gate: Gate) -> bool:
    """Whether the figures in a manifest are those that the gate asks for."""
    if manifest["precision"] == "fp32":
        return True
    try:
        gate.check_measured(manifest["parity"])
    except (KeyError, TypeError):
        return False
    return True


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
