"""Softmax over the batch: sentence-transformers' loss, and false negatives left out of it."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from spaniel.retrieval.errors import InvalidInput
from spaniel.training.losses import in_batch_loss


def slow(query: Tensor, passages: Tensor, relevant: Tensor, scale: float) -> float:
    total = 0.0
    for i, q in enumerate(query.tolist()):
        scores = [scale * sum(a * b for a, b in zip(q, p, strict=True)) for p in passages.tolist()]
        kept = sum(math.exp(score - scores[i]) for j, score in enumerate(scores) if j == i or not relevant[i, j])
        total += math.log(kept)
    return total / len(query) if len(query) else 0.0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 1000), st.floats(0, 1))
def test_it_is_the_softmax(b: int, m: int, seed: int, share: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    query, positive, hard = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (b, b, m))
    relevant = torch.rand(b, b + m, generator=generator) < share
    found = in_batch_loss(query, positive, hard, relevant, scale=1.5)
    assert found.item() == pytest.approx(slow(query, torch.cat([positive, hard]), relevant, 1.5), abs=1e-9)


def test_by_hand() -> None:
    query, positive = torch.tensor([[1.0], [-1.0]]), torch.tensor([[1.0], [0.0]])
    first, second = math.log(1 + math.exp(-1)), math.log(1 + math.exp(-1))
    assert in_batch_loss(query, positive, scale=1.0).item() == pytest.approx((first + second) / 2)
    only = torch.tensor([[True, True], [False, True]])  # the second answers the first query too
    assert in_batch_loss(query, positive, None, only, scale=1.0).item() == pytest.approx(second / 2)


@pytest.mark.parametrize("m", [0, 4])
def test_it_equals_sentence_transformers(m: int) -> None:
    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    theirs = losses.MultipleNegativesRankingLoss(torch.nn.Identity(), scale=20.0)
    rows = [normalize(torch.randn(n, 8, generator=torch.Generator().manual_seed(n)), dim=1) for n in (4, 4, 4)]
    query, positive, hard = (one.clone().requires_grad_() for one in rows)
    columns = [query, positive] + ([hard] if m else [])
    expected = theirs.compute_loss_from_embeddings(columns, torch.zeros(4))
    found = in_batch_loss(query, positive, hard if m else None)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-6)
    ours, other = (torch.autograd.grad(loss, query)[0] for loss in (found, expected))
    # Theirs takes cosines, whose gradient has no part along the vector itself.
    along = (ours * query).sum(1, keepdim=True) * query
    assert torch.allclose(ours - along, other, atol=1e-5)


def test_shapes_are_checked() -> None:
    with pytest.raises(InvalidInput, match="3 queries have 2 positives"):
        in_batch_loss(torch.zeros(3, 2), torch.zeros(2, 2))
    with pytest.raises(InvalidInput, match="scale"):
        in_batch_loss(torch.zeros(1, 2), torch.zeros(1, 2), scale=0.0)
