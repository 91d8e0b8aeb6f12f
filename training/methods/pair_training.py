"""What STAR and training with in-batch negatives share: one encoder for both sides, batches of questions and passages.

A batch has of each question one positive, drawn anew for each epoch, and so many hard negatives, drawn anew too. The
texts are encoded by one encoder with the prompts and cuts of their kind. Passages change with every step, so the index
that training started from is for mining alone, and the result needs an index of its own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.types import JSON
from spaniel.training.losses import relevance
from spaniel.training.method import DevScores, Loss, Method
from spaniel.training.mining.drawing import living
from spaniel.training.tower import Tower

from .cached import Column, loss_over
from .hard import HardNegatives, best_rows, depth_for, kept_negatives, mined
from .pools import DevPool, dev_pool
from .questions import Questions
from .start import Start, data_of, start_of

if TYPE_CHECKING:
    from spaniel.training.examples import TrainingSet
    from spaniel.training.settings import TrainSettings

__all__ = ["PairTraining"]

_POOL = 1_500
"""Passages of a dev pool: about a minute of a core for a model of MiniLM's size and 128 tokens."""
_HARD = 20
"""Of what the start finds for a held-out question, how many may stand in the pool."""


class PairTraining(Method):
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
        self.sets, self.settings, self.served = list(sets), settings, passage
        self.query = passage.twin("query", max_length=settings.max_query_length)
        self.passage = passage.twin("passage", max_length=settings.max_passage_length)
        self.questions = Questions(self.sets, settings.seed)
        self._query_ids = self.query.ids([example.text for example in self.questions.examples])
        self._starts = [Start(each, self.query, vectors) for each in self.sets]
        self._epoch, self.hard = 0, HardNegatives(len(self.questions))
        self.hard.fill(mined(self.questions, self._starts, settings))
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

    def n_examples(self) -> int:
        return len(self.questions)

    def begin_epoch(self, epoch: int) -> None:
        self._epoch = epoch
        if self.settings.remine_every and epoch and epoch % self.settings.remine_every == 0:
            self._mine_anew()

    def state(self) -> Mapping[str, NDArray[Any]]:
        return {"hard": self.hard.table} if self.settings.remine_every else {}

    def restore(self, epoch: int, state: Mapping[str, NDArray[Any]]) -> None:
        self._epoch = epoch
        if "hard" in state:
            self.hard.table = np.asarray(state["hard"], np.int64)

    def loss(self, places: Sequence[int], step: int) -> Loss:
        draws = [self.questions.draws(place, self._epoch, 1) for place in places]
        positives = [self.questions.positive(place, self._epoch) for place in places]
        each = [self.hard.drawn(place, self.settings.negatives, own) for place, own in zip(places, draws, strict=True)]
        hard = list(dict.fromkeys(key for drawn in each for key in drawn))
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
            scores[pool.name] = DevScores(pool.ndcg(self.query.encode(pool.questions) @ passages.T))
        return scores

    def write(self, out: Path, facts: Mapping[str, Any]) -> None:
        from spaniel.training.output import write_model

        write_model(out, passage=self.served, query=None, codes=None, **facts)

    def definition(self) -> Mapping[str, JSON]:
        return data_of(self.sets)

    def _pools_by_set(self) -> list[tuple[int, DevPool]]:
        with_dev = [number for number, each in enumerate(self.sets) if each.dev]
        return list(zip(with_dev, self._pools, strict=True))

    def _pool(self, training_set: "TrainingSet", start: Start) -> DevPool:
        found = start.find(training_set.dev, _HARD)
        live = living(training_set.index.passages)
        return dev_pool(training_set, found, live, size=_POOL, seed=self.settings.seed)

    def _mine_anew(self) -> None:
        """Hard negatives as the encoder ranks them now; encodes every passage of the indexes."""
        found: list[list[int]] = [[] for _ in range(len(self.questions))]
        for number, each in enumerate(self.sets):
            ordinals = living(each.index.passages)
            rows = self._encoded(each, ordinals)
            places = self.questions.places_of(number)
            examples = [self.questions.examples[place] for place in places]
            queries = self.query.encode([example.text for example in examples])
            best, scores = best_rows(queries, rows, depth_for(examples, self.settings))
            for place, example, row, score in zip(places, examples, ordinals[best], scores, strict=True):
                answers = np.isin(row, np.fromiter(example.positives, np.int64))
                positive = float(score[answers].max()) if answers.any() else None
                kept = kept_negatives(example, row, score, positive, self.settings)
                found[place] = self.questions.keys(place, kept)
        self.hard.fill(found)

    def _encoded(self, training_set: "TrainingSet", ordinals: NDArray[np.int64]) -> NDArray[np.float32]:
        pieces = [ordinals[start : start + 1024] for start in range(0, len(ordinals), 1024)]
        made = [self.passage.encode(training_set.passages(piece.tolist())) for piece in pieces]
        return np.concatenate([np.zeros((0, self.passage.dimension), np.float32), *made])
