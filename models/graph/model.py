"""One encoder and its head as a ModelProto, in float32 or int8."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spaniel.models.card import Pooling
from spaniel.retrieval.errors import ModelError

from .builder import Graph
from .config import Config
from .encoder import Encoder
from .heads import classified, pooled, projected
from .linear import Linear, Quantised, Watched
from .modules import Dense
from .weights import Weights

__all__ = ["OUTPUTS", "Head", "Plan", "inputs", "plain", "quantised", "watched"]

Head = Literal["pool", "classify", "hidden"]
OUTPUTS: dict[Head, str] = {"pool": "embedding", "classify": "logits", "hidden": "hidden"}
"""head -> name of the graph's output."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What graph is to be built.

    Attributes:
        head: "pool" gives `embedding` (n, h), "classify" `logits` (n, labels), "hidden" `hidden` (n, t, h).
        pooling, normalise: of the head "pool".
        dense: linear layers behind the pooling; their weights lie in the folders of `directory`.
    """

    config: Config
    head: Head
    pooling: Pooling
    normalise: bool
    dense: tuple[Dense, ...] = ()
    directory: Path = Path()

    @property
    def dimension(self) -> int:
        """Of what the head gives for a text, or for a token."""
        if self.head == "classify":
            return self.config.labels
        return self.dense[-1].n_out if self.dense and self.head == "pool" else self.config.hidden


def inputs(plan: Plan) -> list[str]:
    """Names of the graph's inputs, int64 (n, t) each; kinds of token matter only where pairs of texts are read."""
    names = ["input_ids", "attention_mask"]
    return [*names, "token_type_ids"] if plan.head == "classify" and plan.config.types > 1 else names


def plain(plan: Plan, weights: Weights) -> Any:
    """The graph in float32."""
    graph = Graph()
    return _built(graph, plan, weights, Linear(graph))


def watched(plan: Plan, weights: Weights) -> tuple[Any, dict[str, str]]:
    """The graph in float32, and layer -> the further output that has the peaks of its input."""
    graph = Graph()
    linear = Watched(graph)
    return _built(graph, plan, weights, linear), linear.peaks


def quantised(plan: Plan, weights: Weights, peaks: Mapping[str, NDArray[np.float32]]) -> Any:
    """The graph in int8, smoothed by the peaks that `watched` gave for a sample of texts."""
    graph = Graph()
    return _built(graph, plan, weights, Quantised(graph, peaks))


def _built(graph: Graph, plan: Plan, weights: Weights, linear: Linear) -> Any:
    config, names = plan.config, inputs(plan)
    encoder = Encoder(graph, config, weights, linear)
    hidden = encoder.hidden(token_types="token_type_ids" in names)
    axes: list[str | int]
    match plan.head:
        case "pool":
            result, axes = _embedding(graph, plan, hidden), ["n", plan.dimension]
        case "classify":
            result, axes = classified(graph, hidden, encoder, config, weights), ["n", config.labels]
        case "hidden":
            result, axes = hidden, ["n", "t", config.hidden]
    graph.name_output(result, OUTPUTS[plan.head], axes)
    return graph.model(names)


def _embedding(graph: Graph, plan: Plan, hidden: str) -> str:
    """The vector of a text: pooled, through the linear layers where there are some."""
    if not plan.dense:
        return pooled(graph, hidden, plan.pooling, normalise=plan.normalise)
    if plan.dense[0].n_in != plan.config.hidden:
        raise ModelError(
            f"{plan.dense[0].folder}: reads {plan.dense[0].n_in} values, pooling gives {plan.config.hidden}"
        )
    layers = [(layer, Weights(plan.directory / layer.folder)) for layer in plan.dense]
    vector = pooled(graph, hidden, plan.pooling, normalise=False)
    return projected(graph, vector, layers, normalise=plan.normalise)
