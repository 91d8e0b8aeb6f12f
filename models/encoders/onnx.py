"""Encoding by ONNX Runtime: tokenise, sort by length, run batches, put the vectors back in order.

A vector does not depend on the company its text was in. Queries run alone. Passages share a batch with others of their
own length only, so that nothing is padded: that gave the same bits as running alone, where padding moved numbers by
2e-8, and cost nothing. (A graph from elsewhere that scales its numbers by the largest of a whole batch, as dynamic
quantisation does, still makes a difference; ours has a scale for each token.) More threads run more batches at once,
and change no bit. On a GPU, which wants large batches, texts of unlike length share them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.models.batching import batches
from spaniel.models.card import ModelCard
from spaniel.models.pooling import normalised, pooled
from spaniel.models.session import Device, open_session
from spaniel.models.tokens import Tokenizer
from spaniel.models.workers import Workers
from spaniel.retrieval.errors import ModelError

from .base import Encoded, Encoder, Kind

__all__ = ["OnnxEncoder", "OnnxFiles"]

_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
_POOLED = ("embedding", "sentence_embedding")
CPU_BUDGET = 256  # tokens: measured best from 8 to 240 tokens a text (docs/models.md)
CUDA_BUDGET = 1 << 16  # not measured


@dataclass(frozen=True, slots=True)
class OnnxFiles:
    """What an encoder is made of: a graph, a tokenizer.json, the id of the padding token, and whether texts are put
    into lower case."""

    graph: Path
    tokenizer: Path
    padding: int = 0
    lower: bool = False


class OnnxEncoder(Encoder):
    """One ONNX graph and its tokenizer.

    Args:
        card: what it says is what is done; `dimension` is checked against the graph.
        files: the graph takes input_ids and attention_mask (and token_type_ids, position_ids); it gives `embedding`
            (n, d), pooled and normalised inside, or the tokens' vectors (n, t, d), which are pooled here.
        threads: batches that run at once.
        device: "cpu" or "cuda".
        budget: tokens of a batch of passages, padding included; 1 runs each alone.

    Raises:
        MissingExtra: no onnxruntime.
        ModelError: a file cannot be used, or does not fit the card.
    """

    def __init__(
        self,
        card: ModelCard,
        files: OnnxFiles,
        *,
        threads: int = 1,
        device: Device = "cpu",
        budget: int | None = None,
    ) -> None:
        super().__init__(card)
        self._tokenizer = Tokenizer(files.tokenizer, card.max_length, padding=files.padding, lower=files.lower)
        self._session = open_session(files.graph, device=device, inputs=_INPUTS)
        self._inputs = [each.name for each in self._session.get_inputs()]
        self._output, self._pool_here = _output(self._session, card, files.graph)
        self._padding, self._device = files.padding, device
        self._budget = budget or (CUDA_BUDGET if device == "cuda" else CPU_BUDGET)
        self._workers = Workers(threads, "spaniel-encode")

    def _encoded(self, texts: list[str], kind: Kind) -> Encoded:
        tokens = self._tokenizer(texts)
        lengths = [len(ids) for ids in tokens.ids]
        alone = kind == "query" and self._device == "cpu"
        groups = batches(lengths, budget=1 if alone else self._budget, padding=self._device != "cpu")
        vectors = np.empty((len(texts), self.card.dimension), np.float32)

        def run(places: NDArray[np.int64]) -> None:
            vectors[places] = self._run([tokens.ids[int(place)] for place in places])

        self._workers.each(run, groups)
        return Encoded(vectors, sum(lengths), tokens.truncated, len(groups), lengths)

    def _lengths(self, texts: list[str]) -> list[int]:
        return [len(ids) for ids in self._tokenizer(texts).ids]

    def close(self) -> None:
        """End the threads."""
        self._workers.close()

    def _run(self, ids: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        """Vectors of one batch: float32 (n, d)."""
        fed = _inputs(ids, self._padding)
        try:
            (made,) = self._session.run([self._output], {name: fed[name] for name in self._inputs})
        except Exception as error:
            raise ModelError(f"{self.card.name}: ONNX Runtime failed on {len(ids)} texts ({error})") from error
        if not self._pool_here:
            return np.asarray(made, np.float32)
        vectors = pooled(np.asarray(made, np.float32), fed["attention_mask"], self.card.pooling)
        return normalised(vectors) if self.card.normalised else vectors


def _inputs(ids: Sequence[NDArray[np.int64]], padding: int) -> dict[str, NDArray[np.int64]]:
    """All inputs a graph may ask for, int64 (n, longest), padded on the right."""
    shape = (len(ids), max(len(each) for each in ids))
    tokens, mask = np.full(shape, padding, np.int64), np.zeros(shape, np.int64)
    for row, each in enumerate(ids):
        tokens[row, : len(each)] = each
        mask[row, : len(each)] = 1
    positions = np.maximum(np.cumsum(mask, axis=1) - 1, 0)
    return {
        "input_ids": tokens,
        "attention_mask": mask,
        "token_type_ids": np.zeros(shape, np.int64),
        "position_ids": positions,
    }


def _output(session: Any, card: ModelCard, graph: Path) -> tuple[str, bool]:
    """(output to take, whether its tokens are still to be pooled).

    Raises:
        ModelError: no output of this dimension.
    """
    outputs = {each.name: each.shape for each in session.get_outputs()}
    name = next((name for name in (*_POOLED, "last_hidden_state") if name in outputs), next(iter(outputs)))
    shape = outputs[name]
    if len(shape) not in (2, 3) or (isinstance(shape[-1], int) and shape[-1] != card.dimension):
        raise ModelError(f"{graph}: its output {name!r} has the shape {shape}, not the dimension {card.dimension}")
    return name, len(shape) == 3
