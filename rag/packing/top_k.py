"""The plainest way to pack: the best passages, as many as fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from spaniel.models.counting import TokenCounter
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.prompt import Excerpt

from .base import Candidate, Packed
from .excerpts import check_budget, check_settings, cost, packed, whole
from .order import Order
from .sentences import leading

__all__ = ["Full", "TopK"]

Full = Literal["cut", "skip", "stop"]


@dataclass(frozen=True, slots=True)
class TopK:
    """The candidates from the best on, until the budget is full.

    Args:
        full: what becomes of a passage that does not fit any more. "cut": as many of its first sentences as fit are
            taken; "skip": it is left out, and shorter ones behind it may still be taken; "stop": it ends the packing.
            Cutting ends it too, unless not even a sentence fits.
        max_passages: no more are taken; any number by default.
        order: in which they are shown; see `order.py`.

    Cost: one count for each candidate looked at.

    Raises:
        InvalidInput: another word, or `max_passages` below 1.
    """

    full: Full = "cut"
    max_passages: int | None = None
    order: Order = "best"
    name: ClassVar[str] = "top-k"

    def __post_init__(self) -> None:
        check_settings(self.name, self.order, self.max_passages)
        if self.full not in get_args(Full):
            raise InvalidInput(self.name, f"full is {self.full!r}; it must be one of {', '.join(get_args(Full))}")

    def pack(
        self, question: str, candidates: Sequence[Candidate], *, budget_tokens: int, count: TokenCounter
    ) -> Packed:
        """See `base.Packer`."""
        check_budget(self.name, budget_tokens)
        left, chosen = budget_tokens, dict[int, Excerpt]()
        for place, candidate in enumerate(candidates):
            if left <= 0 or len(chosen) == self.max_passages:
                break
            if not candidate.passage.text.strip():
                continue
            tokens = cost(candidate.passage, candidate.passage.text, count)
            if tokens <= left:
                chosen[place] = whole(candidate, tokens)
                left -= tokens
            elif self.full == "stop":
                break
            elif self.full == "cut" and (part := leading(candidate, left, count)):
                chosen[place] = part
                left -= part.tokens
                break
        return packed(chosen, candidates, self.order, {"passages": len(chosen), "tokens_left": left})
