"""What comes after the last layer: one vector a text."""

import numpy as np

from .builder import Graph

__all__ = ["pooled"]

_LEAST_LENGTH = 1e-12  # of torch.nn.functional.normalize


def pooled(graph: Graph, hidden: str, pooling: str, *, normalise: bool) -> str:
    """(n, t, h) -> (n, h).

    Args:
        pooling: "mean" over the tokens that are no padding, "cls" the first, "last" the last that is no padding.
        normalise: divide by the length; a zero vector stays zero.
    """
    vector = {"mean": _mean, "cls": _first, "last": _last}[pooling](graph, hidden)
    if not normalise:
        return vector
    length = graph.op("ReduceL2", vector, graph.ints(-1), keepdims=1)
    return graph.op("Div", vector, graph.op("Max", length, graph.scalar(_LEAST_LENGTH)))


def _mean(graph: Graph, hidden: str) -> str:
    mask = graph.op("Cast", "attention_mask", to=1)
    weights = graph.op("Div", mask, graph.op("Max", graph.op("ReduceSum", mask, graph.ints(1)), graph.scalar(1e-9)))
    row = graph.op("Unsqueeze", weights, graph.ints(1))
    return graph.op("Squeeze", graph.op("MatMul", row, hidden), graph.ints(1))


def _first(graph: Graph, hidden: str) -> str:
    return graph.op("Gather", hidden, graph.constant("first", np.array(0, np.int64)), axis=1)


def _last(graph: Graph, hidden: str) -> str:
    """The token with the highest position among those that count, whatever side the padding is on."""
    length = graph.op("Shape", "attention_mask", start=1, end=2)
    zero, one = (graph.constant(f"whole_{i}", np.array(i, np.int64)) for i in (0, 1))
    places = graph.op("Range", zero, graph.op("Squeeze", length), one)
    last = graph.op("ArgMax", graph.op("Mul", "attention_mask", graph.op("Add", places, one)), axis=1, keepdims=1)
    return graph.op("GatherND", hidden, last, batch_dims=1)
