"""The losses in the form that the trainer of sentence-transformers takes: `SentenceTransformerTrainer(loss=...)`.

Each is made with the model, gets a batch as columns of texts that are tokenised already, encodes them, and hands the
vectors to the loss. What a column is stands at each class. Spaniel's own loop does not use them (ADR 11); they are for
those who train with that library and lack these losses there.

The trainer knows no ordinals. Passages that equal a query's positive, token for token, are taken for the same and are
no negatives of it; a judgement that another passage of the batch answers the query as well is not known here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spaniel.retrieval.errors import InvalidInput

from .bpr import BprLoss
from .lambda_rank import Weight, lambda_rank_loss, ranks_of
from .star import StarLoss

__all__ = ["BprTrainerLoss", "LambdaRankTrainerLoss", "StarTrainerLoss"]

Features = Mapping[str, Any]


class _OverColumns(nn.Module):
    """A loss that encodes its columns with a model; the trainer puts another one in place of `model` where it wraps
    it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def _encoded(self, columns: Sequence[Features]) -> list[Tensor]:
        """Vectors of each column, (b, d)."""
        return [self.model(dict(features))["sentence_embedding"] for features in columns]


class StarTrainerLoss(_OverColumns):
    """`StarLoss` over columns query, positive and any number of negatives; each one is a negative of every query.

    Args:
        scale: of the scores; 20 suits models whose vectors have length 1.
    """

    def __init__(self, model: nn.Module, scale: float = 20.0) -> None:
        super().__init__(model)
        self.loss = StarLoss(scale)

    def forward(self, sentence_features: Iterable[Features], labels: Tensor | None = None) -> Tensor:
        """The loss of a batch; labels have no meaning."""
        columns = _columns("StarTrainerLoss", sentence_features)
        query, positive, *hard = self._encoded(columns)
        loss: Tensor = self.loss(query, positive, torch.cat([positive[:0], *hard]), _equal(columns).to(query.device))
        return loss

    def get_config_dict(self) -> dict[str, Any]:
        """For the model card that the trainer writes."""
        return {"scale": self.loss.scale}


class LambdaRankTrainerLoss(_OverColumns):
    """`lambda_rank_loss` over columns query, passage 1 to n, with a list of n grades as label.

    Ranks are those of the n passages among each other, by their scores now.

    Args:
        weight: "mrr", "ndcg" or "none".
        cut: rank behind which places are worth nothing; None: none.
        scale: of the scores.
    """

    def __init__(
        self, model: nn.Module, *, weight: Weight = "mrr", cut: int | None = None, scale: float = 20.0
    ) -> None:
        super().__init__(model)
        self.weight, self.cut, self.scale = weight, cut, scale

    def forward(self, sentence_features: Iterable[Features], labels: Tensor) -> Tensor:
        """The loss of a batch; labels: grades (b, n)."""
        query, *passages = self._encoded(_columns("LambdaRankTrainerLoss", sentence_features))
        scores = torch.stack([(query.float() * passage.float()).sum(dim=1) for passage in passages], dim=1)
        if tuple(labels.shape) != tuple(scores.shape):
            what = f"labels have the shape {tuple(labels.shape)}"
            raise InvalidInput(
                "LambdaRankTrainerLoss", f"{what}; they are a grade for each passage: {tuple(scores.shape)}"
            )
        return lambda_rank_loss(
            scores, labels.to(scores.device), weight=self.weight, cut=self.cut, scale=self.scale, ranks=ranks_of(scores)
        )

    def get_config_dict(self) -> dict[str, Any]:
        """For the model card that the trainer writes."""
        return {"weight": self.weight, "cut": self.cut, "scale": self.scale}


class BprTrainerLoss(_OverColumns):
    """`BprLoss` over columns query, positive and any number of negatives.

    The model's vectors are what signs are taken of, so that it ends in the layer that hashes (`Dense`, without an
    activation and without normalisation after it). Steps are counted in `n_steps`: forward passes in training. The
    trainer's checkpoints do not keep it; set it before a resume, or the annealing begins anew.

    Args:
        margin, anneal, straight_through, scale: of `BprLoss`.
        accumulate: the trainer's `gradient_accumulation_steps`: so many forward passes are a step.
    """

    n_steps: Tensor

    def __init__(
        self,
        model: nn.Module,
        margin: float = 0.1,
        anneal: float = 0.1,
        straight_through: bool = False,
        *,
        scale: float = 1.0,
        accumulate: int = 1,
    ) -> None:
        super().__init__(model)
        self.loss = BprLoss(margin, anneal, straight_through, scale=scale)
        self.accumulate = accumulate
        self.register_buffer("n_steps", torch.zeros((), dtype=torch.int64))

    def forward(self, sentence_features: Iterable[Features], labels: Tensor | None = None) -> dict[str, Tensor]:
        """Both parts, which the trainer logs and adds up; labels have no meaning."""
        columns = _columns("BprTrainerLoss", sentence_features)
        query, *passages = self._encoded(columns)
        own = torch.arange(len(query), device=query.device)
        relevant = _equal(columns).to(query.device)
        parts = self.loss(query, torch.cat(passages), own, int(self.n_steps) // self.accumulate, relevant)
        if self.training:
            self.n_steps += 1
        return {"dense": parts.dense, "binary": parts.binary}

    def get_config_dict(self) -> dict[str, Any]:
        """For the model card that the trainer writes."""
        loss = self.loss
        settings = {"margin": loss.margin, "anneal": loss.anneal, "straight_through": loss.straight_through}
        return {**settings, "scale": loss.scale}


def _columns(where: str, features: Iterable[Features]) -> list[Features]:
    columns = list(features)
    if len(columns) < 2:
        raise InvalidInput(where, f"{len(columns)} columns of texts; it takes a query and at least one passage")
    return columns


def _equal(columns: Sequence[Features]) -> Tensor:
    """Which passages equal the query's positive: bool (b, passages), by their tokens."""
    passages = [tokens for column in columns[1:] for tokens in _tokens(column)]
    n_queries = len(passages) // (len(columns) - 1)
    rows = [[tokens == own for tokens in passages] for own in passages[:n_queries]]
    return torch.tensor(rows, dtype=torch.bool).reshape(n_queries, len(passages))


def _tokens(column: Features) -> list[tuple[int, ...]]:
    """Token ids of each text, without what fills them up."""
    kept = column["attention_mask"].bool().tolist()
    return [
        tuple(token for token, there in zip(tokens, mask, strict=True) if there)
        for tokens, mask in zip(column["input_ids"].tolist(), kept, strict=True)
    ]
