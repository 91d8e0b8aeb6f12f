"""What a run is a function of, in plain values, so that a resume can say what is different now."""

import json
import platform
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from spaniel.retrieval.types import JSON

from .method import Method
from .settings import TrainSettings
from .tensor_file import tensors_sha256
from .train_state import model_tensors

__all__ = ["definition_of", "differences", "versions"]

_FREE = ("checkpoint_every",)
"""Settings that change nothing of what comes out."""


def definition_of(method: Method, settings: TrainSettings) -> dict[str, JSON]:
    """Settings, what the method says of its data, and the starting weights; called before the first step.

    Cost: the model's bytes are hashed (1.5 GB/s).
    """
    kept: dict[str, JSON] = {name: value for name, value in settings.to_json().items() if name not in _FREE}
    found: dict[str, JSON] = {
        "method": method.name,
        "settings": kept,
        "questions": method.n_examples(),
        "data": dict(method.definition()),
        "start_sha256": tensors_sha256(model_tensors(method.module())),
    }
    # In the form in which a checkpoint will give it back: tuples as lists, keys as text.
    plain: dict[str, JSON] = json.loads(json.dumps(found))
    return plain


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One sentence for each value that is another one, named by its path; settings first, for others follow them."""
    old, new = dict(_leaves(before)), dict(_leaves(now))
    return [
        f"{name} is {_shown(new, name)} now and was {_shown(old, name)}"
        for name in sorted({*old, *new}, key=lambda name: (not name.startswith("settings"), name))
        if old.get(name, _NOT_THERE) != new.get(name, _NOT_THERE)
    ]


def versions() -> dict[str, JSON]:
    """Of what computes; results are equal bit for bit only between equal ones."""
    return {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__}


_NOT_THERE = object()


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(below, f"{name}.{key}" if name else key)
    else:
        yield name, value


def _shown(values: Mapping[str, Any], name: str) -> str:
    if name not in values:
        return "not there"
    text = json.dumps(values[name])
    return text if len(text) <= 80 else f"{text[:77]}..."
