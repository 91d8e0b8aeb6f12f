"""What a packer is: candidates and a budget in, excerpts out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from spaniel.models.counting import TokenCounter
from spaniel.retrieval.prompt import Excerpt
from spaniel.retrieval.types import JSON, Passage

__all__ = ["Candidate", "Packed", "Packer"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that may be packed; candidates come best first."""

    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class Packed:
    """What was chosen.

    Attributes:
        excerpts: in the order in which they are shown.
        tokens: that all of them take together, each counted by itself with its passage's title; never above the budget.
        left_out: how many candidates are not there.
        numbers: what led to the choice, for `explain`.
    """

    excerpts: tuple[Excerpt, ...]
    tokens: int
    left_out: int = 0
    numbers: Mapping[str, JSON] = field(default_factory=dict)


@runtime_checkable
class Packer(Protocol):
    """Chooses what of the candidates a generator reads. Safe to call from several threads.

    A packer is a frozen dataclass: its fields are its settings in Python and TOML. What it chooses depends on nothing
    but what it is given; ties go to the better candidate.

    Attributes:
        name: how traces and errors call it.
    """

    @property
    def name(self) -> str: ...

    def pack(
        self, question: str, candidates: Sequence[Candidate], *, budget_tokens: int, count: TokenCounter
    ) -> Packed:
        """Excerpts of at most `budget_tokens` tokens in all, as `count` counts them; none where nothing fits.

        Raises:
            InvalidInput: a budget below 1.
        """
        ...
