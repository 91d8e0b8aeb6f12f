"""The layers of a BERT-like encoder as ONNX nodes (Devlin et al., NAACL 2019; names of transformers' modules).

Shapes: n texts, t tokens, h width, a heads, d = h / a; between layers the tokens of all texts are one axis, n * t.
Query, key and value are one product over a weight (h, 3h), with 1 / sqrt(d) inside the query's part. The nodes are
ONNX's own: ONNX Runtime's fused attention and SkipLayerNormalization were slower on CPUs (docs/models.md).
"""

import numpy as np
from numpy.typing import NDArray

from .builder import Graph
from .config import Config
from .families import NAMES
from .linear import Linear
from .relative import relative_bias
from .weights import Weights

__all__ = ["Encoder"]

_MASKED = -1e9  # exp of it is 0 beside any score that weights below 1e8 can make
_LOWEST = {"gelu": -0.17, "gelu_tanh": -0.17, "silu": -0.2785, "relu": 0.0}
"""What an activation cannot give less than, rounded down."""


class Encoder:
    """Adds one encoder to a graph, layer by layer, each weight read when it is needed."""

    def __init__(self, graph: Graph, config: Config, weights: Weights, linear: Linear) -> None:
        self._graph, self._config, self._weights, self._linear = graph, config, weights, linear
        self._names = NAMES[config.family]
        self._prefix = self._names.found_prefix(weights)

    def hidden(self, *, token_types: bool) -> str:
        """The last layer's output, float32 (n, t, h), from the inputs input_ids, attention_mask[, token_type_ids]."""
        graph, config = self._graph, self._config
        shape = graph.op("Shape", "input_ids")
        self._heads_shape = graph.op(
            "Concat", shape, graph.ints(3, config.heads, config.hidden // config.heads), axis=0
        )
        x = graph.op("Reshape", self._embeddings(token_types=token_types), graph.ints(-1, config.embedding))
        if config.embedding != config.hidden:
            x = self._dense("embeddings_project", x, (config.hidden, config.embedding), normed=True)
        mask = self._mask()
        for i in range(config.layers):
            x = self._layer(i, x, mask)
        return graph.op("Reshape", x, graph.op("Concat", shape, graph.ints(config.hidden), axis=0))

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
        """Words, positions and kinds of token, added and normalised: (n, t, embedding)."""
        graph, config, linear = self._graph, self._config, self._linear
        x = linear.lookup("words", self._table("word", config.vocabulary), "input_ids")
        positions = self._table("position", config.positions)
        if config.types and not token_types:  # one text: every token is of kind 0
            positions = positions + self._table("token_type", config.types)[0]
        x = graph.op("Add", x, self._positions(graph.constant("positions", positions)))
        if token_types:
            kinds = graph.constant("types", self._table("token_type", config.types))
            x = graph.op("Add", x, graph.op("Gather", kinds, "token_type_ids"))
        return self._norm("embeddings.LayerNorm", x, config.embedding)

    def _positions(self, table: str) -> str:
        """Rows of the table of positions: (t, h), or (n, t, h) where padding is not counted."""
        graph, config = self._graph, self._config
        if not config.counted:
            length = graph.op("Shape", "input_ids", start=1, end=2)
            return graph.op("Slice", table, graph.ints(0), length, graph.ints(0))
        padding = graph.whole(config.padding)
        words = graph.op("Cast", graph.op("Not", graph.op("Equal", "input_ids", padding)), to=7)
        counted = graph.op("CumSum", words, graph.whole(1))
        return graph.op("Gather", table, graph.op("Add", graph.op("Mul", counted, words), padding))

    def _mask(self) -> str:
        """Added to the scores: 0, or a number that leaves nothing of padding, (n, 1, 1, t); relative positions too."""
        graph, config = self._graph, self._config
        off = graph.op("Sub", graph.op("Cast", "attention_mask", to=1), graph.scalar(1.0))
        mask = graph.op("Unsqueeze", graph.op("Mul", off, graph.scalar(-_MASKED)), graph.ints(1, 2))
        if not config.relative_buckets:
            return mask
        shape = (config.relative_buckets, config.heads)
        buckets = self._weights.take(f"{self._prefix}encoder.relative_attention_bias.weight", shape)
        return graph.op("Add", mask, relative_bias(graph, buckets, config.longest))

    def _layer(self, i: int, x: str, mask: str) -> str:
        config, parts = self._config, self._names.parts(i)
        hidden, inner, activation = config.hidden, config.intermediate, config.activation
        out = self._dense(parts["attention_out"], self._attention(i, x, mask), (hidden, hidden))
        x = self._norm(parts["attention_norm"], self._graph.op("Add", out, x), hidden)
        up = self.activation(activation, self._dense(parts["up"], x, (inner, hidden), normed=True))
        down = self._dense(parts["down"], up, (hidden, inner), lowest=_LOWEST[activation])
        return self._norm(parts["out_norm"], self._graph.op("Add", down, x), hidden)

    def _attention(self, i: int, x: str, mask: str) -> str:
        """Softmax(QK^T / sqrt(d) + mask) V of all heads, (n * t, h), before the output's linear layer."""
        graph, hidden = self._graph, self._config.hidden
        qkv = graph.op("Reshape", self._query_key_value(i, x), self._heads_shape)  # (n, t, 3, a, d)
        parts = graph.ops("Split", graph.op("Transpose", qkv, perm=[2, 0, 3, 1, 4]), outputs=3, axis=0, num_outputs=3)
        query, key, value = (graph.op("Squeeze", part, graph.ints(0)) for part in parts)  # (n, a, t, d)
        scores = graph.op("MatMul", query, graph.op("Transpose", key, perm=[0, 1, 3, 2]))
        mixed = graph.op("MatMul", graph.op("Softmax", graph.op("Add", scores, mask), axis=-1), value)
        return graph.op("Reshape", graph.op("Transpose", mixed, perm=[0, 2, 1, 3]), graph.ints(-1, hidden))

    def _query_key_value(self, i: int, x: str) -> str:
        """All three of layer `i` in one product, (n * t, 3h)."""
        config, parts = self._config, self._names.parts(i)
        scale = np.float32((config.hidden // config.heads) ** -0.5)
        weights, biases = [], []
        for part in ("query", "key", "value"):
            factor = scale if part == "query" else np.float32(1)
            weights.append(self._tensor(f"{parts[part]}.weight", (config.hidden, config.hidden)).T * factor)
            biases.append(self._tensor(f"{parts[part]}.bias", (config.hidden,)) * factor)
        weight, bias = np.concatenate(weights, axis=1), np.concatenate(biases)
        return self._linear.affine(f"{self._names.layer.format(i=i)}qkv", x, weight, bias, normed=True)

    def _dense(
        self, name: str, x: str, shape: tuple[int, int], *, normed: bool = False, lowest: float | None = None
    ) -> str:
        """The linear layer `name`, whose weight has `shape` (out, in)."""
        weight, bias = self._tensor(f"{name}.weight", shape).T, self._tensor(f"{name}.bias", shape[:1])
        return self._linear.affine(name, x, weight, bias, normed=normed, lowest=lowest)

    def _norm(self, name: str, x: str, width: int) -> str:
        scale, bias = (
            self._graph.constant(f"{name}.{new}", self._tensor(self._either(name, new, old), (width,)))
            for new, old in (("weight", "gamma"), ("bias", "beta"))
        )
        return self._graph.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=self._config.epsilon)

    def _either(self, name: str, new: str, old: str) -> str:
        """Early checkpoints call scale and shift of a normalisation gamma and beta."""
        return f"{name}.{old}" if f"{self._prefix}{name}.{old}" in self._weights else f"{name}.{new}"

    def _table(self, kind: str, rows: int) -> NDArray[np.float32]:
        return self._tensor(f"embeddings.{kind}_embeddings.weight", (rows, self._config.embedding))

    def _tensor(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        return self._weights.take(self._prefix + name, shape)
