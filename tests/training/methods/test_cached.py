"""The gradient of a batch encoded a few texts at a time is that of the whole batch."""

from pathlib import Path

import pytest
import torch

from spaniel.training.method import Loss
from spaniel.training.methods.cached import Column, loss_over
from spaniel.training.tower import Tower

TEXTS = [f"w{n} w{n + 3} " * (n % 4 + 1) for n in range(7)]


@pytest.fixture
def tower(small_start: Path, tmp_path: Path) -> Tower:
    return Tower.open(small_start, kind="passage", cache=tmp_path, offline=True)


def gradients(tower: Tower, size: int, *, empty: bool = False) -> tuple[float, list[torch.Tensor]]:
    query = tower.twin("query")
    columns = [Column(query, query.ids(TEXTS)), Column(tower, tower.ids([] if empty else TEXTS[::-1]))]

    def loss(vectors: list[torch.Tensor]) -> Loss:
        other = vectors[1] if len(vectors[1]) else vectors[0]
        return Loss(torch.logsumexp(vectors[0] @ other.T * 3, dim=1).sum(), {"x": 1.0})

    tower.zero_grad()
    made = loss_over(columns, loss, size)
    assert made.parts == {"x": 1.0}
    (made.total * 2).backward()
    return made.total.item(), [each.grad.clone() for each in tower.parameters() if each.requires_grad]


@pytest.mark.parametrize("size", [1, 3, 7, 50])
@pytest.mark.parametrize("empty", [False, True])
def test_equal_gradients(tower: Tower, size: int, empty: bool) -> None:
    whole, expected = gradients(tower, 0, empty=empty)
    value, found = gradients(tower, size, empty=empty)
    assert value == pytest.approx(whole, rel=1e-5)
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-3, atol=1e-4)


def test_the_second_pass_has_the_first_one_s_autocast(tower: Tower) -> None:
    seen = []
    column = Column(tower, tower.ids(TEXTS))
    real = tower.forward
    tower.forward = lambda features: seen.append(torch.is_autocast_enabled("cpu")) or real(features)  # type: ignore[method-assign]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = loss_over([column], lambda vectors: Loss(vectors[0].sum()), 3)
    made.total.backward()
    assert seen == [True] * 6
