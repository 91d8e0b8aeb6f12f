"""LambdaRank: pairs of one ranking, each weighted by how much a measure changes when the two swap places.

Burges, "From RankNet to LambdaRank to LambdaMART", MSR-TR-2010-82, sec. 4, as the loss that ADORE (Zhan et al., SIGIR
2021) and JPQ (Zhan et al., CIKM 2021) train the query encoder with: candidates are what the index found for the query
as it is encoded now, and positives that it did not find may be appended, ranked last.

    of a query   the mean over pairs (i better than j) of |change(i, j)| * -log sigmoid(s_i - s_j)
    of a batch   the mean over queries

    weight "mrr"    change = 1 / rank_i - 1 / rank_j; better: relevant against not
    weight "ndcg"   change = (grade_i - grade_j) (discount_i - discount_j) / ideal, discount = 1 / log2(1 + rank),
                    linear gains as nDCG is measured here; better: the higher grade
    weight "none"   1: RankNet over the list

Ranks below `cut` are worth nothing, so that a pair counts only if one of both stands above. Weights carry no gradient.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

from spaniel.retrieval.errors import InvalidInput

from .pairs import pair_losses

__all__ = ["Over", "Weight", "ideal_gain", "lambda_rank_loss", "ranks_of"]

Weight = Literal["mrr", "ndcg", "none"]
Over = Literal["pairs", "positives"]


def lambda_rank_loss(
    scores: Tensor,
    grades: Tensor,
    *,
    weight: Weight = "mrr",
    cut: int | None = None,
    scale: float = 1.0,
    mask: Tensor | None = None,
    ranks: Tensor | None = None,
    ideal: Tensor | None = None,
    over: Over = "pairs",
) -> Tensor:
    """The loss of one ranking or of a batch of them, a scalar.

    Args:
        scores: (n,) or (b, n), what the candidates score now; with gradient.
        grades: that shape; above 0 is relevant. Bool will do.
        weight: which measure a swap changes.
        cut: how many ranks the measure sees; all by default. JPQ's are 200 for passages, 10 for documents.
        scale: what scores are multiplied by (sigma); 20 for cosines.
        mask: bool, that shape: False for places that only fill up rows. None: all are candidates.
        ranks: int64 from 1, that shape. None: candidates stand in the order of the ranking, best first and appended
            ones last; what the mask leaves out takes no rank. `ranks_of` makes them where the order is another.
        ideal: (b,) or a scalar, what "ndcg" divides by (`ideal_gain`). None: that of the candidates themselves, which
            is too small where relevant passages are not among them.
        over: what sums are divided by: each query's "pairs", and the mean over queries that have any, as published; or
            "positives", the number of relevant candidates of the whole batch, by which a query with many weighs more.

    Returns:
        0, with a gradient of 0, where no pair is left: nothing relevant, or nothing else.

    Raises:
        InvalidInput: shapes that do not fit, an unknown weight or divisor, a cut below 1, a scale not above 0.

    Cost: b p n values of memory for p relevant candidates at most in a row.

    Example:
        >>> scores = torch.tensor([0.9, 0.5, 0.4])  # in the order of the ranking; the second is relevant
        >>> round(lambda_rank_loss(scores, torch.tensor([0, 1, 0])).item(), 4)  # (.5 * .9130 + .1667 * .6444) / 2
        0.282
    """
    _check(weight, over, cut, scale)
    scores, grades, mask, ranks = _rows(scores, grades, mask, ranks)
    relevant = mask & (grades > 0)
    upper = _places_of(relevant)
    better = _better(grades, relevant, mask, upper, graded=weight == "ndcg")
    scores = torch.where(mask, scores, 0.0) * scale
    losses = pair_losses(scores.gather(1, upper)[:, :, None], scores[:, None, :])
    weights = better.to(losses.dtype)
    if weight != "none":
        # Not a product: a change may be infinite or no number where a pair does not count.
        weights = torch.where(better, _changes(weight, grades, ranks, upper, cut), 0.0)
    if weight == "ndcg":
        least = ideal_gain(grades, cut=cut, mask=mask) if ideal is None else ideal.reshape(-1)
        weights = weights / torch.where(least > 0, least, 1.0)[:, None, None]
    total, n_pairs = (weights * losses).sum(dim=(1, 2)), better.sum(dim=(1, 2))
    if over == "positives":
        return total.sum() / relevant.sum().clamp(min=1)
    return (total / n_pairs.clamp(min=1)).sum() / (n_pairs > 0).sum().clamp(min=1)


def ideal_gain(grades: Tensor, *, cut: int | None = None, mask: Tensor | None = None) -> Tensor:
    """The discounted gain of the best order of these grades, float32 (b,) for grades (b, n), or (1,) for (n,).

    Args:
        grades: of all passages that answer the query, found or not; linear gains, as in nDCG.
        mask: bool, that shape: False for what only fills up rows.
    """
    grades = grades if grades.dim() == 2 else grades[None]
    gains = grades.float() if mask is None else grades.float() * mask.reshape(grades.shape)
    best = gains.clamp(min=0).sort(dim=1, descending=True).values[:, :cut]
    return best @ (1 / torch.log2(torch.arange(2, best.shape[1] + 2, device=best.device, dtype=best.dtype)))


def ranks_of(scores: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """Ranks from 1 by descending score, ties by place: int64, of the shape of the scores, (n,) or (b, n).

    Args:
        mask: bool: False for places that are no candidates; they rank behind all others.
    """
    keyed = scores.detach() if mask is None else scores.detach().masked_fill(~mask, -torch.inf)
    return keyed.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1) + 1


def _check(weight: str, over: str, cut: int | None, scale: float) -> None:
    for name, value, known in (("weight", weight, get_args(Weight)), ("over", over, get_args(Over))):
        if value not in known:
            raise InvalidInput("lambda_rank_loss", f"{name} is {value!r}; it is one of {', '.join(known)}")
    if cut is not None and cut < 1:
        raise InvalidInput("lambda_rank_loss", f"cut is {cut}; it must be at least 1, or None for all ranks")
    if not scale > 0:
        raise InvalidInput("lambda_rank_loss", f"scale is {scale}; it must be above 0")


def _rows(
    scores: Tensor, grades: Tensor, mask: Tensor | None, ranks: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Everything as (b, n): scores in float32 at least, grades in their dtype, mask, ranks."""
    shape = tuple(scores.shape)
    for name, one in (("grades", grades), ("mask", mask), ("ranks", ranks)):
        if one is not None and tuple(one.shape) != shape:
            raise InvalidInput("lambda_rank_loss", f"{name} has the shape {tuple(one.shape)}, scores {shape}")
    if len(shape) not in (1, 2):
        raise InvalidInput("lambda_rank_loss", f"scores have the shape {shape}; it is (n,) or (b, n)")
    wide = scores if len(shape) == 2 else scores[None]
    wide = wide if wide.dtype == torch.float64 else wide.float()
    kept = torch.ones_like(wide, dtype=torch.bool) if mask is None else mask.reshape(wide.shape)
    order = kept.cumsum(dim=1) if ranks is None else ranks.reshape(wide.shape)
    return wide, grades.reshape(wide.shape).to(wide.dtype), kept, order


