"""STAR: pairs pooled over random and hard negatives, those that answer the query left out."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spaniel.retrieval.errors import InvalidInput
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


def test_without_hard_negatives_it_is_the_batch() -> None:
    query, positive = drawn(1, 3, 4), drawn(2, 3, 4)
    none = torch.zeros(0, 4, dtype=torch.float64)
    assert torch.equal(StarLoss()(query, positive), StarLoss()(query, positive, none))


def test_a_positive_that_is_marked_is_no_negative_of_itself() -> None:
    query, positive, hard = drawn(1, 3, 4), drawn(2, 3, 4), drawn(3, 2, 4)
    marked = torch.eye(3, 5, dtype=torch.bool)
    assert torch.equal(StarLoss()(query, positive, hard), StarLoss()(query, positive, hard, marked))


def test_when_all_answer_there_is_nothing_to_learn() -> None:
    query, positive = drawn(1, 3, 4).requires_grad_(), drawn(2, 3, 4)
    loss = StarLoss()(query, positive, None, torch.ones(3, 3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0 and query.grad is not None and not query.grad.any()


def test_relevance_of_repeated_passages() -> None:
    assert relevance([{1, 2}, {2: 1}], [1, 2, 2, 7]).tolist() == [[True, True, True, False], [False, True, True, False]]
    assert relevance([], []).shape == (0, 0) and relevance([{1}], []).shape == (1, 0)


@pytest.mark.parametrize(
    ("positive", "hard", "relevant", "said"),
    [
        (drawn(1, 2, 4), None, None, "3 queries have 2 positives"),
        (drawn(1, 3, 5), None, None, r"positive \(3, 5\)"),
        (drawn(1, 3), None, None, r"positive \(3,\)"),
        (drawn(1, 3, 4), None, torch.ones(3, 4, dtype=torch.bool), r"relevant is \(3, 4\)"),
        (drawn(1, 3, 4), None, torch.ones(3, 3), "torch.float32"),
    ],
)
def test_shapes_are_checked(positive: Tensor, hard: Tensor | None, relevant: Tensor | None, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        StarLoss()(drawn(1, 3, 4), positive, hard, relevant)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan])
def test_a_scale_is_above_0(scale: float) -> None:
    with pytest.raises(InvalidInput, match="scale"):
        StarLoss(scale)
