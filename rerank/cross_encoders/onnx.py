"""A cross-encoder on ONNX Runtime: one graph, one tokenizer, one run for each batch of pairs.

The session is shared: threads that call `logits` side by side run their batches at once over the same weights.

Memory: ONNX Runtime's arena keeps what the largest batch took. Without an arena every run asks the system for fresh
pages, which took a fifth of the speed of small batches and two thirds of that of large ones (docs/cross-encoders.md).
So small batches leave the arena as it is, which is then as large as the largest of them; behind a large one the arena
is told to give back what it does not use.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.models.pair_tokens import Pair, PairTokenizer
from spaniel.models.session import Provider, giving_back, open_session
from spaniel.models.text import clean
from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.types import JSON

__all__ = ["OnnxPairModel", "PairFiles", "padded"]

_KEPT_TOKENS = 4096
"""Padding included; a batch with more gives its memory back."""
_TENSORRT_PAIRS = 64
"""Of a run; TensorRT makes its engine for batches up to a size. Not measured."""
_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")


@dataclass(frozen=True, slots=True)
class PairFiles:
    """What a cross-encoder is made of, and how its files are to be read.

    Attributes:
        name: for people.
        sha256: over what decides its scores.
        graph: the .onnx file; it takes input_ids and attention_mask (and token_type_ids, position_ids) and gives
            logits (n, 1) or (n,).
        tokenizer: a tokenizer.json.
        max_length: tokens of a pair.
        query_room: see `PairTokenizer`.
        padding: id of the padding token.
        lower: texts are put into lower case first.
        typed: token types tell query and passage apart; else all are 0.
    """

    name: str
    sha256: str
    graph: Path
    tokenizer: Path
    max_length: int
    query_room: int | None = None
    padding: int = 0
    lower: bool = False
    typed: bool = True


class OnnxPairModel:
    """See `base.PairModel`.

    Args:
        files: graph, tokenizer and what is known of them.
        info: see `PairModel.info`.
        provider: what runs the graph.
        threads: inside one run.
        engines: folder for TensorRT's engines.

    Raises:
        MissingExtra: no onnxruntime.
        ModelError: a file cannot be used, `provider` is not there, or the graph gives more than one number a pair.
    """

    def __init__(
        self,
        files: PairFiles,
        info: Mapping[str, JSON],
        *,
        provider: Provider = "cpu",
        threads: int = 1,
        engines: Path | None = None,
    ) -> None:
        self._files, self.info = files, info
        self._tokenizer = PairTokenizer(
            files.tokenizer, files.max_length, query_room=files.query_room, lower=files.lower, typed=files.typed
        )
        most = (_TENSORRT_PAIRS, files.max_length) if provider == "tensorrt" else None
        self._most = None if most is None else most[0]
        self._session = open_session(
            files.graph, device=provider, threads=threads, inputs=_INPUTS, cache=engines, most=most
        )
        self._giving_back = giving_back() if provider == "cpu" else None
        self._inputs = [each.name for each in self._session.get_inputs()]
        self._output = _output(self._session, files.graph)

    @property
    def name(self) -> str:
        """See `PairModel`."""
        return self._files.name

    @property
    def sha256(self) -> str:
        """See `PairModel`."""
        return self._files.sha256

    @property
    def max_length(self) -> int:
        """See `PairModel`."""
        return self._files.max_length

    def tokenised(self, query: str, passages: Sequence[str], *, max_passage_tokens: int | None = None) -> list[Pair]:
        """See `PairModel.tokenised`."""
        texts = [clean(passage) for passage in passages]
        return self._tokenizer(clean(query), texts, max_passage_tokens=max_passage_tokens)

    def logits(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """See `PairModel.logits`."""
        if not pairs:
            return np.zeros(0, np.float32)
        if self._most is not None and len(pairs) > self._most:
            parts = [pairs[start : start + self._most] for start in range(0, len(pairs), self._most)]
            return np.concatenate([self.logits(part) for part in parts])
        session, fed = self._session, padded(pairs, self._files.padding, self._inputs)
        if session is None:
            raise ModelError(f"{self.name}: closed")
        large = fed["input_ids"].size > _KEPT_TOKENS
        try:
            (made,) = session.run([self._output], fed, self._giving_back if large else None)
        except Exception as error:
            raise ModelError(f"{self.name}: ONNX Runtime failed on {len(pairs)} pairs ({error})") from error
        return checked(np.asarray(made, np.float32), pairs, self.name)

    def close(self) -> None:
        """Let the session go; runs under way end first."""
        self._session = None


def padded(pairs: Sequence[Pair], padding: int, names: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """The inputs of a graph, int64 (n, longest), padded on the right; those of `names`."""
    shape = (len(pairs), max(len(pair) for pair in pairs))
    made = {
        "input_ids": np.full(shape, padding, np.int64),
        "attention_mask": np.zeros(shape, np.int64),
        "token_type_ids": np.zeros(shape, np.int64),
    }
    for row, pair in enumerate(pairs):
        made["input_ids"][row, : len(pair)] = pair.ids
        made["attention_mask"][row, : len(pair)] = 1
        made["token_type_ids"][row, : len(pair)] = pair.types
    if "position_ids" in names:
        made["position_ids"] = np.maximum(np.cumsum(made["attention_mask"], axis=1) - 1, 0)
    return {name: made[name] for name in names}


def checked(made: NDArray[np.float32], pairs: Sequence[Pair], name: str) -> NDArray[np.float32]:
    """float32 (n,) of what a model gave for `pairs`, (n, 1) or (n,).

    Raises:
        ModelError: another shape, or a number that is NaN or infinite.
    """
    if made.shape not in ((len(pairs),), (len(pairs), 1)):
        raise ModelError(f"{name}: scores of shape {made.shape} for {len(pairs)} pairs")
    scores = made.reshape(len(pairs))
    finite = np.isfinite(scores)
    if not finite.all():
        place = int(np.argmin(finite))
        ids = ", ".join(str(token) for token in pairs[place].ids[:8])
        raise ModelError(
            f"{name}: the score of pair {place} of {len(pairs)} is {scores[place]}; "
            f"it has {len(pairs[place])} tokens: {ids}..."
        )
    return scores


def _output(session: Any, graph: Path) -> str:
    """Name of the output with the scores.

    Raises:
        ModelError: it has several numbers a pair.
    """
    outputs = {each.name: each.shape for each in session.get_outputs()}
    name = "logits" if "logits" in outputs else next(iter(outputs))
    shape = outputs[name]
    if len(shape) not in (1, 2) or (len(shape) == 2 and isinstance(shape[1], int) and shape[1] != 1):
        raise ModelError(f"{graph}: its output {name!r} has the shape {shape}; a cross-encoder gives one number a pair")
    return name
