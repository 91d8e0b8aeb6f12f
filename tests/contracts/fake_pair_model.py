"""A cross-encoder that needs no file: words are tokens, a pair's score is a number hashed from it."""

import hashlib
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import numpy as np
from numpy.typing import NDArray

from spaniel.rerank.cross_encoders.base import Pair
from spaniel.rerank.serve.engine import Engine
from spaniel.rerank.serve.limits import Limits
from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.types import JSON

__all__ = ["FakePairModel", "fake_score", "serving"]


class FakePairModel:
    """A pair has as many tokens as its texts have words, and three special ones.

    Attributes:
        ran: lengths of the pairs of each batch, in the order they were run.
        running: tests wait on it for a batch to have begun.
        gate: tests clear it to hold every batch, and set it to let them go on.
        poison: a pair that has this word makes `logits` raise ModelError.
        closed: `close` was called.
    """

    def __init__(self, name: str = "fake", *, seed: int = 0, max_length: int = 512, poison: str = "poison") -> None:
        self.name, self.seed, self.max_length, self.poison = name, seed, max_length, poison
        self.sha256 = hashlib.sha256(f"{name} {seed}".encode()).hexdigest()
        self.ran: list[list[int]] = []
        self.running, self.gate, self.closed = threading.Event(), threading.Event(), False
        self.gate.set()

    @property
    def info(self) -> Mapping[str, JSON]:
        return {"architecture": "fake"}

    def tokenised(self, query: str, passages: Sequence[str], *, max_passage_tokens: int | None = None) -> list[Pair]:
        return [self._pair(query, passage, max_passage_tokens) for passage in passages]

    def logits(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        if self.closed:
            raise ModelError(f"{self.name}: used after it was closed")
        self.ran.append([len(pair) for pair in pairs])
        self.running.set()
        if not self.gate.wait(60):
            raise TimeoutError("the test forgot to open the gate")
        bad = _word(self.poison)
        if any((pair.ids == bad).any() for pair in pairs):
            raise ModelError(f"{self.name}: poisoned")
        return np.array([self._score(pair.ids) for pair in pairs], np.float32)

    def close(self) -> None:
        self.closed = True

    def _pair(self, query: str, passage: str, most: int | None = None) -> Pair:
        whole, told = query.split(), passage.split()
        asked = whole[: self.max_length - 4]
        room = min(self.max_length - 3 - len(asked), most or self.max_length)
        ids = [1, *map(_word, asked), 2, *map(_word, told[:room]), 2]
        types = [0] * (len(asked) + 2) + [1] * (len(ids) - len(asked) - 2)
        return Pair(np.array(ids, np.int64), np.array(types, np.int64), len(told) > room, len(asked) < len(whole))

    def _score(self, ids: NDArray[np.int64]) -> float:
        digest = hashlib.sha256(f"{self.seed}".encode() + ids.tobytes()).digest()
        return int.from_bytes(digest[:4], "little") / 2**31 - 1


def fake_score(model: FakePairModel, query: str, passage: str) -> float:
    """What the model alone gives this pair."""
    return float(np.float32(model._score(model._pair(query, passage).ids)))


@asynccontextmanager
async def serving(*models: FakePairModel, limits: Limits | None = None, workers: int = 1) -> AsyncIterator[Engine]:
    """An engine that has started with the first model; each reload takes the next. Drained at the end."""
    coming = iter(models)
    engine = Engine(lambda name: next(coming), limits=limits, workers=workers)
    await engine.start()
    for model in models:
        model.ran.clear()
        model.running.clear()
    try:
        yield engine
    finally:
        for model in models:
            model.gate.set()
        await engine.drain(60)


def _word(word: str) -> int:
    return 3 + int.from_bytes(hashlib.sha256(word.encode(errors="replace")).digest()[:4], "little")