def _places_of(relevant: Tensor) -> Tensor:
    """Columns of the relevant candidates: int64 (b, p); rows with fewer than p are filled up with others."""
    p = int(relevant.sum(dim=1).max()) if relevant.numel() else 0
    return relevant.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :p]


def _better(grades: Tensor, relevant: Tensor, mask: Tensor, upper: Tensor, *, graded: bool) -> Tensor:
    """Which pairs count: bool (b, p, n), the candidate at `upper` better than the one in the column."""
    known = relevant.gather(1, upper)[:, :, None] & mask[:, None, :]
    if not graded:
        return known & ~relevant[:, None, :]
    return known & (grades.gather(1, upper)[:, :, None] > grades.clamp(min=0)[:, None, :])


def _changes(weight: Weight, grades: Tensor, ranks: Tensor, upper: Tensor, cut: int | None) -> Tensor:
    """How much a measure changes when the two of a pair swap places: (b, p, n), nDCG's before the ideal divides it."""
    worth = (1 / ranks if weight == "mrr" else 1 / torch.log2(1 + ranks)).to(grades.dtype)
    worth = worth if cut is None else torch.where(ranks <= cut, worth, 0.0)
    change = (worth.gather(1, upper)[:, :, None] - worth[:, None, :]).abs()
    if weight == "mrr":
        return change
    gains = grades.clamp(min=0)
    return change * (gains.gather(1, upper)[:, :, None] - gains[:, None, :]).abs()
