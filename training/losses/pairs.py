"""RankNet's loss of pairs: how surprising it is that one passage stands above another.

Burges et al., "Learning to rank using gradient descent", ICML 2005, sec. 3: with scores s+ and s- the model says that
the first stands above the second with probability sigmoid(s+ - s-); the loss is minus the logarithm of that. STAR,
ADORE and JPQ all stand on it.

    pair_loss      the mean over pairs
    pair_losses    each pair's
    mean_over      a mean over some of many values, 0 over none

Here is also what all losses of this folder share: dot products that autocast leaves alone, and checks of shapes.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus

from spaniel.retrieval.errors import InvalidInput

__all__ = ["check_relevant", "check_vectors", "dot", "mean_over", "pair_loss", "pair_losses"]


def pair_losses(positive: Tensor, negative: Tensor) -> Tensor:
    """-log sigmoid(positive - negative) of each pair, broadcast; linear, not infinite, where scores are far apart."""
    return softplus(negative - positive)


def pair_loss(positive: Tensor, negative: Tensor) -> Tensor:
    """The mean over pairs of -log sigmoid(s+ - s-).

    Args:
        positive, negative: scores of shapes that broadcast to one another, such as (n,) and (n,), or (b, 1) and (b, m).

    Returns:
        A scalar; log 2 where all scores are equal, 0 without any pair.

    Example:
        >>> round(pair_loss(torch.tensor([2.0]), torch.tensor([0.0])).item(), 4)
        0.1269
    """
    losses = pair_losses(positive, negative)
    return losses.mean() if losses.numel() else losses.sum()


def mean_over(values: Tensor, keep: Tensor) -> Tensor:
    """The mean of the values that are kept, a scalar; 0 where none is.

    Args:
        values: any shape.
        keep: bool, that shape. What is not kept has no gradient, were it infinite.
    """
    return torch.where(keep, values, 0.0).sum() / keep.sum().clamp(min=1)


def dot(query: Tensor, passage: Tensor) -> Tensor:
    """Dot products (b, n) of rows (b, d) and (n, d), in float32 at least, under autocast too.

    Differences of scores decide a ranking, and 8 bits of a bfloat16 cannot tell neighbours in it apart.
    """
    with torch.autocast(device_type=query.device.type, enabled=False):
        left, right = (rows if rows.dtype == torch.float64 else rows.float() for rows in (query, passage))
        return left @ right.T


def check_vectors(where: str, **rows: Tensor) -> None:
    """Raise InvalidInput unless all of these are (n, d), with one d."""
    shapes = {name: tuple(one.shape) for name, one in rows.items()}
    if any(len(shape) != 2 for shape in shapes.values()) or len({shape[1] for shape in shapes.values()}) > 1:
        said = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise InvalidInput(where, f"embeddings have the shapes {said}; each is (rows, dimension), with one dimension")


def check_relevant(where: str, relevant: Tensor | None, shape: tuple[int, int], device: torch.device) -> Tensor:
    """The mask as bool (queries, passages), all False for None.

    Raises:
        InvalidInput: another shape, or values that are not bool.
    """
    if relevant is None:
        return torch.zeros(shape, dtype=torch.bool, device=device)
    if tuple(relevant.shape) != shape or relevant.dtype != torch.bool:
        found = f"{tuple(relevant.shape)} of {relevant.dtype}"
        raise InvalidInput(where, f"relevant is {found}; it is bool, a row a query and a column a passage: {shape}")
    return relevant.to(device)
