"""ADORE: the query encoder alone is trained, against an index that stays as it is.

For each batch the queries are encoded as they are now, the index is searched for them as in production, and what it
finds is put in order by the judgements: a LambdaRank loss over (relevant, other) pairs of the list (Zhan et al.,
"Optimizing Dense Retrieval Model Training with Hard Negatives", SIGIR 2021, sec. 5.2). Passages are never encoded, so
that an epoch costs what encoding its queries forwards and backwards does: minutes on a CPU.

What differs from the paper: the index may be of any kind, codes of a bit a dimension too (`training/live.py` says which
vectors stand for its passages); tables of words stay as they are, which takes a seventh off a step; and with weights of
MRR, sums are divided by the relevant passages in the lists of the batch, where published is the mean over a question's
pairs and then over questions, so that here a question with forty answers weighs as much as forty with one. Several sets
train one encoder: each list is of its own index, and each set's loss is divided by its own, so that a set whose
questions have forty answers does not drown one whose questions have one.

What comes out has two towers: the passages' is the start, untouched, so that every index made with the start takes the
trained queries.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from spaniel.models.card import check_same
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.types import JSON
from spaniel.training.examples import Example, TrainingSet, examples_sha256
from spaniel.training.live import LiveIndex
from spaniel.training.losses.lambda_rank import ideal_gain, lambda_rank_loss
from spaniel.training.losses.pairs import dot
from spaniel.training.method import DevScores, Loss, Method
from spaniel.training.output import write_model
from spaniel.training.settings import TrainSettings
from spaniel.training.tower import Tower
from spaniel.training.vectors import vectors_state

from .cached import Column, loss_over

if TYPE_CHECKING:
    from spaniel.models.card import ModelCard

__all__ = ["Adore"]

_TOGETHER = 8
"""Queries encoded in one call, sorted by length: padding costs as much as words."""


class Adore(Method):
    """See the module.

    Args:
        sets: their indexes hold vectors of one model.
        live: the search of each set's index.
        tower: of queries; starts where the passages' vectors come from, or at another query encoder for them.
        settings: `depth`, `append`, `weight`, `cut` and `scale` are ours, the rest is the loop's.
    """

    name = "adore"

    def __init__(
        self, sets: Sequence[TrainingSet], live: Sequence[LiveIndex], tower: Tower, settings: TrainSettings
    ) -> None:
        self._sets, self._live, self._tower, self._settings = list(sets), list(live), tower, settings
        self._train = [[one for one in _inside(each, each.train) if one.positives] for each in sets]
        self._ends = list(accumulate(len(each) for each in self._train))
        for table in tower.modules():
            if isinstance(table, nn.Embedding):
                table.requires_grad_(False)

    @classmethod
    def open(
        cls,
        sets: Sequence[TrainingSet],
        settings: TrainSettings,
        *,
        model: str | None = None,
        vectors: str | None = None,
        offline: bool = False,
    ) -> "Adore":
        """The method with its model loaded.

        Args:
            model: the query encoder to start from, which must be one for the vectors of the indexes; by default the
                one that these were made with, whatever asks the index now.
            vectors: name of the dense part of every index; None for the one added first.

        Raises:
            ModelError: the indexes hold vectors of different models, or of one that cannot be trained here.
            InvalidInput: no such vectors, or a setting out of range.
        """
        live = [LiveIndex(each.index, vectors=vectors, depth=settings.depth, append=settings.append) for each in sets]
        card = _one_card(sets, live)
        longest = min(settings.max_query_length, card.max_length) or None
        device = settings.device
        tower = Tower.open(model or card, kind="query", device=device, max_length=longest, offline=offline)
        check_same(card, tower.card, f"set {sets[0].name!r}", queries=False)
        return cls(sets, live, tower, settings)

    def module(self) -> nn.Module:
        return self._tower

    def n_examples(self) -> int:
        return self._ends[-1]

    def begin_epoch(self, epoch: int) -> None:
        """Nothing: negatives are found in every step."""

    def loss(self, places: Sequence[int], step: int) -> Loss:
        """The mean over the sets, each weighing as many queries as it has in the batch.

        What a set's loss is divided by is known when all its queries have been searched for, so that a batch that does
        not fit is not split, but encoded a few queries at a time (`mini_batch`, cached.py).
        """
        asked = [self._example(place) for place in places]
        texts, size = [example.text for _, example in asked], self._settings.mini_batch
        if not size or len(texts) <= size:
            return self._over_sets(self.encoded(texts), asked)
        column = Column(self._tower, self._tower.ids(texts))
        return loss_over([column], lambda vectors: self._over_sets(vectors[0], asked), size)

    def evaluate(self) -> dict[str, DevScores]:
        """nDCG@10 of production's search; 0 where the index holds nothing that answers."""
        scores = {}
        for each, live in zip(self._sets, self._live, strict=True):
            vectors = self._tower.encode([example.text for example in each.dev])
            scores[each.name] = DevScores(live.ndcg(vectors, _inside(each, each.dev)))
        return scores

    def write(self, out: Path, facts: Mapping[str, Any]) -> None:
        """See `write_model`: the passages' tower is the folder that training started from."""
        write_model(out, passage=self._tower.folder, query=self._tower, **facts)

    def definition(self) -> dict[str, JSON]:
        """The start, and of each set the state of its index and vectors, and a hash over its examples."""
        sets: dict[str, JSON] = {}
        for each, live in zip(self._sets, self._live, strict=True):
            sets[each.name] = {
                "index": each.index.passages.identity,
                "vectors": vectors_state(each.index, live.name),
                "examples": examples_sha256([*each.train, *each.dev]),
                "held_out": len(each.dev),
            }
        return {"model": self._tower.card.sha256, "sets": sets}

    def encoded(self, texts: Sequence[str]) -> Tensor:
        """Vectors of queries with gradients, float32 (n, d), in the order of the texts."""
        ids = self._tower.ids(texts)
        order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        pieces = [order[start : start + _TOGETHER] for start in range(0, len(order), _TOGETHER)]
        made = torch.cat([self._tower(self._tower.padded([ids[place] for place in piece])) for piece in pieces])
        back = torch.empty(len(order), dtype=torch.int64)
        back[torch.tensor(order)] = torch.arange(len(order))
        return made[back.to(made.device)]

    def _over_sets(self, queries: Tensor, asked: Sequence[tuple[int, Example]]) -> Loss:
        """See `loss`; for the vectors of the queries, float32 (b, d)."""
        total, parts = queries.new_zeros(()), {}
        for number, each in enumerate(self._sets):
            mine = [row for row, (owner, _) in enumerate(asked) if owner == number]
            if mine:
                examples = [asked[row][1] for row in mine]
                one = self._list_loss(self._live[number], queries[mine], examples)
                total = total + one * (len(mine) / len(asked))
                parts[each.name] = float(one.detach())
        return Loss(total, parts if len(self._sets) > 1 else {})

    def _list_loss(self, live: LiveIndex, queries: Tensor, examples: Sequence[Example]) -> Tensor:
        """Of the lists that these queries, float32 (b, d), find now."""
        settings = self._settings
        found = live.candidates(queries.detach().cpu().numpy(), examples)
        device = queries.device
        scores = dot(queries, torch.from_numpy(found.vectors).to(device)).gather(
            1, torch.from_numpy(found.rows).to(device)
        )
        ideal = None
        if settings.weight == "ndcg":
            graded = [torch.tensor(live.grades(each)) for each in examples]
            ideal = torch.cat([ideal_gain(grades, cut=settings.cut or None) for grades in graded]).to(device)
        return lambda_rank_loss(
            scores,
            torch.from_numpy(found.grades).to(device),
            weight=settings.weight,
            cut=settings.cut or None,
            scale=settings.scale,
            mask=torch.from_numpy(found.mask).to(device),
            ideal=ideal,
            over="positives" if settings.weight == "mrr" else "pairs",
        )

    def _example(self, place: int) -> tuple[int, Example]:
        """The number of its set, and the example."""
        number = bisect_right(self._ends, place)
        return number, self._train[number][place - (self._ends[number - 1] if number else 0)]


def _inside(owner: TrainingSet, examples: Sequence[Example]) -> list[Example]:
    """The same without what was given as text and is not in the index: nobody finds that there."""
    if not owner.texts:
        return list(examples)
    end = owner.first_extra
    return [replace(each, positives={n: g for n, g in each.positives.items() if n < end}) for each in examples]


def _one_card(sets: Sequence[TrainingSet], live: Sequence[LiveIndex]) -> "ModelCard":
    """The model of all indexes' vectors.

    Raises:
        InvalidInput: no set.
        ModelError: there are several, or nobody here can open it.
    """
    if not sets:
        raise InvalidInput("training sets", "there is none")
    card = live[0].retriever.card
    for each, other in zip(sets[1:], live[1:], strict=True):
        check_same(card, other.retriever.card, f"set {each.name!r}", queries=False)
    if card.runtime in ("vectors", "endpoint"):
        error = ModelError(f"the vectors of {sets[0].name!r} are of {card.name!r}, whose weights are not here")
        error.hint = "training needs the model's folder: spaniel index add-dense INDEX MODEL"
        raise error
    return card
