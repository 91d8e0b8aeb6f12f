"""What config.json says of an encoder, read into one bounded dataclass for every family.

A configuration comes from strangers: every number is checked before anything is allocated with it, and what is not
understood (another architecture, activation or kind of positions) is an error that names it, never a guess.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spaniel.retrieval.errors import ModelError

__all__ = ["FAMILIES", "CannotExport", "Config", "read_config", "read_json"]

FAMILIES = {
    "bert": "bert",
    "roberta": "roberta",
    "xlm-roberta": "roberta",
    "camembert": "roberta",
    "distilbert": "distilbert",
    "mpnet": "mpnet",
    "electra": "electra",
}
"""model_type of config.json -> the family whose graph it has."""

_MAX_JSON_BYTES = 64 << 20
_LIMITS = {
    "vocabulary": 4_000_000,
    "hidden": 16_384,
    "embedding": 16_384,
    "layers": 256,
    "heads": 512,
    "intermediate": 262_144,
    "positions": 1 << 20,
    "types": 64,
    "relative_buckets": 4096,
}
_KEYS = {
    "vocabulary": "vocab_size",
    "hidden": "hidden_size",
    "embedding": "embedding_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "intermediate": "intermediate_size",
    "positions": "max_position_embeddings",
    "types": "type_vocab_size",
    "relative_buckets": "relative_attention_num_buckets",
}
"""What the sizes of a `Config` are called in config.json, but for distilbert."""
_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
_DISTILBERT = {
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim",
    "hidden_act": "activation",
}


class CannotExport(ModelError):
    """A sound model, as far as it was read, of a kind for which no graph is made here; others may run it."""


@dataclass(frozen=True, slots=True)
class Config:
    """Shape of one encoder.

    Attributes:
        model_type: as config.json has it; `family` is what decides the graph.
        hidden, embedding: widths of the layers and of the table of words (they differ in electra only).
        positions: rows of the table of positions; `longest` tokens fit.
        padding: id of the padding token, from which roberta and mpnet count positions.
        types: kinds of token_type_ids; 0 where the family has none.
        activation: "gelu" (with erf), "gelu_tanh", "relu" or "silu".
        labels: outputs of the classifier.
    """

    model_type: str
    family: str
    vocabulary: int
    hidden: int
    embedding: int
    layers: int
    heads: int
    intermediate: int
    positions: int
    padding: int
    types: int
    activation: str
    epsilon: float
    labels: int
    relative_buckets: int = 0

    @property
    def longest(self) -> int:
        """Tokens of the longest text, special ones included."""
        return self.positions - (self.padding + 1 if self.counted else 0)

    @property
    def counted(self) -> bool:
        """Positions are counted over what is no padding, from the padding's id on."""
        return self.family in ("roberta", "mpnet")


def read_json(path: Path) -> Any:
    """A JSON file of bounded size.

    Raises:
        ModelError: missing, too large or no JSON.
    """
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise ModelError(f"{path}: larger than {_MAX_JSON_BYTES} bytes")
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path.parent}: no {path.name}; a model in hub format has one") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: no JSON: {error}") from error


def read_config(directory: Path) -> Config:
    """The configuration of the model in `directory`.

    Raises:
        CannotExport: an architecture or option for which no graph is made.
        ModelError: no config.json, or a size out of bounds.
    """
    raw = read_json(directory / "config.json")
    if not isinstance(raw, dict):
        raise ModelError(f"{directory / 'config.json'}: no object")
    model_type = raw.get("model_type")
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        error = CannotExport(f"architecture {model_type!r} cannot be exported; {', '.join(FAMILIES)} can")
        error.hint = (
            "encode with sentence-transformers instead: pip install 'spaniel[torch]', runtime 'sentence-transformers'"
        )
        raise error
    _check_options(raw)
    config = _config(raw, model_type)
    _check_sizes(config)
    return config


def _config(raw: Mapping[str, Any], model_type: str) -> Config:
    family = FAMILIES[model_type]
    names = _DISTILBERT if family == "distilbert" else {}

    def size(name: str, default: int | None = None) -> int:
        value = raw.get(names.get(name, name), default)
        if type(value) is not int:
            raise ModelError(f"config.json: {names.get(name, name)} is {value!r}; it must be a whole number")
        return value

    hidden = size("hidden_size")
    return Config(
        model_type=model_type,
        family=family,
        vocabulary=size("vocab_size"),
        hidden=hidden,
        embedding=size("embedding_size", hidden) if family == "electra" else hidden,
        layers=size("num_hidden_layers"),
        heads=size("num_attention_heads"),
        intermediate=size("intermediate_size"),
        positions=size("max_position_embeddings"),
        padding=size("pad_token_id", 1) if family in ("roberta", "mpnet") else size("pad_token_id", 0),
        types=size("type_vocab_size", 2) if family in ("bert", "roberta", "electra") else 0,
        activation=_activation(raw.get(names.get("hidden_act", "hidden_act"), "gelu")),
        epsilon=_epsilon(raw, family),
        labels=_labels(raw),
        relative_buckets=size("relative_attention_num_buckets", 32) if family == "mpnet" else 0,
    )


def _activation(name: object) -> str:
    if not isinstance(name, str) or name not in _ACTIVATIONS:
        raise CannotExport(f"activation {name!r} cannot be exported; {', '.join(_ACTIVATIONS)} can")
    return _ACTIVATIONS[name]


def _epsilon(raw: Mapping[str, Any], family: str) -> float:
    # distilbert has it in its code; the others' default in transformers is BERT's.
    value = 1e-12 if family == "distilbert" else raw.get("layer_norm_eps", 1e-12)
    if not isinstance(value, float) or not 0 <= value <= 1:
        raise ModelError(f"config.json: layer_norm_eps is {value!r}; it must be 0 to 1")
    return value


def _labels(raw: Mapping[str, Any]) -> int:
    named = raw.get("id2label")
    value = len(named) if isinstance(named, dict) else raw.get("num_labels", 2)
    if type(value) is not int or not 1 <= value <= 1 << 16:
        raise ModelError(f"config.json: {value!r} labels; there must be 1 to {1 << 16}")
    return value


def _check_options(raw: Mapping[str, Any]) -> None:
    """What changes the graph in a way that is not built here."""
    for name, allowed in {
        "position_embedding_type": ("absolute", None),
        "is_decoder": (False, None),
        "add_cross_attention": (False, None),
        "quantization_config": (None,),
    }.items():
        if raw.get(name) not in allowed:
            raise CannotExport(f"config.json: {name} is {raw[name]!r}, which cannot be exported; {allowed[0]!r} can")


def _check_sizes(config: Config) -> None:
    names = _DISTILBERT if config.family == "distilbert" else {}
    for name, limit in _LIMITS.items():
        value, least = getattr(config, name), 0 if name in ("types", "relative_buckets") else 1
        if not least <= value <= limit:
            key = names.get(_KEYS[name], _KEYS[name])
            raise ModelError(f"config.json: {key} is {value}; it must be {least} to {limit}")
    if config.family == "mpnet" and config.relative_buckets < 4:
        raise ModelError(f"config.json: {config.relative_buckets} buckets of distances; it takes at least 4")
    if config.hidden % config.heads:
        raise ModelError(f"config.json: width {config.hidden} cannot be split into {config.heads} heads")
    if not 0 <= config.padding < config.vocabulary or config.longest < 1:
        raise ModelError(
            f"config.json: pad_token_id is {config.padding}, of {config.vocabulary} words, {config.positions} positions"
        )
