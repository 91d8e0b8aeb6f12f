"""In-batch training: every question's passage against those of the other questions of its batch.

What DPR (Karpukhin et al., EMNLP 2020, sec. 3.2) and sentence-transformers' `MultipleNegativesRankingLoss` do: a
softmax over the batch's passages. With `negatives` above 0 hard ones stand in it too, those of all questions. A larger
batch has more negatives and so more to learn from; `mini_batch` bounds the memory that it takes (cached.py).
"""

from torch import Tensor

from spaniel.training.losses import in_batch_loss

from .pair_training import PairTraining

__all__ = ["InBatch"]


class InBatch(PairTraining):
    """Softmax over the batch's passages; see `PairTraining`."""

    name = "in-batch"

    def compared(self, query: Tensor, positive: Tensor, hard: Tensor, relevant: Tensor) -> Tensor:
        return in_batch_loss(query, positive, hard, relevant, scale=self.settings.scale)
