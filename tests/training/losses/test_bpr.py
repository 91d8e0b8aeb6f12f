"""BPR: codes with a gradient, cross-entropy on them, margins between them."""

import math

import pytest
import torch

from spaniel.training.losses import BprLoss, hash_codes


def test_by_hand() -> None:
    query, passage = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    parts = BprLoss(0.5, straight_through=True)(query, passage, torch.tensor([0]), 0)
    assert parts.dense.item() == pytest.approx(math.log1p(math.exp(3 - 1)))  # 2 * 1 - 1 against 2 * 1 + 1
    assert parts.binary.item() == pytest.approx(0.5 - 0 + 2)  # codes of the query: + -
    assert parts.total.item() == pytest.approx(parts.dense.item() + parts.binary.item())


def test_codes_become_signs() -> None:
    x = torch.tensor([0.5, -0.5])
    assert hash_codes(x, 0).tolist() == pytest.approx([math.tanh(0.5), -math.tanh(0.5)])
    assert hash_codes(x, 240).tolist() == pytest.approx([math.tanh(2.5), -math.tanh(2.5)])
