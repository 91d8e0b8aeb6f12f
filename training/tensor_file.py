"""Tensors by name in one safetensors file, written piece by piece and hashed on the way.

safetensors' own writer copies all tensors before the first byte is written; a checkpoint of a model and its moments
would then need its size in memory once more. The format is small enough to be written here (8 bytes of length, JSON,
the bytes); it is read by safetensors itself.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from spaniel.retrieval.errors import InvalidInput, require

__all__ = ["TensorFile", "TensorReader", "opened_tensors", "tensors_sha256", "write_tensors"]

_DTYPES = {
    torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorFile:
    """What is known of a file that was written: name (no folder), bytes, SHA-256."""

    name: str
    size_bytes: int
    sha256: str


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> TensorFile:
    """Write a file that must not exist yet, and wait until it is on disk. On failure nothing is left.

    Cost: the memory of the largest tensor that is not on the CPU or not contiguous.

    Raises:
        OSError: the disk is full or fails; the path is named.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("xb") as stream:
            for piece in _pieces(tensors):
                stream.write(piece)
                digest.update(piece)
                size += len(piece)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    return TensorFile(path.name, size, digest.hexdigest())


def tensors_sha256(tensors: Mapping[str, torch.Tensor]) -> str:
    """Of names, dtypes, shapes and bytes: equal for equal values, in whatever order they are given."""
    digest = hashlib.sha256()
    for piece in _pieces({name: tensors[name] for name in sorted(tensors)}):
        digest.update(piece)
    return digest.hexdigest()


class TensorReader:
    """An open file of tensors."""

    def __init__(self, handle: Any, path: Path) -> None:
        self._handle, self._path = handle, path
        self.names = frozenset(handle.keys())

    def read(self, name: str) -> torch.Tensor:
        """A tensor on the CPU.

        Raises:
            InvalidInput: there is none of this name.
        """
        if name not in self.names:
            raise InvalidInput(str(self._path), f"holds no {name!r}")
        tensor: torch.Tensor = self._handle.get_tensor(name)
        return tensor

    def copy_to(self, name: str, target: torch.Tensor) -> None:
        """Overwrite `target` with the tensor.

        Raises:
            InvalidInput: it has another shape or dtype, or is not there.
        """
        found = self.read(name)
        if found.shape != target.shape or found.dtype != target.dtype:
            here, there = f"{target.dtype} {tuple(target.shape)}", f"{found.dtype} {tuple(found.shape)}"
            raise InvalidInput(str(self._path), f"{name!r} is {there} in it, and {here} in the model")
        with torch.no_grad():
            target.copy_(found)


@contextmanager
def opened_tensors(folder: Path, file: TensorFile) -> Iterator[TensorReader]:
    """Open a file after its size and every byte of it have been checked.

    Raises:
        InvalidInput: it is missing, has other bytes, or is no such file; the path is named.
    """
    path = folder / file.name
    _check_bytes(path, file)
    safetensors = require("safetensors", extra="train")
    try:
        handle = safetensors.safe_open(path, framework="pt")
    except (safetensors.SafetensorError, OSError) as error:
        raise InvalidInput(str(path), f"cannot be read: {error}") from error
    with handle as open_handle:
        yield TensorReader(open_handle, path)


def _check_bytes(path: Path, file: TensorFile) -> None:
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size != file.size_bytes:
                raise InvalidInput(str(path), f"has {size} bytes where {file.size_bytes} were written")
            if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
                raise InvalidInput(str(path), "its bytes are not those that were written (SHA-256 differs)")
    except OSError as error:
        raise InvalidInput(str(path), f"cannot be read: {error.strerror}") from error


def _pieces(tensors: Mapping[str, torch.Tensor]) -> Iterator[memoryview]:
    """The file: the length of the header, the header, then the bytes of each tensor, one tensor at a time in memory."""
    header, end = {}, 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield memoryview(len(text).to_bytes(8, "little") + text)
    for tensor in tensors.values():
        if tensor.numel():
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            yield flat.view(torch.uint8).numpy().data
