"""Softmax over the passages of a batch: the positive of a query against everything else that was encoded anyway.

Known as InfoNCE or multiple negatives ranking (Henderson et al., arXiv 1705.00652, sec. 4.4; DPR, Karpukhin et al.,
EMNLP 2020, sec. 3.2). It equals `MultipleNegativesRankingLoss` of sentence-transformers on vectors of length 1, and
adds what that lacks: passages that answer a query although they stand in the batch for another are left out.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from spaniel.retrieval.errors import InvalidInput

from .pairs import check_relevant, check_vectors, dot

__all__ = ["in_batch_loss", "pooled_loss", "softmax_loss"]


def in_batch_loss(
    query: Tensor,
    positive: Tensor,
    hard: Tensor | None = None,
    relevant: Tensor | None = None,
    *,
    scale: float = 20.0,
) -> Tensor:
    """The mean over queries of -log softmax of their positive among the batch's passages, a scalar.

    Args:
        query, positive: (b, d), a row a query.
        hard: (m, d), hard negatives of all queries, in any order and number; None for none.
        relevant: bool (b, b + m): passages, positives first, that answer the query and are no negatives of it. None:
            only its own positive.
        scale: of the scores, one over the temperature.

    Raises:
        InvalidInput: shapes that do not fit, or a scale that is not above 0.
    """
    hard = positive[:0] if hard is None else hard
    check_vectors("in_batch_loss", query=query, positive=positive, hard=hard)
    if len(query) != len(positive):
        raise InvalidInput("in_batch_loss", f"{len(query)} queries have {len(positive)} positives; it takes one each")
    if not scale > 0:
        raise InvalidInput("in_batch_loss", f"scale is {scale}; it must be above 0")
    scores = scale * dot(query, torch.cat([positive, hard]))
    answers = check_relevant("in_batch_loss", relevant, (len(query), scores.shape[1]), scores.device)
    return softmax_loss(scores, torch.arange(len(query), device=scores.device), answers)


def softmax_loss(scores: Tensor, own: Tensor, relevant: Tensor) -> Tensor:
    """The mean of -log softmax of each row's own column, other relevant columns left out; 0 for no row.

    Args:
        scores: (b, n).
        own: int64 (b,), the column of each row's positive.
        relevant: bool (b, n).
    """
    others = relevant.scatter(1, own[:, None], False)
    kept = scores.masked_fill(others, -torch.inf)
    return cross_entropy(kept, own) if len(kept) else scores.sum()


def pooled_loss(scores: Tensor, relevant: Tensor) -> Tensor:
    """The mean of -log of each row's softmax mass on its relevant columns; 0 for no row.

    Where a query has many answers this asks for one of them, whichever is nearest, in place of one drawn at random: the
    gradient goes to answers by their share of that mass.

    Args:
        scores: (b, n).
        relevant: bool (b, n), at least one in a row.
    """
    mass = scores.masked_fill(~relevant, -torch.inf).logsumexp(dim=1)
    return (scores.logsumexp(dim=1) - mass).mean() if len(scores) else scores.sum()
