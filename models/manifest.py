"""spaniel.json, the manifest of an export, read from a folder that may come from a stranger."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any

from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.types import JSON

from .card import Pooling
from .graph.config import read_json

__all__ = ["NAME", "Manifest", "read_manifest"]

NAME = "spaniel.json"
_MAX_FILES = 4096
_MAX_DIMENSION = 1 << 16
_MAX_LENGTH = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export says of itself, as far as it is used.

    Attributes:
        format: of the manifest and the graphs.
        head: "pool" for an encoder.
        pooling, normalised: what the graphs have inside.
        dimension: of what they give.
        source: name -> sha256 of the files it was made from.
        files: name -> sha256 of its own files.
        max_length: tokens after which texts are cut; 0 where the model's files decide.
        parity: what the gate of int8 measured; empty without int8.
    """

    format: int
    head: str
    pooling: Pooling
    normalised: bool
    dimension: int
    source: Mapping[str, str]
    files: Mapping[str, str]
    max_length: int = 0
    parity: Mapping[str, JSON] = field(default_factory=dict)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; every value that is used is checked here and nowhere else.

    Raises:
        ModelError: a key is missing or of another type, a size or name cannot be.
    """
    found = read_json(path)
    try:
        return Manifest(
            format=_of(int, found["format"]),
            head=_of(str, found["head"]),
            pooling=_pooling(found["pooling"]),
            normalised=_of(bool, found["normalised"]),
            dimension=_dimension(found["dimension"]),
            source=_hashes(found["source"]),
            files=_hashes(found["files"]),
            max_length=_length(found.get("max_length", 0)),
            parity=_measured(_of(dict, found.get("parity") or {}), depth=2),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        damaged = ModelError(f"{path}: not a manifest of ours ({error!r})")
        damaged.hint = "export the model again"
        raise damaged from error


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} where a {kind.__name__} belongs")
    return value


def _pooling(value: Any) -> Pooling:
    if value not in ("mean", "cls", "last", ""):
        raise ValueError(f"pooling {value!r}")
    pooling: Pooling = value
    return pooling


def _dimension(value: Any) -> int:
    dimension: int = _of(int, value)
    if not 1 <= dimension <= _MAX_DIMENSION:
        raise ValueError(f"dimension {dimension}")
    return dimension


def _measured(found: Mapping[str, Any], depth: int) -> dict[str, JSON]:
    """The short words and finite numbers of it, which others are told; the rest is left out."""
    kept: dict[str, JSON] = {}
    for name, value in found.items():
        if type(value) is dict and depth > 1:
            kept[name] = _measured(value, depth - 1)
        elif (type(value) is str and len(value) < 64) or (type(value) in (int, float) and isfinite(value)):
            kept[name] = value
    return kept


def _length(value: Any) -> int:
    length: int = _of(int, value)
    if not 0 <= length <= _MAX_LENGTH:
        raise ValueError(f"max_length {length}")
    return length


def _hashes(entries: Any) -> dict[str, str]:
    """Name -> sha256, the names of files inside the folder."""
    if type(entries) is not dict or len(entries) > _MAX_FILES:
        raise TypeError("no map of files, or one too long")
    for name in entries:
        if not name or "\\" in name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ValueError(f"{name!r} is no file inside the folder")
    return {name: _of(str, entry["sha256"]) for name, entry in entries.items()}
