"""What STAR and training with in-batch negatives share: one encoder for both sides, batches of questions and passages.

A batch has of each question one positive, drawn anew for each epoch, and so many hard negatives, drawn anew too. The
texts are encoded by one encoder with the prompts and cuts of their kind. Passages change with every step, so the index
that training started from is for mining alone, and the result needs an index of its own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from torch import Tensor, nn

from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.types import Query
from spaniel.training.losses import relevance
from spaniel.training.method import DevScores, Loss
from spaniel.training.mining.candidates import searched_depth
from spaniel.training.mining.drawing import living
from spaniel.training.tower import Tower

from .cached import Column, loss_over
from .hard import mined, mining_settings, wanting
from .hard_training import HardTraining
from .nearest import FoundBefore, Nearest
from .pools import DevPool, dev_pool
from .start import Start, start_of

if TYPE_CHECKING:
    from spaniel.training.examples import TrainingSet
    from spaniel.training.settings import TrainSettings

__all__ = ["PairTraining"]

_POOL = 1_500
"""Passages of a dev pool: about a minute of a core for a model of MiniLM's size and 128 tokens."""
_HARD = 20
"""Of what the start finds for a held-out question, how many may stand in the pool."""
_ENCODED_AT_ONCE = 1024


class PairTraining(HardTraining):
    """One encoder, trained on batches of (question, positive, hard negatives).

    Args:
        sets: what is trained on.
        settings: see TrainSettings.
        passage: the start, for passages.
        vectors: name of the indexes' vectors.
    """

    def __init__(
        self, sets: "Sequence[TrainingSet]", settings: "TrainSettings", passage: Tower, *, vectors: str | None = None
    ) -> None:
        query = passage.twin("query", max_length=settings.max_query_length)
        super().__init__(sets, settings, query, vectors)
        self.served, self.query = passage, query
        self.passage = passage.twin("passage", max_length=settings.max_passage_length)
        self._query_ids = self.query.ids([example.text for example in self.questions.examples])
        self._pools = [self._pool(*pair) for pair in zip(self.sets, self._starts, strict=True) if pair[0].dev]

    @classmethod
    def open(
        cls,
        sets: "Sequence[TrainingSet]",
        settings: "TrainSettings",
        *,
        model: str | None = None,
        vectors: str | None = None,
        offline: bool = False,
    ) -> Self:
        """See `training/table.py`.

        Raises:
            ModelError: the start has two towers, of which one encoder cannot be made.
        """
        source = model if model is not None else start_of(sets, vectors)
        tower = Tower.open(source, kind="passage", device=settings.device, offline=offline)
        if tower.card.query_sha256:
            error = ModelError(f"{tower.card.name} has a tower of its own for queries; {cls.name} trains one for both")
            error.hint = "start from the model that its passages are encoded with, or train with adore or bpr"
            raise error
        return cls(sets, settings, tower, vectors=vectors)

    def module(self) -> nn.Module:
        return self.passage

    def begin_epoch(self, epoch: int) -> None:
        super().begin_epoch(epoch)
        every = self.settings.remine_every
        if self.settings.negatives and every and epoch and epoch % every == 0:
            retrievers = [self._as_trained(number) for number in range(len(self.sets))]
            self.hard.fill(mined(self.questions, retrievers, self.settings))

    def loss(self, places: Sequence[int], step: int) -> Loss:
        positives = [self.questions.positive(place, self._epoch) for place in places]
        hard = self.hard_of(places)
        answers = [self.questions.positives(place) for place in places]
        relevant = relevance(answers, positives + hard).to(self.passage.device)
        texts = self.questions.texts(positives + hard)
        columns = [
            Column(self.query, [self._query_ids[place] for place in places]),
            Column(self.passage, self.passage.ids(texts)),
        ]

        def of_vectors(vectors: list[Tensor]) -> Loss:
            query, passage = vectors
            return Loss(self.compared(query, passage[: len(places)], passage[len(places) :], relevant))

        return loss_over(columns, of_vectors, self.settings.mini_batch)

    def compared(self, query: Tensor, positive: Tensor, hard: Tensor, relevant: Tensor) -> Tensor:
        """The method's loss over the vectors of a batch: (b, d), (b, d), (m, d) and bool (b, b + m)."""
        raise NotImplementedError

    def evaluate(self) -> Mapping[str, DevScores]:
        scores = {}
        for number, pool in self._pools_by_set():
            passages = self.passage.encode(self.sets[number].passages(pool.ordinals.tolist()))
            scores[pool.name] = DevScores(pool.ndcg(self.query.encode(pool.questions), passages))
        return scores

    def write(self, out: Path, facts: Mapping[str, Any]) -> None:
        from spaniel.training.output import write_model

        write_model(out, passage=self.served, query=None, codes=None, **facts)

    def _pools_by_set(self) -> list[tuple[int, DevPool]]:
        with_dev = [number for number, each in enumerate(self.sets) if each.dev]
        return list(zip(with_dev, self._pools, strict=True))

    def _pool(self, training_set: "TrainingSet", start: Start) -> DevPool:
        found = start.search([Query(each.id, each.text) for each in training_set.dev], k=_HARD)
        live = living(training_set.index.passages)
        return dev_pool(training_set, found, live, size=_POOL, seed=self.settings.seed)

    def _as_trained(self, number: int) -> FoundBefore:
        """What the encoder ranks first now for the questions of a set that want negatives.

        Cost: encodes every passage of the index, 1024 at a time, unless no question wants any.
        """
        each = self.sets[number]
        asked = [self.questions.examples[place] for place in wanting(self.questions, number)]
        how = mining_settings(self.settings)
        depth = max((searched_depth(example, how) for example in asked), default=0)
        nearest = Nearest(self.query.encode([example.text for example in asked]), depth)
        ordinals = living(each.index.passages) if asked else np.zeros(0, np.int64)
        for start in range(0, len(ordinals), _ENCODED_AT_ONCE):
            piece = ordinals[start : start + _ENCODED_AT_ONCE]
            nearest.add(piece, self.passage.encode(each.passages(piece.tolist())))
        return FoundBefore(asked, nearest, each.index.passages)
