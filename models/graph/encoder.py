"""The layers of a BERT-like encoder as ONNX nodes (Devlin et al., NAACL 2019; names of transformers' modules).

Shapes in comments: n texts, t tokens, h width, a heads, d = h / a. Query, key and value are one product over a weight
(h, 3h), with 1 / sqrt(d) inside the query's part.
"""

import numpy as np
from numpy.typing import NDArray

from .builder import Graph
from .config import Config
from .families import NAMES
from .weights import Weights

__all__ = ["Encoder"]

_MASKED = -1e9  # exp of it is 0 beside any score that weights below 1e8 can make


class Encoder:
    """Adds one encoder to a graph, layer by layer, each weight read when it is needed."""

    def __init__(self, graph: Graph, config: Config, weights: Weights) -> None:
        self._graph, self._config, self._weights = graph, config, weights
        self._names = NAMES[config.family]
        self._prefix = self._names.found_prefix(weights)

    def hidden(self, *, token_types: bool) -> str:
        """The last layer's output, float32 (n, t, h), from the inputs input_ids, attention_mask[, token_type_ids]."""
        x = self._embeddings(token_types=token_types)
        mask = self._mask()
        for i in range(self._config.layers):
            x = self._layer(i, x, mask)
        return x

    def linear(self, name: str, x: str, shape: tuple[int, int]) -> str:
        """x W^T + b for the layer `name`, whose weight has `shape` (out, in)."""
        weight, bias = self._weight(name, shape), self._bias(name, shape[0])
        return self._affine(name, x, weight.T, bias)

    def activation(self, kind: str, x: str) -> str:
        """One of "gelu", "gelu_tanh", "relu", "silu", "tanh"; nothing for ""."""
        graph = self._graph
        match kind:
            case "":
                return x
            case "gelu":
                return graph.op("Gelu", x)
            case "gelu_tanh":
                return graph.op("Gelu", x, approximate="tanh")
            case "silu":
                return graph.op("Mul", x, graph.op("Sigmoid", x))
            case _:
                return graph.op({"relu": "Relu", "tanh": "Tanh"}[kind], x)

    def _embeddings(self, *, token_types: bool) -> str:
        """Words, positions and kinds of token, added and normalised: (n, t, h)."""
        graph, config, width = self._graph, self._config, self._config.embedding
        x = graph.op("Gather", self._table("embeddings.word_embeddings", config.vocabulary), "input_ids")
        positions = self._tensor("embeddings.position_embeddings.weight", (config.positions, width))
        if config.types and not token_types:  # one text: every token is of kind 0
            positions = positions + self._tensor("embeddings.token_type_embeddings.weight", (config.types, width))[0]
        x = graph.op("Add", x, self._positions(graph.constant("positions", positions)))
        if token_types:
            kinds = self._table("embeddings.token_type_embeddings", config.types)
            x = graph.op("Add", x, graph.op("Gather", kinds, "token_type_ids"))
        x = self._norm("embeddings.LayerNorm", x, width)
        if config.embedding != config.hidden:
            x = self.linear(self._prefix + "embeddings_project", x, (config.hidden, width))
        return x

    def _positions(self, table: str) -> str:
        """Rows of the table of positions: (t, h), or (n, t, h) where padding is not counted."""
        graph, config = self._graph, self._config
        if config.family not in ("roberta", "mpnet"):
            length = graph.op("Shape", "input_ids", start=1, end=2)
            return graph.op("Slice", table, graph.ints(0), length, graph.ints(0))
        padding = graph.constant("padding", np.array(config.padding, np.int64))
        words = graph.op("Cast", graph.op("Not", graph.op("Equal", "input_ids", padding)), to=7)
        counted = graph.op("CumSum", words, graph.constant("axis", np.array(1, np.int64)))
        return graph.op("Gather", table, graph.op("Add", graph.op("Mul", counted, words), padding))

    def _mask(self) -> str:
        """Added to the scores: 0, or a number that leaves nothing of padding, (n, 1, 1, t)."""
        graph = self._graph
        off = graph.op("Sub", graph.op("Cast", "attention_mask", to=1), graph.scalar(1.0))
        return graph.op("Unsqueeze", graph.op("Mul", off, graph.scalar(-_MASKED)), graph.ints(1, 2))

    def _layer(self, i: int, x: str, mask: str) -> str:
        config, parts = self._config, self._names.parts(i)
        hidden, inner = config.hidden, config.intermediate
        attended = self._attention(i, x, mask)
        out = self.linear(self._prefix + parts["attention_out"], attended, (hidden, hidden))
        x = self._norm(parts["attention_norm"], self._graph.op("Add", out, x), hidden)
        up = self.activation(config.activation, self.linear(self._prefix + parts["up"], x, (inner, hidden)))
        down = self.linear(self._prefix + parts["down"], up, (hidden, inner))
        return self._norm(parts["out_norm"], self._graph.op("Add", down, x), hidden)

    def _attention(self, i: int, x: str, mask: str) -> str:
        """Softmax(QK^T / sqrt(d) + mask) V of all heads, (n, t, h), before the output's linear layer."""
        graph, config = self._graph, self._config
        parts, width = self._names.parts(i), config.hidden // config.heads
        names = [self._prefix + parts[part] for part in ("query", "key", "value")]
        scales = [np.float32(scale) for scale in (width**-0.5, 1.0, 1.0)]
        square = (config.hidden, config.hidden)
        weight = np.concatenate([self._weight(n, square) * s for n, s in zip(names, scales, strict=True)])
        bias = np.concatenate([self._bias(n, config.hidden) * s for n, s in zip(names, scales, strict=True)])
        qkv = self._affine(f"{self._prefix}layer.{i}.qkv", x, weight.T, bias)
        split = graph.op("Reshape", qkv, graph.ints(0, 0, 3, config.heads, width))
        query, key, value = (
            graph.op("Squeeze", part, graph.ints(0))
            for part in graph.ops(
                "Split", graph.op("Transpose", split, perm=[2, 0, 3, 1, 4]), outputs=3, axis=0, num_outputs=3
            )
        )
        scores = graph.op("MatMul", query, graph.op("Transpose", key, perm=[0, 1, 3, 2]))
        mixed = graph.op("MatMul", graph.op("Softmax", graph.op("Add", scores, mask), axis=-1), value)
        return graph.op("Reshape", graph.op("Transpose", mixed, perm=[0, 2, 1, 3]), graph.ints(0, 0, config.hidden))

    def _affine(self, name: str, x: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """x W + b, weight (in, out)."""
        graph = self._graph
        product = graph.op("MatMul", x, graph.constant(f"{name}.weight", weight))
        return graph.op("Add", product, graph.constant(f"{name}.bias", bias))

    def _norm(self, name: str, x: str, width: int) -> str:
        scale, bias = (
            self._graph.constant(f"{name}.{new}", self._tensor(self._either(name, new, old), (width,)))
            for new, old in (("weight", "gamma"), ("bias", "beta"))
        )
        return self._graph.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=self._config.epsilon)

    def _either(self, name: str, new: str, old: str) -> str:
        """Early checkpoints call scale and shift of a normalisation gamma and beta."""
        return f"{name}.{old}" if f"{self._prefix}{name}.{old}" in self._weights else f"{name}.{new}"

    def _table(self, name: str, rows: int) -> str:
        values = self._tensor(f"{name}.weight", (rows, self._config.embedding))
        return self._graph.constant(f"{self._prefix}{name}.weight", values)

    def _tensor(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        return self._weights.take(self._prefix + name, shape)

    def _weight(self, name: str, shape: tuple[int, int]) -> NDArray[np.float32]:
        return self._weights.take(f"{name}.weight", shape)

    def _bias(self, name: str, width: int) -> NDArray[np.float32]:
        return self._weights.take(f"{name}.bias", (width,))
