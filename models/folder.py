"""A model's folder in hub format, read without loading the model: what it takes to use its vectors as meant.

config.json, tokenizer.json             required
model.safetensors (or shards)           the weights; or model.onnx / onnx/model.onnx
modules.json, 1_Pooling/config.json     pooling and normalisation (sentence-transformers)
sentence_bert_config.json               max_seq_length, do_lower_case
config_sentence_transformers.json       prompts
spaniel.json                            there when the folder is an export of ours (`graph/export.py`), or when training
                                        wrote it (`towers.py`): then it is read as what sentence-transformers sees
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spaniel.retrieval.errors import ModelError

from .graph.config import FAMILIES, CannotExport, read_config, read_json
from .manifest import NAME, Manifest, read_manifest
from .towers import read_towers

__all__ = ["GRAPHS", "ModelFolder", "Prompts", "read_folder"]

Prompts = tuple[str, str]
"""What stands before a query, and before a passage."""

GRAPHS = ("model.onnx", "model.int8.onnx")
"""Graphs of an export."""
_FALLBACK_LENGTH = 512
_MAX_LENGTH = 1 << 20
_COUNTED_FROM_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet")
_PASSAGE_NAMES = ("document", "passage", "corpus")  # in the order of sentence-transformers' encode_document


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """What the configuration files of a folder say.

    Attributes:
        path: of the folder.
        max_length: tokens after which its author cuts.
        longest: tokens that its table of positions holds; 0 when nothing says.
        padding: id of the padding token.
        prompts: of a query and of a passage.
        model_type: its architecture, as config.json has it; empty when that is no name.
        exported: the manifest of our export; None when the folder is no export.
        lower: texts are put into lower case, whatever the tokenizer does.
        typed: it was trained to tell the two texts of a pair by token types.
    """

    path: Path
    max_length: int
    longest: int
    padding: int
    prompts: Prompts
    model_type: str = ""
    exported: Manifest | None = None
    lower: bool = False
    typed: bool = True

    @property
    def safetensors(self) -> bool:
        """It has weights as safetensors, whole or in shards."""
        names = ("model.safetensors", "model.safetensors.index.json")
        return any((self.path / name).is_file() for name in names)

    @property
    def exportable(self) -> bool:
        """Its graph is made here; else ONNX Runtime gets that of somebody else.

        Raises:
            ModelError: its config.json is damaged.
        """
        if self.model_type not in FAMILIES or not self.safetensors:
            return False
        try:
            read_config(self.path)
        except CannotExport:
            return False
        return True

    @property
    def tokenizer(self) -> Path:
        """Its tokenizer.json."""
        return self.path / "tokenizer.json"

    def foreign_graph(self) -> Path | None:
        """An ONNX graph that somebody else put there; None without one."""
        places = [self.path / "onnx" / "model.onnx", self.path / "model.onnx"]
        return next((place for place in places if place.is_file()), None)


def read_folder(path: str | Path) -> ModelFolder:
    """Read the configuration of the model in a folder.

    Raises:
        ModelError: no folder, no config.json or tokenizer.json, or values that cannot be.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder")
    config = _object(folder / "config.json")
    if not (folder / "tokenizer.json").is_file():
        error = ModelError(f"{folder}: no tokenizer.json")
        error.hint = "make one with transformers: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        raise error
    longest = _longest(config)
    exported = read_manifest(folder / NAME) if (folder / NAME).is_file() and read_towers(folder) is None else None
    asked = exported.max_length if exported is not None else 0
    return ModelFolder(
        path=folder,
        max_length=min(asked, longest or asked) or _max_length(folder, longest),
        longest=longest,
        padding=_padding(config),
        prompts=_prompts(folder),
        model_type=kind if isinstance(kind := config.get("model_type"), str) else "",
        exported=exported,
        lower=_optional(folder / "sentence_bert_config.json").get("do_lower_case") is True,
        typed=_typed(folder),
    )


def _object(path: Path) -> dict[str, Any]:
    found = read_json(path)
    if not isinstance(found, dict):
        raise ModelError(f"{path}: no JSON object")
    return found


def _optional(path: Path) -> dict[str, Any]:
    return _object(path) if path.is_file() else {}


def _padding(config: Mapping[str, Any]) -> int:
    padding = config.get("pad_token_id")
    return padding if type(padding) is int and 0 <= padding < 1 << 31 else 0


def _longest(config: Mapping[str, Any]) -> int:
    positions = config.get("max_position_embeddings")
    if type(positions) is not int or not 0 < positions <= _MAX_LENGTH:
        return 0
    counted = config.get("model_type") in _COUNTED_FROM_PADDING
    # transformers' default of pad_token_id in these families is 1
    return positions - ((_padding(config) if "pad_token_id" in config else 1) + 1 if counted else 0)


def _max_length(folder: Path, longest: int) -> int:
    """The author's choice, where there is one that the model can read; else all that it can."""
    asked = [
        _optional(folder / "sentence_bert_config.json").get("max_seq_length"),
        _optional(folder / "tokenizer_config.json").get("model_max_length"),
    ]
    limit = longest or _MAX_LENGTH
    for value in asked:
        if type(value) is int and 0 < value <= _MAX_LENGTH:
            return min(value, limit)
    return longest or _FALLBACK_LENGTH


def _typed(folder: Path) -> bool:
    """Unless its tokenizer's configuration lists what the tokenizer makes, without token types."""
    names = _optional(folder / "tokenizer_config.json").get("model_input_names")
    return not isinstance(names, list) or "token_type_ids" in names


def _prompts(folder: Path) -> Prompts:
    path = folder / "config_sentence_transformers.json"
    config = _optional(path)
    prompts = config.get("prompts") or {}
    if not isinstance(prompts, dict) or not all(isinstance(text, str) for text in prompts.values()):
        raise ModelError(f"{path}: prompts must map names to texts")
    # default_prompt_name is for texts that are neither: encode_query and encode_document do not take it either
    passage = next((prompts[name] for name in _PASSAGE_NAMES if name in prompts), "")
    return str(prompts.get("query", "")), str(passage)
