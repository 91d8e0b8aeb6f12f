"""A graph's file, and beside it, where protobuf cannot hold them, the file of its weights.

A message of protobuf ends at 2 GiB. The weights of a larger graph (bge-reranker-large and -v2-m3 in fp32) lie in a
second file, whose name, and each tensor's place in it, the graph tells: ONNX's "external data". Tensors begin at whole
pages there, so that ONNX Runtime maps them; small ones stay in the graph.
"""

import os
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["MAX_GRAPH_BYTES", "data_file", "remove_graph", "write_graph"]

MAX_GRAPH_BYTES = (2 << 30) - (64 << 20)
"""Of tensors inside a graph; the rest of the 2 GiB is for its nodes."""
_PAGE_BYTES = 4096
_EXTERNAL = 1  # TensorProto.DataLocation


def data_file(graph: Path) -> Path:
    """Where the weights of a graph lie that are not in it."""
    return graph.with_name(f"{graph.name}.data")


def write_graph(model: Any, path: Path) -> None:
    """Write a ModelProto whose tensors have raw data; the model is not to be used afterwards.

    Cost: one more tensor in memory where the weights go into a file of their own, else the graph once more.
    """
    # The message's own ByteSize() fails above 2 GiB.
    if sum(len(tensor.raw_data) for tensor in model.graph.initializer) > MAX_GRAPH_BYTES:
        with data_file(path).open("xb") as stream:
            for tensor in model.graph.initializer:
                _move(tensor, stream, data_file(path).name)
            _flush(stream)
    with path.open("xb") as stream:
        stream.write(model.SerializeToString())
        _flush(stream)


def remove_graph(path: Path) -> None:
    """Remove what `write_graph` wrote."""
    path.unlink()
    data_file(path).unlink(missing_ok=True)


def _move(tensor: Any, stream: BinaryIO, name: str) -> None:
    """Put a tensor's bytes into the file of this name, and its place there into the tensor."""
    raw = tensor.raw_data
    if len(raw) < _PAGE_BYTES:
        return
    stream.seek(-stream.tell() % _PAGE_BYTES, os.SEEK_CUR)
    place = {"location": name, "offset": str(stream.tell()), "length": str(len(raw))}
    stream.write(raw)
    tensor.ClearField("raw_data")
    tensor.data_location = _EXTERNAL
    for key, value in place.items():
        tensor.external_data.add(key=key, value=value)


def _flush(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())
