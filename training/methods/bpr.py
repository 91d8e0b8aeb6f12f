"""BPR: an encoder whose passages are codes of a bit a dimension, trained as codes.

Yamada, Asai and Hajishirzi, "Efficient Passage Retrieval with Hashing for Open-domain Question Answering", ACL 2021.
Both towers get a hash layer, x W + b for passages and q W for questions, started from iterative quantisation of the
index's own vectors (hash_start.py). A passage's code is the signs of what its layer gives; a sign has no slope, so
training takes an annealed tanh or the straight-through gradient in its place, with a cross-entropy of questions against
codes and a margin between codes (`training/losses/bpr.py`).

With `freeze_passages` the passages' encoder stays as it is and its vectors are read from the index: what trains is the
questions' encoder and both hash layers, minutes on a CPU, and any number of hard negatives costs nothing. Without, both
encoders train, as published.

What comes out has two towers with the hash layers inside their graphs, and says that its codes are signs, so that
`--dense OUT --store binary` searches what was trained. Dev goes by the codes and factors that such an index holds.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spaniel.index.dense.of_index import chosen_name
from spaniel.models.card import check_same
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Query
from spaniel.training.live import Reconstructions
from spaniel.training.losses import BprLoss, relevance
from spaniel.training.method import DevScores, Loss
from spaniel.training.mining.drawing import living
from spaniel.training.tower import Tower

from .cached import Column, loss_over
from .hard_training import HardTraining
from .hash_start import codes_stand_for, hash_start
from .pools import DevPool, dev_pool
from .start import Start, start_of

if TYPE_CHECKING:
    from spaniel.training.examples import TrainingSet
    from spaniel.training.settings import TrainSettings

__all__ = ["Bpr"]

_POOL, _FROZEN_POOL = 1_500, 50_000
"""Passages of a dev pool: where they are encoded at every evaluation, and where their vectors are at hand."""
_HARD = 100
_FIT_ROWS = 20_000


class Bpr(HardTraining):
    """See the module.

    Args:
        sets: their indexes hold float or int8 vectors of the start, or codes with such vectors beside them.
        settings: see TrainSettings.
        query, passage: the start's towers, each for itself; they get their hash layers here.
        vectors: name of the indexes' vectors.
    """

    name = "bpr"

    def __init__(
        self,
        sets: "Sequence[TrainingSet]",
        settings: "TrainSettings",
        query: Tower,
        passage: Tower,
        *,
        vectors: str | None = None,
    ) -> None:
        super().__init__(sets, settings, query.twin("query", max_length=settings.max_query_length), vectors)
        self._dimension, self._extra = query.dimension, dict[int, NDArray[np.float32]]()
        self._vectors = [Reconstructions(each.index.dense(vectors)) for each in self.sets]
        self._live = [living(each.index.passages) for each in self.sets]
        self._pools = [self._pool(number, start) for number, start in enumerate(self._starts)]
        self._add_hash(query, passage)
        self.served_query, self.served_passage = query, passage
        self.query = query.twin("query", max_length=settings.max_query_length)
        self.passage = passage.twin("passage", max_length=settings.max_passage_length)
        self._query_ids = self.query.ids([example.text for example in self.questions.examples])
        self._module = self._what_trains()

    @classmethod
    def open(
        cls,
        sets: "Sequence[TrainingSet]",
        settings: "TrainSettings",
        *,
        model: str | None = None,
        vectors: str | None = None,
        offline: bool = False,
    ) -> "Bpr":
        """See `training/table.py`; `model` is the query encoder to start from, by default that of the index.

        Raises:
            ModelError: it is not for the indexes' vectors.
            InvalidInput: the indexes hold no vectors, or those of different models, or only what their codes say.
        """
        card = start_of(sets, vectors)
        _check_stores(sets, vectors)
        query = Tower.open(model or card, kind="query", device=settings.device, offline=offline)
        check_same(card, query.card, f"set {sets[0].name!r}", queries=False)
        passage = Tower.open(card, kind="passage", device=settings.device, offline=offline)
        return cls(sets, settings, query, passage, vectors=vectors)

    def module(self) -> nn.Module:
        return self._module

    def loss(self, places: Sequence[int], step: int) -> Loss:
        positives = [self.questions.some_positives(place, self._epoch, self.settings.positives) for place in places]
        keys = list(dict.fromkeys([*(key for each in positives for key in each), *self.hard_of(places)]))
        own = torch.tensor([keys.index(each[0]) for each in positives], device=self.query.device)
        relevant = relevance([self.questions.positives(place) for place in places], keys).to(own.device)
        columns = [Column(self.query, [self._query_ids[place] for place in places])]
        if not self.settings.freeze_passages:
            columns.append(Column(self.passage, self.passage.ids(self.questions.texts(keys))))

        def of_vectors(vectors: list[Tensor]) -> Loss:
            passage = vectors[1] if len(vectors) > 1 else self._hashed(keys)
            parts = self._loss(vectors[0], passage, own, step, relevant)
            return Loss(parts.total, {"dense": parts.dense.item(), "binary": parts.binary.item()})

        return loss_over(columns, of_vectors, self.settings.mini_batch)

    def evaluate(self) -> Mapping[str, DevScores]:
        scores = {}
        for number, pool in enumerate(self._pools):
            if pool.examples:
                stood_for = codes_stand_for(self._pool_hashed(number, pool))
                scores[pool.name] = DevScores(pool.ndcg(self.query.encode(pool.questions), stood_for))
        return scores

    def write(self, out: Path, facts: Mapping[str, Any]) -> None:
        from spaniel.training.output import write_model

        write_model(out, passage=self.served_passage, query=self.served_query, codes="sign", **facts)

    def _pool(self, number: int, start: Start) -> DevPool:
        each = self.sets[number]
        size = _FROZEN_POOL if self.settings.freeze_passages else _POOL
        found = start.search([Query(one.id, one.text) for one in each.dev], k=_HARD)
        return dev_pool(each, found, self._live[number], size=size, seed=self.settings.seed)

    def _add_hash(self, query: Tower, passage: Tower) -> None:
        """Give both towers their layers, and set the loss to the length that the start's questions then have."""
        if self.settings.freeze_passages:
            for number, each in enumerate(self.sets):
                self._extra[number] = passage.encode(list(each.texts))
        start = hash_start(self._sample(), bits=self.settings.bits, seed=self.settings.seed)
        passage.add_hash(start.weight, start.bias)
        query.add_hash(start.weight, None)
        reach = start.stretch * float(start.weight.shape[1]) ** 0.5
        settings = self.settings
        factor = settings.scale / reach
        # Scores of the first term carry a factor, as cosines need one; with it on the second too, the terms weigh
        # against one another as they do in the paper, where neither has any.
        self._loss = BprLoss(
            settings.margin, settings.anneal, settings.straight_through, scale=factor,
            binary_scale=factor * settings.binary_weight, pooled=settings.positives > 1,
        )  # fmt: skip

    def _sample(self) -> NDArray[np.float32]:
        """Vectors to fit the start on, float32 (n, d), as many of each index as there may be in all over the sets."""
        share = _FIT_ROWS // len(self.sets)
        draws = np.random.default_rng(self.settings.seed)
        chosen = [
            np.sort(draws.choice(live, share, replace=False)) if len(live) > share else live for live in self._live
        ]
        return np.concatenate([self._vectors[number].of(rows) for number, rows in enumerate(chosen)])

    def _what_trains(self) -> nn.ModuleDict:
        """The questions' tower and what trains of the passages'. Tables of words stay as they are, as in ADORE."""
        for tower in (self.query, self.passage):
            for table in tower.modules():
                if isinstance(table, nn.Embedding):
                    table.requires_grad_(False)
        passage = self.passage.layers[-1] if self.settings.freeze_passages else self.passage
        return nn.ModuleDict({"query": self.query, "passage": passage})

    def _hashed(self, keys: Sequence[int]) -> Tensor:
        """What the hash layer gives for passages whose vectors are at hand: (n, D), with its gradient."""
        rows = np.empty((len(keys), self._dimension), np.float32)
        for number, places in self.questions.of_set(keys).items():
            rows[places] = self._known(number, self.questions.ordinals([keys[place] for place in places]))
        return self._layer(torch.from_numpy(rows))

    def _layer(self, rows: Tensor) -> Tensor:
        made = self.passage.layers[-1]({"sentence_embedding": rows.to(self.passage.device)})
        vectors: Tensor = made["sentence_embedding"]
        return vectors

    def _known(self, number: int, ordinals: NDArray[np.int64]) -> NDArray[np.float32]:
        """The start's vectors of passages of a set, those of the index and those that are only texts."""
        extra = self.sets[number].first_extra if len(self.sets[number].texts) else np.iinfo(np.int64).max
        rows = np.empty((len(ordinals), self._dimension), np.float32)
        stored = ordinals < extra
        rows[stored] = self._vectors[number].of(ordinals[stored])
        if not stored.all():
            rows[~stored] = self._extra[number][ordinals[~stored] - extra]
        return rows

    def _pool_hashed(self, number: int, pool: DevPool) -> NDArray[np.float32]:
        """What the passages' tower gives for a pool, float32 (n, D)."""
        if not self.settings.freeze_passages:
            return self.passage.encode(self.sets[number].passages(pool.ordinals.tolist()))
        with torch.inference_mode():
            return self._layer(torch.from_numpy(self._known(number, pool.ordinals))).cpu().numpy()


def _check_stores(sets: "Sequence[TrainingSet]", vectors: str | None) -> None:
    """That every index holds vectors, from which hash layers can be started.

    Raises:
        InvalidInput: one keeps codes alone.
    """
    for each in sets:
        known = each.index.settings.dense
        store = known[chosen_name(known, vectors)].store
        if store.kind == "binary" and store.rescore == "none":
            reason = f"the index of {each.name} keeps codes without the vectors they were made from"
            raise InvalidInput("bpr", reason, hint="start from an index with --rescore int8, or --store float16")
