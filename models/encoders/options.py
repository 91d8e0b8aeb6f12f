"""The arguments of `open_encoder`, on their way through the modules that open the kinds of model."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spaniel.models.card import Pooling
from spaniel.models.session import Device
from spaniel.models.towers import Towers

__all__ = ["Options", "Precision"]

Precision = Literal["fp32", "int8"]


@dataclass(frozen=True, slots=True)
class Options:
    """See `open_encoder`.

    Attributes:
        of_an_index: the model is that of a card.
        trained: the folder that training wrote, whose tower is being opened.
    """

    precision: Precision
    runtime: str | None
    max_length: int | None
    pooling: Pooling | None
    normalise: bool | None
    query_prompt: str | None
    passage_prompt: str | None
    dimension: int | None
    threads: int
    budget: int | None
    device: Device
    cache: Path
    offline: bool
    say: Callable[[str], None]
    of_an_index: bool = False
    trained: Towers | None = None
