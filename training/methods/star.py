"""STAR: stable training with static hard negatives and the random ones of the batch.

Zhan et al., "Optimizing Dense Retrieval Model Training with Hard Negatives", SIGIR 2021, sec. 5.1. Each question of a
batch comes with one passage that answers it and, drawn from what the start ranks first, one that does not. The loss is
RankNet's over all pairs: the question's positive against all other questions' positives, which are as good as random,
and against all hard negatives of the batch. Random ones keep the model stable far from the question, where hard ones
alone would let it slip; hard ones decide the first ranks.

Differences from the paper: vectors have length 1 and scores a factor; hard negatives that nearly equal the positive's
score may be left out; the model may mine anew between epochs.
"""

from typing import TYPE_CHECKING, Any

from torch import Tensor

from spaniel.training.losses import StarLoss

from .pair_training import PairTraining

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spaniel.training.examples import TrainingSet
    from spaniel.training.settings import TrainSettings
    from spaniel.training.tower import Tower

__all__ = ["Star"]


class Star(PairTraining):
    """RankNet's loss over random and hard negatives; see `PairTraining`."""

    name = "star"

    def __init__(
        self, sets: "Sequence[TrainingSet]", settings: "TrainSettings", passage: "Tower", **options: Any
    ) -> None:
        super().__init__(sets, settings, passage, **options)
        self._loss = StarLoss(settings.scale)

    def compared(self, query: Tensor, positive: Tensor, hard: Tensor, relevant: Tensor) -> Tensor:
        found: Tensor = self._loss(query, positive, hard, relevant)
        return found
