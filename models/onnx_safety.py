"""Looks into an ONNX file before ONNX Runtime does: which other files it names, and whether it may.

A tensor of a graph can lie in another file ("external data"), whose name the graph gives. A graph from a stranger could
name any file of the machine. Here every such name is found by walking the file's protobuf, without building anything
from it; only plain files inside the graph's own folder pass.

The walk follows ModelProto.graph and .functions, GraphProto.node and .initializer, AttributeProto.t, .g and their lists
(field numbers of onnx.proto, IR version 11). Other fields are skipped by their length.
"""

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

from spaniel.retrieval.errors import LimitExceeded, ModelError

__all__ = ["check_graph", "external_files"]

_MAX_GRAPH_BYTES = 2 << 30  # protobuf's own
_MAX_DATA_BYTES = 32 << 30
_MAX_DEPTH = 32
_TENSOR, _SPARSE, _ENTRY = "tensor", "sparse", "entry"
_FOLLOWED: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: _TENSOR, 15: _SPARSE},
    "node": {5: "attribute"},
    "attribute": {5: _TENSOR, 6: "graph", 10: _TENSOR, 11: "graph", 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _TENSOR: {13: _ENTRY},
    _ENTRY: {},
}
"""Kind of message -> number of the field -> kind of message in it."""


def check_graph(path: Path) -> None:
    """Refuse a graph that is no protobuf, too large, or reaches out of its folder.

    Raises:
        ModelError: damaged; or external data that is absolute, outside the folder, a link, or missing.
        LimitExceeded: larger than what is read.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    size = path.stat().st_size
    if size > _MAX_GRAPH_BYTES:
        raise LimitExceeded(f"{path}: bytes", size, _MAX_GRAPH_BYTES)
    names = external_files(path)
    total = sum(_checked_size(path, name) for name in names)
    if total > _MAX_DATA_BYTES:
        raise LimitExceeded(f"{path}: bytes of external data", total, _MAX_DATA_BYTES)


def external_files(path: Path) -> set[str]:
    """Names of all files that the graph's tensors lie in, as they stand there.

    Cost: a step for each field, none for the bytes of tensors; 20 ms for a graph of 90 MB.

    Raises:
        ModelError: no protobuf of a model.
    """
    if not path.stat().st_size:
        raise ModelError(f"{path}: empty")
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        try:
            return set(_locations(whole, 0, len(whole), "model", 0))
        except ValueError as error:
            raise ModelError(f"{path}: no ONNX graph ({error})") from error


def _checked_size(graph: Path, name: str) -> int:
    """Bytes of one file of external data."""
    inside = Path(name)
    if not name or inside.is_absolute() or ".." in inside.parts or "\0" in name or "\\" in name:
        raise _refused(graph, name, "lies outside its folder")
    found = graph.parent / inside
    if not found.exists():
        raise _refused(graph, name, "is missing")
    if graph.parent.resolve() not in found.resolve().parents and not _one_snapshot(graph, found):
        raise _refused(graph, name, "is a link out of its folder")
    if not found.is_file():
        raise _refused(graph, name, "is no plain file")
    return found.stat().st_size


def _one_snapshot(graph: Path, found: Path) -> bool:
    """Whether both are links into one folder: so the hub's cache keeps the files of a model."""
    return graph.is_symlink() and found.is_symlink() and graph.resolve().parent == found.resolve().parent


def _refused(graph: Path, name: str, why: str) -> ModelError:
    error = ModelError(f"{graph}: its external data {name!r} {why}")
    error.hint = "get the model's folder whole and from its author, or save the graph as one file"
    return error


def _locations(data: mmap.mmap, start: int, end: int, kind: str, depth: int) -> Iterator[str]:
    """Values of the entries "location" of all tensors inside data[start:end], a message of this kind."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"messages nested deeper than {_MAX_DEPTH}")
    if kind == _ENTRY:
        yield from _location(data, start, end)
        return
    followed = _FOLLOWED[kind]
    for number, low, high in _fields(data, start, end):
        if number in followed:
            yield from _locations(data, low, high, followed[number], depth + 1)


def _location(data: mmap.mmap, start: int, end: int) -> Iterator[str]:
    """The value of a StringStringEntryProto whose key is "location"."""
    parts = {number: data[low:high] for number, low, high in _fields(data, start, end)}
    if parts.get(1) == b"location":
        yield parts.get(2, b"").decode("utf-8")


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(number, first byte, end) of each length-delimited field; the others are stepped over."""
    at = start
    while at < end:
        tag, at = _varint(data, at, end)
        wire = tag & 7
        if tag >> 32:  # other readers would drop the upper bits and see another field
            raise ValueError(f"no field has the number {tag >> 3}")
        if wire == 0:
            _, at = _varint(data, at, end)
            continue
        if wire == 2:
            length, at = _varint(data, at, end)
        else:
            length = {1: 8, 5: 4}.get(wire, -1)
        if length < 0 or length > end - at:
            raise ValueError(f"field {tag >> 3} at byte {at} goes beyond its message")
        if wire == 2:
            yield tag >> 3, at, at + length
        at += length


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """(value, next byte) of a base-128 number of at most ten bytes."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise ValueError("cut short")
        byte = data[at]
        value, at = value | (byte & 127) << shift, at + 1
        if byte < 128:
            return value, at
    raise ValueError(f"a number at byte {at} is too long")
