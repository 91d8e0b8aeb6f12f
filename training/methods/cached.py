"""Large batches in little memory: the loss of a whole batch, its gradient a few texts at a time.

Every query is compared with every passage of its batch, or its loss divided by what all of them found, so a batch
cannot be split; but what takes memory is not the comparison, it is the activations of the encoder. Gao et al., "Scaling
Deep Contrastive Learning Batch Size under Memory Limited Setup", RepL4NLP 2021 (GradCache): encode everything without a
graph, take the gradient of the loss with respect to the vectors, then encode again, a few texts at a time with a graph,
and send that gradient through. Memory is that of one piece, and the price one more forward pass, a third of the time.

Towers are in evaluation mode, so that the second pass gives the vectors of the first, and no state of random numbers
has to be kept between them. The gradient equals that of the whole batch, up to the order of additions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spaniel.training.method import Loss

if TYPE_CHECKING:
    from spaniel.training.tower import Tower

__all__ = ["Column", "loss_over"]

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Column:
    """What one tower encodes of a batch: the tower, and the token ids of each text."""

    tower: "Tower"
    ids: Sequence[Ids]

    def pieces(self, size: int) -> list[list[int]]:
        """Places of the texts, so many a piece (0: all), texts of like length together."""
        order = sorted(range(len(self.ids)), key=lambda place: len(self.ids[place]))
        size = size or max(len(order), 1)
        return [order[start : start + size] for start in range(0, len(order), size)]

    def encoded(self, places: Sequence[int]) -> Tensor:
        """Vectors of these texts, (len(places), d)."""
        vectors: Tensor = self.tower(self.tower.padded([self.ids[place] for place in places]))
        return vectors


def loss_over(columns: Sequence[Column], loss: Callable[[list[Tensor]], Loss], size: int) -> Loss:
    """The loss of a batch, ready for `backward`.

    Args:
        columns: what is encoded; those without a text have vectors of shape (0, d).
        loss: of the columns' vectors, float32 (n, d), in the order of the texts.
        size: texts a piece, of which alone activations are held at a time; 0 to hold those of all.
    """
    if not size or all(len(column.ids) <= size for column in columns):
        return loss([_whole(column, column.pieces(size)) for column in columns])
    with torch.no_grad():
        leaves = [_whole(column, column.pieces(size)) for column in columns]
    leaves = [leaf.detach().requires_grad_() for leaf in leaves]
    with torch.enable_grad():
        made = loss(leaves)
    anchor = torch.zeros((), device=made.total.device, requires_grad=True)
    work = _Work(made.total, list(zip(columns, leaves, strict=True)), size, _autocast(made.total.device.type))
    total: Tensor = _SentThrough.apply(anchor, work)  # type: ignore[no-untyped-call]
    return Loss(total, made.parts)


def _whole(column: Column, pieces: Sequence[Sequence[int]]) -> Tensor:
    if not pieces:
        return torch.zeros(0, column.tower.dimension, device=column.tower.device)
    places = torch.tensor([place for piece in pieces for place in piece])
    made = torch.cat([column.encoded(piece) for piece in pieces])
    return made[torch.argsort(places).to(made.device)]


def _autocast(device: str) -> Callable[[], Any]:
    """What puts the second pass under the autocast that the first was made under; backward runs outside of it."""
    enabled, dtype = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    return lambda: torch.autocast(device, dtype=dtype, enabled=enabled)


@dataclass(frozen=True, slots=True)
class _Work:
    """What the backward pass needs.

    Attributes:
        total: the loss, with a graph that ends in vectors, and in parameters that it reaches by another way.
        columns: with the vectors, of which each is a leaf.
        size: texts a piece.
        autocast: see `_autocast`.
    """

    total: Tensor
    columns: Sequence[tuple[Column, Tensor]]
    size: int
    autocast: Callable[[], Any]


class _SentThrough(torch.autograd.Function):
    """A loss whose backward pass goes as far as the vectors, then encodes each piece again and sends its gradient on.

    Parameters that the loss reaches by another way than through a column, such as a hash layer over vectors at hand,
    get their gradients in the first of the two.
    """

    @staticmethod
    def forward(ctx: Any, anchor: Tensor, work: _Work) -> Tensor:
        ctx.work = work
        return work.total.detach().clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None]:
        work: _Work = ctx.work
        if work.total.requires_grad:
            torch.autograd.backward(work.total, gradient)
        for column, leaf in work.columns:
            if leaf.grad is None:
                continue
            for piece in column.pieces(work.size):
                with torch.enable_grad(), work.autocast():
                    vectors = column.encoded(piece)
                vectors.backward(leaf.grad[torch.tensor(piece, device=leaf.device)])  # type: ignore[no-untyped-call]
        return None, None
