"""A batch encoded a few texts at a time gives every parameter the gradient of the whole batch."""

from collections.abc import Callable

import pytest
import torch

from spaniel.training.examples import TrainingSet
from spaniel.training.settings import settings_for
from spaniel.training.table import open_method

CASES = {
    "star": ("star", {}),
    "in-batch": ("in-batch", {"negatives": 1}),
    "bpr, passages frozen": ("bpr", {"freeze_passages": True}),
    "bpr": ("bpr", {"freeze_passages": False}),
    "bpr, straight through": ("bpr", {"freeze_passages": True, "straight_through": True}),
}


def gradients(data: TrainingSet, name: str, given: dict[str, object], size: int) -> dict[str, torch.Tensor | None]:
    settings = settings_for(name, batch=8, relative_margin=0.0, rank_to=10, mini_batch=size, **given)
    method = open_method([data], settings, offline=True)
    (method.loss(list(range(8)), 3).total * 0.5).backward()
    return {key: value.grad for key, value in method.module().named_parameters() if value.requires_grad}


@pytest.mark.parametrize("case", CASES)
def test_pieces_give_every_parameter_the_gradient_of_the_whole(
    case: str, small_set: Callable[..., TrainingSet]
) -> None:
    name, given = CASES[case]
    whole = gradients(small_set(), name, given, 0)
    pieces = gradients(small_set(), name, given, 3)
    assert whole.keys() == pieces.keys()
    assert any(value is not None for value in whole.values())
    for key, wanted in whole.items():
        found = pieces[key]
        assert (wanted is None) == (found is None), key
        if wanted is not None and found is not None:
            torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-5, msg=lambda said, key=key: f"{key}: {said}")
