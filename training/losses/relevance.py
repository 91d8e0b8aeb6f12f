"""Which passages of a batch answer which of its queries, so that none of them is taken for a negative."""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

__all__ = ["relevance"]


def relevance(positives: Sequence[Collection[int]], passages: Sequence[int]) -> Tensor:
    """The mask that losses over a batch take: bool (queries, passages).

    Args:
        positives: of each query, the ordinals of all passages that answer it, in the batch or not; a mapping or a set.
        passages: ordinals of the batch's passages in the order of their embeddings; one may stand there twice.

    Example:
        >>> relevance([{3}, {5, 9}], [3, 5, 9]).tolist()
        [[True, False, False], [False, True, True]]
    """
    rows = [[passage in answers for passage in passages] for answers in positives]
    return torch.tensor(rows, dtype=torch.bool).reshape(len(positives), len(passages))
