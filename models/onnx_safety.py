"""Looks into an ONNX file before ONNX Runtime does: which other files it names, and whether it may.

A tensor of a graph can lie in another file ("external data"), whose name the graph gives. A graph from a stranger could
name any file of the machine. Here every such name is found by walking the file's protobuf, without building anything
from it; only plain files inside the graph's own folder pass, and only where they are as long as its tensors need.

The walk follows ModelProto.graph and .functions, GraphProto.node and .initializer, AttributeProto.t, .g and their lists
(field numbers of onnx.proto, IR version 11). Other fields are skipped by their length.
"""

import mmap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from spaniel.retrieval.errors import LimitExceeded, ModelError

__all__ = ["check_graph", "external_files", "input_names"]

_MAX_GRAPH_BYTES = 2 << 30  # protobuf's own
_MAX_DATA_BYTES = 32 << 30
_MAX_DEPTH = 32
_MAX_DIGITS = 18
_TENSOR, _SPARSE = "tensor", "sparse"
_FOLLOWED: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: _TENSOR, 15: _SPARSE},
    "node": {5: "attribute"},
    "attribute": {5: _TENSOR, 6: "graph", 10: _TENSOR, 11: "graph", 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
}
"""Kind of message -> number of the field -> kind of message in it."""
_ENTRIES = 13  # of a tensor, each with a key and a value: where its data lies
_GRAPH, _INPUT, _NAME = 7, 11, 1  # of a model; of its graph; of an input


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
    total = sum(_checked_size(path, name, needed) for name, needed in _external_data(path).items())
    if total > _MAX_DATA_BYTES:
        raise LimitExceeded(f"{path}: bytes of external data", total, _MAX_DATA_BYTES)


def external_files(path: Path) -> set[str]:
    """Names of all files that the graph's tensors lie in, as they stand there.

    Cost: a step for each field, none for the bytes of tensors; 20 ms for a graph of 90 MB.

    Raises:
        ModelError: no protobuf of a model.
    """
    return set(_external_data(path))


def input_names(path: Path) -> list[str]:
    """What the graph reads. In graphs of before IR version 4 its tensors are among them.

    Raises:
        ModelError: no protobuf of a model.
    """
    with _walked(path) as whole:
        graphs = [(low, high) for number, low, high in _fields(whole, 0, len(whole)) if number == _GRAPH]
        inputs = [(low, high) for graph in graphs for number, low, high in _fields(whole, *graph) if number == _INPUT]
        names = [whole[low:high] for each in inputs for number, low, high in _fields(whole, *each) if number == _NAME]
    return [name.decode("utf-8", "replace") for name in names]


def _external_data(path: Path) -> dict[str, int]:
    """Name of each file that the graph's tensors lie in -> bytes that it must have at least."""
    needed: dict[str, int] = {}
    with _walked(path) as whole:
        for name, end in _places(whole, 0, len(whole), "model", 0):
            needed[name] = max(end, needed.get(name, 0))
    return needed


@contextmanager
def _walked(path: Path) -> Iterator[mmap.mmap]:
    """The file, mapped; what is found wrong with it while it is read becomes a ModelError that names it."""
    if not path.stat().st_size:
        raise ModelError(f"{path}: empty")
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        try:
            yield whole
        except ValueError as error:
            raise ModelError(f"{path}: no ONNX graph ({error})") from error


def _checked_size(graph: Path, name: str, needed: int) -> int:
    """Bytes of one file of external data, of which the graph reads the first `needed`."""
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
    size = found.stat().st_size
    if size < needed:
        raise _refused(graph, name, f"has {size} bytes; its tensors end at byte {needed}")
    return size


def _one_snapshot(graph: Path, found: Path) -> bool:
    """Whether both are links into one folder: so the hub's cache keeps the files of a model."""
    return graph.is_symlink() and found.is_symlink() and graph.resolve().parent == found.resolve().parent


def _refused(graph: Path, name: str, why: str) -> ModelError:
    error = ModelError(f"{graph}: its external data {name!r} {why}")
    error.hint = "get the model's folder whole and from its author, or save the graph as one file"
    return error


def _places(data: mmap.mmap, start: int, end: int, kind: str, depth: int) -> Iterator[tuple[str, int]]:
    """(name of a file, end of a tensor in it) of all tensors inside data[start:end], a message of this kind."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"messages nested deeper than {_MAX_DEPTH}")
    if kind == _TENSOR:
        yield from _place(data, start, end)
        return
    followed = _FOLLOWED[kind]
    for number, low, high in _fields(data, start, end):
        if number in followed:
            yield from _places(data, low, high, followed[number], depth + 1)


def _place(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[str, int]]:
    """Of one tensor; nothing where its data is in the graph. Without a length it ends where it begins."""
    entries = [_entry(data, low, high) for number, low, high in _fields(data, start, end) if number == _ENTRIES]
    last = sum(_number(value) for key, value in dict(entries).items() if key in (b"offset", b"length"))
    for key, value in entries:
        if key == b"location":
            yield value.decode("utf-8"), last


def _entry(data: mmap.mmap, start: int, end: int) -> tuple[bytes, bytes]:
    """Key and value of a StringStringEntryProto."""
    parts = {number: data[low:high] for number, low, high in _fields(data, start, end)}
    return parts.get(1, b""), parts.get(2, b"")


def _number(value: bytes) -> int:
    if not value.isdigit() or len(value) > _MAX_DIGITS:
        raise ValueError(f"{value[:_MAX_DIGITS]!r} is no place in a file")
    return int(value)


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
