"""What every loss must do: right gradients, one batch learned by heart, finite for any scores, 0 for no pair."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from spaniel.training.losses import BprLoss, StarLoss, in_batch_loss, lambda_rank_loss, pair_loss

B, D = 4, 12
Over = Callable[[Tensor, Tensor], Tensor]
"""A loss of query vectors (B, D) and passage vectors (2 B, D), the first B of which are the positives."""


def _pairs(query: Tensor, passage: Tensor) -> Tensor:
    return pair_loss((query * passage[:B]).sum(1), (query * passage[B:]).sum(1))


def _star(query: Tensor, passage: Tensor) -> Tensor:
    return StarLoss()(query, passage[:B], passage[B:])


def _lambda(weight: str) -> Over:
    # Grades 2, 1 and 0 in every row; ranks are given, for those of moving scores would jump below a gradient check.
    grades = 2 * torch.eye(B, 2 * B).long() + torch.eye(B, 2 * B).roll(1, 1).long()
    ranks = torch.arange(1, 2 * B + 1).flip(0).expand(B, 2 * B)
    return lambda query, passage: lambda_rank_loss(query @ passage.T, grades, weight=weight, ranks=ranks)  # type: ignore[arg-type]


def _bpr(straight: bool) -> Over:
    loss = BprLoss(0.5, straight_through=straight)
    return lambda query, passage: loss(query, passage, torch.arange(B), 3).total


def _in_batch(query: Tensor, passage: Tensor) -> Tensor:
    return in_batch_loss(query, passage[:B], passage[B:], scale=2.0)


LOSSES: dict[str, Over] = {
    "pairs": _pairs, "star": _star, "mrr": _lambda("mrr"), "ndcg": _lambda("ndcg"), "list": _lambda("none"),
    "in-batch": _in_batch, "bpr": _bpr(False), "straight-through": _bpr(True),
}  # fmt: skip
every_loss = pytest.mark.parametrize("name", LOSSES)


def vectors(seed: int, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(3 * B, D, generator=generator, dtype=torch.float64) * scale
    return rows[:B].clone().requires_grad_(), rows[B:].clone().requires_grad_()


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "straight-through"])
def test_the_gradient_is_that_of_the_value(name: str) -> None:
    assert torch.autograd.gradcheck(LOSSES[name], vectors(1), eps=1e-6, atol=1e-6)


@every_loss
def test_one_batch_is_learned_by_heart(name: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, D))
    words = torch.randn(3 * B, 5)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.02, weight_decay=0.0)
    values = []
    for _ in range(200):
        encoded = model(words)
        loss = LOSSES[name](encoded[:B], encoded[B:])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        values.append(loss.item())
    assert values[-1] < 0.1 * values[0]
    assert_learned(name, *model(words).detach().split((B, 2 * B)))


def assert_learned(name: str, query: Tensor, passage: Tensor) -> None:
    """What a loss compares stands in its order: all passages, a query's own two, or codes."""
    if name in ("bpr", "straight-through"):
        passage = torch.where(passage >= 0, 1.0, -1.0)
    scores = query @ passage.T
    if name == "pairs":
        assert (scores.diagonal() > scores.diagonal(B)).all()
    elif name in ("mrr", "ndcg", "list"):
        wanted = {row: {row, (row + 1) % (2 * B)} for row in range(B)}
        assert {row: set(best.tolist()) for row, best in enumerate(scores.topk(2).indices)} == wanted
    else:
        assert scores.argmax(1).tolist() == list(range(B))


@every_loss
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1e4])
def test_scores_of_any_size_are_finite(name: str, scale: float) -> None:
    query, passage = (rows.detach().float().requires_grad_() for rows in vectors(2, scale))
    loss = LOSSES[name](query, passage)
    loss.backward()
    assert loss.isfinite() and loss >= 0
    assert query.grad is not None and query.grad.isfinite().all()
    assert passage.grad is not None and passage.grad.isfinite().all()


@every_loss
def test_equal_input_gives_equal_bits(name: str) -> None:
    found = []
    for _ in range(2):
        query, passage = vectors(3)
        LOSSES[name](query, passage).backward()
        assert query.grad is not None
        found.append(query.grad)
    assert torch.equal(*found)


@pytest.mark.parametrize("name", ["star", "in-batch", "bpr"])
def test_autocast_leaves_scores_in_float32(name: str) -> None:
    query, passage = (rows.detach().float() for rows in vectors(4))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = LOSSES[name](query, passage)
    assert inside.dtype == torch.float32
    assert inside.item() == pytest.approx(LOSSES[name](query, passage).item(), rel=1e-6)


@every_loss
def test_a_step_against_the_gradient_lowers_it(name: str) -> None:
    query, passage = vectors(5, 0.3)
    loss = LOSSES[name](query, passage)
    loss.backward()
    assert query.grad is not None and query.grad.norm() > 0
    if name != "straight-through":  # whose value has no slope
        assert LOSSES[name](query.detach() - 1e-3 * query.grad, passage.detach()) < loss


@pytest.mark.parametrize("name", ["star", "in-batch", "mrr"])
def test_an_optimiser_can_go_on_where_no_pair_is_left(name: str) -> None:
    query = torch.ones(1, D, requires_grad=True)
    everything = {
        "star": lambda: StarLoss()(query, torch.ones(1, D)),
        "in-batch": lambda: in_batch_loss(query, torch.ones(1, D)),
        "mrr": lambda: lambda_rank_loss((query @ torch.ones(D, 3)), torch.ones(1, 3)),
    }
    loss = everything[name]()
    loss.backward()
    assert loss.item() == 0 and query.grad is not None and not query.grad.any()
