"""What the tensors of each family are called.

The names are those of the state dicts that transformers saves. A model with a head keeps its encoder under a prefix
("bert."), a bare encoder has none, and sentence-transformers saves bare ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .weights import Weights

__all__ = ["NAMES", "Names"]


@dataclass(frozen=True, slots=True)
class Names:
    """Tensor names of one family, without ".weight" and ".bias".

    Attributes:
        prefix: of the encoder inside a model with a head.
        layer: of layer {i}; the names of its parts follow it.
        head: the classifier's linear layers in order, each with the activation after it; not under the prefix but for
            BERT's pooler.
    """

    prefix: str
    layer: str
    query: str
    key: str
    value: str
    attention_out: str
    attention_norm: str
    up: str
    down: str
    out_norm: str
    head: tuple[tuple[str, str], ...]

    def parts(self, i: int) -> Mapping[str, str]:
        """part -> full name in layer `i`."""
        base = self.layer.format(i=i)
        names = ("query", "key", "value", "attention_out", "attention_norm", "up", "down", "out_norm")
        return {name: base + getattr(self, name) for name in names}

    def found_prefix(self, weights: Weights) -> str:
        """`prefix` if the tensors of `weights` have it, else nothing."""
        return self.prefix if self.prefix + "embeddings.word_embeddings.weight" in weights else ""


_BERT = {
    "layer": "encoder.layer.{i}.",
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "out_norm": "output.LayerNorm",
}
_DENSE_TANH = (("classifier.dense", "tanh"), ("classifier.out_proj", ""))

NAMES = {
    "bert": Names(prefix="bert.", head=(("bert.pooler.dense", "tanh"), ("classifier", "")), **_BERT),
    "roberta": Names(prefix="roberta.", head=_DENSE_TANH, **_BERT),
    "electra": Names(prefix="electra.", head=(("classifier.dense", "gelu"), ("classifier.out_proj", "")), **_BERT),
    "mpnet": Names(
        prefix="mpnet.",
        head=_DENSE_TANH,
        **_BERT
        | {
            "query": "attention.attn.q",
            "key": "attention.attn.k",
            "value": "attention.attn.v",
            "attention_out": "attention.attn.o",
            "attention_norm": "attention.LayerNorm",
        },
    ),
    "distilbert": Names(
        prefix="distilbert.",
        head=(("pre_classifier", "relu"), ("classifier", "")),
        layer="transformer.layer.{i}.",
        query="attention.q_lin",
        key="attention.k_lin",
        value="attention.v_lin",
        attention_out="attention.out_lin",
        attention_norm="sa_layer_norm",
        up="ffn.lin1",
        down="ffn.lin2",
        out_norm="output_layer_norm",
    ),
}
"""family -> names."""
