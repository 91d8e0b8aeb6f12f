"""The tensors of a model, one at a time, from safetensors files.

The format is an 8-byte little-endian length, a JSON header, then raw little-endian data
(https://huggingface.co/docs/safetensors). Shapes, types and offsets are checked against the size of the file before a
byte of a tensor is read; the file is mapped, so that memory holds one tensor and not the model. bfloat16 is widened
here because NumPy has no such type.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import ModelError

from .config import read_json

__all__ = ["Weights", "weight_files"]

_MAX_HEADER = 8 << 20  # bytes; 80,000 tensors. The format would allow 100 MB, as much JSON as takes 1 GB to read
_MAX_SHARDS = 1000
_ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_LAYER = re.compile(r"(?:^|\.)layers?\.(\d{1,9})\.")
_SINGLE, _SHARDED = "model.safetensors", "model.safetensors.index.json"


class Weights:
    """Named float32 tensors of one folder: model.safetensors, or the shards its index names.

    Args:
        directory: a model in hub format.

    Raises:
        ModelError: no such files, or a header that does not fit its file.
    """

    def __init__(self, directory: Path) -> None:
        self.files: tuple[str, ...] = weight_files(directory)
        self._tensors: dict[str, tuple[NDArray[np.uint8], str, tuple[int, ...]]] = {}
        for name in self.files:
            self._tensors.update(_open(directory / name))

    @property
    def names(self) -> list[str]:
        """Of the tensors."""
        return list(self._tensors)

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __enter__(self) -> "Weights":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tensors.clear()  # the maps go with their last view

    def check_layers(self, layers: int) -> None:
        """That no layer is left over: the model would be another one, and nothing else would tell.

        Raises:
            ModelError: a tensor of a layer behind the first `layers`.
        """
        found = [(int(match[1]), name) for name in self._tensors if (match := _LAYER.search(name))]
        last, name = max(found, default=(-1, ""))
        if last >= layers:
            raise ModelError(f"weights: {name} is of layer {last + 1}, and config.json has num_hidden_layers {layers}")

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a tensor, from the header alone.

        Raises:
            ModelError: there is none of that name.
        """
        return self._tensor(name)[2]

    def take(self, name: str, shape: Sequence[int]) -> NDArray[np.float32]:
        """One tensor, float32, in the shape that the configuration asks for.

        Raises:
            ModelError: missing, of another shape or of a type that is no float, or with NaN or infinite values.
        """
        raw, dtype, found = self._tensor(name)
        if found != tuple(shape):
            raise ModelError(f"weights: {name} has the shape {found}, config.json asks for {tuple(shape)}")
        if dtype not in _ITEM_BYTES:
            raise ModelError(f"weights: {name} is of type {dtype}; F64, F32, F16 and BF16 can be exported")
        values = _as_float32(raw, dtype).reshape(found)
        if not np.isfinite(values).all():
            raise ModelError(f"weights: {name} has values that are NaN or infinite")
        return values

    def _tensor(self, name: str) -> tuple[NDArray[np.uint8], str, tuple[int, ...]]:
        if name not in self._tensors:
            raise ModelError(f"weights: {name} is missing; there is {_some(self._tensors)}")
        return self._tensors[name]


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "") or "nothing"


def _as_float32(raw: NDArray[np.uint8], dtype: str) -> NDArray[np.float32]:
    """A copy, aligned: float32 (n,)."""
    if dtype == "BF16":  # the upper half of a float32
        return (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
    return raw.view({"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype]).astype(np.float32)


def weight_files(directory: Path) -> tuple[str, ...]:
    """Names of the weight files, plain names inside `directory`.

    Raises:
        ModelError: there are none, or the index of shards is damaged, too large or names files outside the folder.
    """
    if (directory / _SINGLE).is_file():
        return (_SINGLE,)
    if not (directory / _SHARDED).is_file():
        error = ModelError(f"{directory}: no {_SINGLE}")
        error.hint = "save the model with safe_serialization=True (pickled weights are not read)"
        raise error
    try:
        names = sorted(set(read_json(directory / _SHARDED)["weight_map"].values()))
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{directory / _SHARDED}: no map of weights to files: {error}") from error
    if len(names) > _MAX_SHARDS or not all(type(n) is str and Path(n).name == n and n != ".." for n in names):
        raise ModelError(f"{directory / _SHARDED}: names files outside its folder, or more than {_MAX_SHARDS}")
    if missing := [name for name in names if not (directory / name).is_file()]:
        raise ModelError(f"{directory}: {missing[0]} is missing, which {_SHARDED} names")
    return tuple(names)


def _open(path: Path) -> dict[str, tuple[NDArray[np.uint8], str, tuple[int, ...]]]:
    """name -> (mapped bytes, type, shape) of one file."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(_MAX_HEADER, size - 8):
            raise ModelError(f"{path}: no safetensors file: a header of {length} bytes in a file of {size}")
        header = stream.read(length)
    try:
        entries = json.loads(header)
        data = (
            np.memmap(path, np.uint8, "r", offset=8 + length, shape=(size - 8 - length,)) if size > 8 + length else b""
        )
        view = np.frombuffer(b"", np.uint8) if isinstance(data, bytes) else data.view(np.ndarray)
        return {name: _entry(name, entry, view) for name, entry in entries.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path}: damaged safetensors header: {error}") from error


def _entry(
    name: str, entry: Mapping[str, Any], data: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], str, tuple[int, ...]]:
    """One tensor's bytes, with their number checked against its shape."""
    begin, end = entry["data_offsets"]
    shape, dtype = tuple(entry["shape"]), entry["dtype"]
    if not all(type(n) is int and n >= 0 for n in (begin, end, *shape)) or type(dtype) is not str:
        raise ValueError(f"{name} has no sizes")
    if not begin <= end <= len(data):
        raise ValueError(f"{name} ends at byte {end} of {len(data)}")
    if dtype in _ITEM_BYTES and math.prod(shape) * _ITEM_BYTES[dtype] != end - begin:
        raise ValueError(f"{name} of shape {shape} and type {dtype} cannot have {end - begin} bytes")
    return data[begin:end], dtype, shape
