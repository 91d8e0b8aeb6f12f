"""How sentence-transformers goes on after the encoder: modules.json and the folders it names.

A folder without modules.json is a bare encoder; then the mean of the tokens is taken and normalised, as
sentence-transformers does with the first and as retrieval by cosine needs with the second.

Linear layers behind the pooling (`Dense`: LaBSE, distiluse, and the hash layers that training writes) are known too,
before or behind a normalisation; those over single tokens, with a residual or with another activation are not.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from spaniel.models.card import Pooling
from spaniel.retrieval.errors import ModelError

from .config import CannotExport, read_json

__all__ = ["LAYERS", "Dense", "Modules", "leaves_prompt_out", "read_modules"]

LAYERS = "dense"
"""Stands for what the linear layers do among the files that decide a model's vectors."""
_MAX_WIDTH = 1 << 16
_MAX_DENSE = 16
_ACTIVATIONS: dict[str, Literal["identity", "tanh"]] = {
    "torch.nn.modules.linear.Identity": "identity",
    "torch.nn.modules.activation.Tanh": "tanh",
}

_POOLINGS: dict[str, Pooling] = {"mean": "mean", "cls": "cls", "lasttoken": "last"}
_FLAGS: dict[str, str] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "lasttoken",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}


@dataclass(frozen=True, slots=True)
class Dense:
    """A linear layer behind the pooling.

    Attributes:
        folder: relative to the model's; its model.safetensors has linear.weight (n_out, n_in) and linear.bias.
        n_in, n_out: widths.
        bias: it has one.
        activation: behind it.
        unit: what it gets is normalised first.
    """

    folder: str
    n_in: int
    n_out: int
    bias: bool
    activation: Literal["identity", "tanh"]
    unit: bool


@dataclass(frozen=True, slots=True)
class Modules:
    """What modules.json asks for.

    Attributes:
        pooling: "mean", "cls" or "last".
        normalise: vectors get length 1, at the very end.
        folders: of the modules, relative to the model's; their config.json belongs to the model.
        dense: layers between the pooling and the end, in their order.
    """

    pooling: Pooling = "mean"
    normalise: bool = True
    folders: tuple[str, ...] = ()
    dense: tuple[Dense, ...] = ()

    @property
    def weight_files(self) -> list[str]:
        """Of the linear layers."""
        return [f"{layer.folder}/model.safetensors" for layer in self.dense]

    @property
    def sha256(self) -> str:
        """Of what the linear layers do, but for their weights."""
        said = [asdict(layer) | {"folder": ""} for layer in self.dense]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def read_modules(directory: Path) -> Modules:
    """What comes after the encoder of the model in `directory`.

    Raises:
        CannotExport: a module, or a kind of pooling, that cannot be put into a graph.
        ModelError: a file that is damaged, or a folder outside the model's.
    """
    if not (directory / "modules.json").is_file():
        return Modules()
    listed = read_json(directory / "modules.json")
    if not isinstance(listed, list) or not all(isinstance(module, dict) for module in listed):
        raise ModelError(f"{directory / 'modules.json'}: no list of modules")
    pooling, folders, dense, unit = "mean", [], [], False
    for module in listed:
        kind, folder = str(module.get("type")).rpartition(".")[2], module.get("path")
        if kind == "Transformer" and folder not in ("", None):
            raise CannotExport(f"modules.json: an encoder in the folder {folder!r} cannot be exported")
        if kind == "Pooling":
            folders.append(_folder(folder))
            pooling = _mode(read_json(directory / folders[-1] / "config.json"))
        elif kind == "Dense":
            if not folders:
                raise CannotExport("modules.json: a linear layer before the pooling cannot be exported")
            folders.append(_folder(folder))
            dense.append(_dense(folders[-1], read_json(directory / folders[-1] / "config.json"), unit=unit))
        elif kind not in ("Transformer", "Normalize"):
            raise CannotExport(f"modules.json: a module {module.get('type')!r} cannot be exported")
        unit = kind == "Normalize"
    if len(dense) > _MAX_DENSE:
        raise ModelError(f"{directory / 'modules.json'}: {len(dense)} linear layers; {_MAX_DENSE} are allowed")
    return Modules(_known(pooling), unit if dense else _normalises(listed), tuple(folders), tuple(dense))


def _normalises(listed: list[dict[str, Any]]) -> bool:
    return any(str(module.get("type")).rpartition(".")[2] == "Normalize" for module in listed)


def leaves_prompt_out(directory: Path) -> bool:
    """Whether a pooling of the model in `directory` leaves the tokens of a prompt out (`include_prompt`: false)."""
    try:
        folders = read_modules(directory).folders
    except CannotExport:  # sentence-transformers runs it, and is asked itself
        return False
    return any(read_json(directory / folder / "config.json").get("include_prompt") is False for folder in folders)


def _folder(path: object) -> str:
    if type(path) is not str or not path or Path(path).name != path or path == "..":
        raise ModelError(f"modules.json: {path!r} is no folder inside the model's")
    return path


def _dense(folder: str, config: Any, *, unit: bool) -> Dense:
    """A linear layer from its config.json; tanh where that names no activation, as in sentence-transformers."""
    if not isinstance(config, dict):
        raise ModelError(f"{folder}/config.json: no object")
    widths = [_width(folder, config.get(name)) for name in ("in_features", "out_features")]
    activation = config.get("activation_function", "torch.nn.modules.activation.Tanh")
    if type(activation) is not str or activation not in _ACTIVATIONS:
        raise CannotExport(f"{folder}: the activation {activation!r} cannot be exported")
    names = {config.get(name) or "sentence_embedding" for name in ("module_input_name", "module_output_name")}
    if config.get("use_residual") or names != {"sentence_embedding"}:
        raise CannotExport(f"{folder}: a linear layer with a residual, or over other than the pooled vector")
    return Dense(folder, widths[0], widths[1], config.get("bias", True) is not False, _ACTIVATIONS[activation], unit)


def _width(folder: str, value: Any) -> int:
    if type(value) is not int or not 1 <= value <= _MAX_WIDTH:
        raise ModelError(f"{folder}/config.json: a width of {value!r}; it must be 1 to {_MAX_WIDTH}")
    return value


def _mode(config: Any) -> str:
    """The pooling of 1_Pooling/config.json, in its present form or as flags."""
    if not isinstance(config, dict):
        raise ModelError("config.json of the pooling: no object")
    if "pooling_mode" in config:
        mode = config["pooling_mode"]
        modes = mode if isinstance(mode, list) else [mode]
    else:
        modes = [name for flag, name in _FLAGS.items() if config.get(flag)] or ["mean"]
    return str(modes[0]) if len(modes) == 1 else "+".join(str(mode) for mode in modes)


def _known(mode: str) -> Pooling:
    if mode not in _POOLINGS:
        raise CannotExport(f"pooling {mode!r} cannot be exported; {', '.join(_POOLINGS)} can")
    return _POOLINGS[mode]
