"""STAR: every query against the passages of the whole batch, random ones and hard ones.

Zhan et al., "Optimizing Dense Retrieval Model Training with Hard Negatives", SIGIR 2021. A batch of queries, each with
one positive passage; the hard negatives of all of them stand in the batch too. The positive of each query is compared
with all other queries' positives (random negatives) and with everybody's hard negatives. The loss is RankNet's,
averaged over both kinds of pairs together, so that a kind counts by how many pairs it has. Passages that answer a query
although they stand in the batch for another are no negatives of it.
"""

import torch
from torch import Tensor, nn

from spaniel.retrieval.errors import InvalidInput

from .pairs import check_relevant, check_vectors, dot, mean_over, pair_losses

__all__ = ["StarLoss"]


class StarLoss(nn.Module):
    """RankNet's loss over all pairs of a batch.

    Args:
        scale: of the scores. The paper's vectors have no fixed length and it is 1; cosines need some 20, or their
            differences, below 2, would hardly move the sigmoid.

    Raises:
        InvalidInput: a scale that is not above 0.
    """

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        if not scale > 0:
            raise InvalidInput("StarLoss", f"scale is {scale}; it must be above 0")
        self.scale = scale

    def forward(
        self, query: Tensor, positive: Tensor, hard: Tensor | None = None, relevant: Tensor | None = None
    ) -> Tensor:
        """The mean loss of a batch's pairs, a scalar; 0 where no pair is left.

        Args:
            query, positive: (b, d), a row a query.
            hard: (m, d), hard negatives of all queries, in any order and number; None for none.
            relevant: bool (b, b + m): which passages, positives first and then hard ones, answer the query; its own
                positive need not be marked. None: only that does.

        Raises:
            InvalidInput: shapes that do not fit.

        Cost: b (b + m) d multiplications.
        """
        hard = positive[:0] if hard is None else hard
        check_vectors("StarLoss", query=query, positive=positive, hard=hard)
        if len(query) != len(positive):
            raise InvalidInput("StarLoss", f"{len(query)} queries have {len(positive)} positives; it takes one each")
        scores = self.scale * dot(query, torch.cat([positive, hard]))
        answers = check_relevant("StarLoss", relevant, (len(query), scores.shape[1]), scores.device)
        own = torch.eye(*scores.shape, dtype=torch.bool, device=scores.device)
        return mean_over(pair_losses(scores.diagonal()[:, None], scores), ~(answers | own))
