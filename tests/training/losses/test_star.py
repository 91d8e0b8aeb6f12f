"""STAR: pairs pooled over random and hard negatives, those that answer the query left out."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spaniel.training.losses import StarLoss, relevance


def drawn(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def slow(query: Tensor, positive: Tensor, hard: Tensor, relevant: Tensor, scale: float) -> float:
    """Pair by pair, in Python's floats."""
    passages = [row.tolist() for row in (*positive, *hard)]
    total, n = 0.0, 0
    for i, q in enumerate(query.tolist()):
        scores = [scale * sum(a * b for a, b in zip(q, p, strict=True)) for p in passages]
        for j, score in enumerate(scores):
            if j != i and not relevant[i, j]:
                total, n = total + math.log1p(math.exp(score - scores[i])), n + 1
    return total / n if n else 0.0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5), st.integers(0, 6), st.integers(0, 1000), st.floats(0, 1))
def test_it_is_the_mean_over_pairs(b: int, m: int, seed: int, share: float) -> None:
    query, positive, hard = drawn(seed, b, 3), drawn(seed + 1, b, 3), drawn(seed + 2, m, 3)
    relevant = torch.rand(b, b + m, generator=torch.Generator().manual_seed(seed)) < share
    found = StarLoss(1.5)(query, positive, hard, relevant)
    assert found.item() == pytest.approx(slow(query, positive, hard, relevant, 1.5), abs=1e-12)


def test_by_hand() -> None:
    # One dimension: queries 1 and 2, positives 1 and 0, one hard negative 2. Scores: 1 0 2 and 2 0 4.
    query, positive, hard = torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [0.0]]), torch.tensor([[2.0]])
    pairs = [math.log1p(math.exp(x)) for x in (0 - 1, 2 - 1, 2 - 0, 4 - 0)]
    assert StarLoss()(query, positive, hard).item() == pytest.approx(sum(pairs) / 4)
    # The second answers the first query as well: three pairs are left.
    relevant = relevance([{7, 8}, {8}], [7, 8, 9])
    assert StarLoss()(query, positive, hard, relevant).item() == pytest.approx(sum(pairs[1:]) / 3)
