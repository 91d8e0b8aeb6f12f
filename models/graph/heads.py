"""What comes after the last layer: one vector a text, or the scores of a classifier."""

from collections.abc import Sequence

import numpy as np

from .builder import Graph
from .config import Config
from .encoder import Encoder
from .families import NAMES
from .linear import Linear
from .modules import Dense
from .weights import Weights

__all__ = ["classified", "pooled", "projected"]

_LEAST_LENGTH = 1e-12  # of torch.nn.functional.normalize


def pooled(graph: Graph, hidden: str, pooling: str, *, normalise: bool) -> str:
    """(n, t, h) -> (n, h).

    Args:
        pooling: "mean" over the tokens that are no padding, "cls" the first, "last" the last that is no padding.
        normalise: divide by the length; a zero vector stays zero.
    """
    vector = {"mean": _mean, "cls": _first, "last": _last}[pooling](graph, hidden)
    return _unit(graph, vector) if normalise else vector


def projected(graph: Graph, vector: str, layers: Sequence[tuple[Dense, Weights]], *, normalise: bool) -> str:
    """(n, h) -> (n, n_out of the last layer), all in float32, also in an int8 graph: the layers cost next to nothing,
    and the signs of what a hash layer gives are codes.

    Raises:
        ModelError: weights that are missing or of other shapes.
    """
    linear = Linear(graph)
    for layer, weights in layers:
        vector = _unit(graph, vector) if layer.unit else vector
        weight = weights.take("linear.weight", (layer.n_out, layer.n_in))
        bias = weights.take("linear.bias", (layer.n_out,)) if layer.bias else np.zeros(layer.n_out, np.float32)
        vector = linear.affine(f"dense.{layer.folder}", vector, weight.T, bias)
        vector = graph.op("Tanh", vector) if layer.activation == "tanh" else vector
    return _unit(graph, vector) if normalise else vector


def _unit(graph: Graph, vector: str) -> str:
    """Each row divided by its length; a zero stays zero."""
    length = graph.op("ReduceL2", vector, graph.ints(-1), keepdims=1)
    return graph.op("Div", vector, graph.op("Max", length, graph.scalar(_LEAST_LENGTH)))


def classified(graph: Graph, hidden: str, encoder: Encoder, config: Config, weights: Weights) -> str:
    """(n, t, h) -> logits (n, labels): the first token through the head's layers, which stay float32.

    Raises:
        ModelError: the model has no such head.
    """
    x, linear, layers = _first(graph, hidden), Linear(graph), NAMES[config.family].head
    for i, (name, activation) in enumerate(layers):
        width = config.labels if i == len(layers) - 1 else config.hidden
        weight = weights.take(f"{name}.weight", (width, config.hidden))
        x = linear.affine(f"head.{name}", x, weight.T, weights.take(f"{name}.bias", (width,)))
        x = encoder.activation(activation, x)
    return x


def _mean(graph: Graph, hidden: str) -> str:
    mask = graph.op("Cast", "attention_mask", to=1)
    weights = graph.op("Div", mask, graph.op("Max", graph.op("ReduceSum", mask, graph.ints(1)), graph.scalar(1e-9)))
    row = graph.op("Unsqueeze", weights, graph.ints(1))
    return graph.op("Squeeze", graph.op("MatMul", row, hidden), graph.ints(1))


def _first(graph: Graph, hidden: str) -> str:
    return graph.op("Gather", hidden, graph.whole(0), axis=1)


def _last(graph: Graph, hidden: str) -> str:
    """The token with the highest position among those that count, whatever side the padding is on."""
    length = graph.op("Squeeze", graph.op("Shape", "attention_mask", start=1, end=2))
    places = graph.op("Range", graph.whole(1), graph.op("Add", length, graph.whole(1)), graph.whole(1))
    last = graph.op("ArgMax", graph.op("Mul", "attention_mask", places), axis=1, keepdims=1)
    return graph.op("GatherND", hidden, last, batch_dims=1)
