"""How sentence-transformers goes on after the encoder: modules.json and the folders it names.

A folder without modules.json is a bare encoder; then the mean of the tokens is taken and normalised, as
sentence-transformers does with the first and as retrieval by cosine needs with the second.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spaniel.models.card import Pooling
from spaniel.retrieval.errors import ModelError

from .config import CannotExport, read_json

__all__ = ["Modules", "leaves_prompt_out", "read_modules"]

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
class Modules:
    """What modules.json asks for.

    Attributes:
        pooling: "mean", "cls" or "last".
        normalise: vectors get length 1.
        folders: of the modules, relative to the model's; their config.json belongs to the model.
    """

    pooling: Pooling = "mean"
    normalise: bool = True
    folders: tuple[str, ...] = ()


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
    pooling, folders = "mean", []
    kinds = [str(module.get("type")).rpartition(".")[2] for module in listed]
    for kind, module in zip(kinds, listed, strict=True):
        if kind not in ("Transformer", "Pooling", "Normalize"):
            raise CannotExport(f"modules.json: a module {module.get('type')!r} cannot be exported")
        if kind == "Transformer" and module.get("path") not in ("", None):
            raise CannotExport(f"modules.json: an encoder in the folder {module['path']!r} cannot be exported")
        if kind == "Pooling":
            folder = _folder(module.get("path"))
            folders.append(folder)
            pooling = _mode(read_json(directory / folder / "config.json"))
    return Modules(_known(pooling), "Normalize" in kinds, tuple(folders))


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
